"""Outages: known from the reports of all, and looked up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.cadence import Outage, Outages, find_outages, present_outage

HOUR, DAY = 3_600.0, 86_400.0
START = 20_000 * DAY

spans = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 100)), max_size=8).map(
    lambda found: [Outage(start, start + length) for start, length in found]
)


def fleet(
    agents: int, days: int = 21, *, lost: tuple[float, float] = (0, 0), every: float = HOUR
) -> dict[str, list[float]]:
    """Agents that report regularly, but for some days."""
    chance = random.Random(1)
    reports = {}
    for n in range(agents):
        offset = chance.random() * every
        times = [START + offset + i * every for i in range(int(days * DAY / every))]
        reports[f"agent-{n}"] = [
            at for at in times if not START + lost[0] * DAY <= at < START + lost[1] * DAY
        ]
    return reports


@pytest.mark.parametrize("lost", [(15.2, 15.4), (18, 19.5), (9, 9.1)])
def test_a_silence_of_all_is_an_outage(lost: tuple[float, float]) -> None:
    [outage] = find_outages(fleet(20, lost=lost))
    assert outage.start == pytest.approx(START + lost[0] * DAY, abs=HOUR)
    assert outage.end == pytest.approx(START + lost[1] * DAY, abs=HOUR)
    assert outage.end >= START + lost[1] * DAY


@pytest.mark.parametrize(
    "reports",
    [
        fleet(20),
        fleet(20, lost=(3, 4)),
        fleet(4, lost=(15, 16)),
        fleet(20, lost=(15.2, 15.205)),
        {**fleet(20, every=DAY), "busy": fleet(1, every=60.0, lost=(15.2, 15.4))["agent-0"]},
        {**fleet(10), **{f"gone-{n}": times[:200] for n, times in enumerate(fleet(10).values())}},
        {"a": [START]},
        {},
    ],
    ids=[
        "none",
        "in the first week",
        "few agents",
        "minutes",
        "of one busy agent",
        "of half",
        "one run",
        "nothing",
    ],
)
def test_what_is_no_outage(reports: dict[str, list[float]]) -> None:
    assert find_outages(reports) == []


END = START + 21 * DAY


@pytest.mark.parametrize(("every", "minutes"), [(HOUR, 60), (600.0, 15), (300.0, 12)])
def test_an_outage_is_known_within_minutes_by_what_is_missing(every: float, minutes: float) -> None:
    """And is over as soon as agents are back."""
    reports = fleet(40, every=every, lost=(21 - minutes / 1440, 22))
    outage = present_outage(reports, END)
    assert outage
    assert outage.end == END
    assert END - 60 * minutes - HOUR / 4 <= outage.start < END - 300
    back = {name: [*times, END - 30 - n] for n, (name, times) in enumerate(reports.items()) if n < 15}
    assert present_outage(reports | back, END) is None


@pytest.mark.parametrize(
    "reports",
    [
        fleet(40),
        fleet(40, days=6, lost=(5.9, 6)),
        fleet(4, every=300.0, lost=(20.9, 21)),
        fleet(40, every=DAY, lost=(20.98, 21)),
        {**fleet(20, every=DAY), "busy": fleet(1, every=60.0, lost=(20.9, 21))["agent-0"]},
        {**fleet(20, every=600.0), **{f"gone-{n}": [START] for n in range(40)}},
        {},
    ],
    ids=["none", "first week", "few agents", "rare reports", "of one busy agent", "gone for long", "nothing"],
)
def test_what_is_no_outage_now(reports: dict[str, list[float]]) -> None:
    assert present_outage(reports, END) is None


def test_a_quiet_weekend_is_no_outage() -> None:
    office = {
        name: [at for at in times if at // DAY % 7 not in (2, 3)]  # day 0 was a Thursday
        for name, times in fleet(20, days=35).items()
    }
    assert find_outages(office) == []
    assert [day for day in range(14, 35) if present_outage(office, START + day * DAY + DAY / 2)] == []


def test_slow_is_an_outage_too() -> None:
    reports = fleet(40, lost=(15, 16))
    for name, times in fleet(40).items():
        if name in ("agent-1", "agent-2", "agent-3"):
            reports[name] += [at for at in times if START + 15 * DAY <= at < START + 16 * DAY][::4]
            reports[name].sort()
    [outage] = find_outages(reports)
    assert outage.end - outage.start == pytest.approx(DAY, abs=HOUR)


@pytest.mark.parametrize("lost", [20, 34])
def test_where_some_go_on_as_usual_the_others_are_lost_and_it_is_no_outage(lost: int) -> None:
    reports = fleet(40, lost=(15, 16))
    reports |= {name: times for name, times in fleet(40).items() if int(name.split("-")[1]) >= lost}
    assert find_outages(reports) == []
    now = START + 15 * DAY
    assert not present_outage(reports, now + 4 * HOUR)
    if lost == 34:
        assert not present_outage(reports, now + 1.5 * HOUR)


@given(spans, st.integers(0, 1100), st.integers(0, 200))
def test_looking_up(found: list[Outage], start: int, length: int) -> None:
    end = start + length
    outages = Outages(found)
    merged = [moment for moment in range(1200) if any(each.start <= moment < each.end for each in found)]
    assert outages.within(start, end) == len([moment for moment in merged if start <= moment < end])
    if length:
        assert outages.touches(start, end) == any(start <= moment < end for moment in merged)
    over = [each.end for each in found if each.start < end and each.end > start]
    latest = outages.over(start, end)
    assert (latest is None) == (not over)
    assert latest is None or latest >= max(over)
