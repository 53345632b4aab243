"""Outages: told from the reports of all, and looked up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.cadence import Outage, Outages, find_outages

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


def test_a_quiet_weekend_is_no_outage() -> None:
    office = {
        name: [at for at in times if at // DAY % 7 not in (2, 3)]  # day 0 was a Thursday
        for name, times in fleet(20, days=35).items()
    }
    assert find_outages(office) == []


def test_slow_is_an_outage_too() -> None:
    reports = fleet(40, lost=(15, 16))
    for name, times in fleet(40).items():
        if name in ("agent-1", "agent-2", "agent-3"):
            reports[name] = times
    [outage] = find_outages(reports)
    assert outage.end - outage.start == pytest.approx(DAY, abs=HOUR)


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
