"""Failure rates and flapping."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.patterns import FailureRate, Flapping

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
rate, flapping = FailureRate(3), Flapping()


def history(statuses: str) -> AgentHistory:
    """Newest first: `F` failed, `s` succeeded, `p` went in part."""
    names = {"F": "failed", "s": "success", "p": "partial"}
    return AgentHistory(
        "nova",
        NOON,
        tuple(
            ReportedRun(f"run-{i}", names[status], NOON - i * timedelta(hours=1), summary="it did not work")
            for i, status in enumerate(statuses)
        ),
    )


def test_half_of_the_newest_runs_failed() -> None:
    finding = rate.check(history("FsFFsFsFFsFsFssFsFsF" + "s" * 20))
    assert finding
    assert finding.message == (
        "nova failed in 11 of its last 20 runs since 2026-08-31 17:00 UTC, last with “it did not work”"
    )
    assert (finding.evidence["count"], finding.evidence["severity"]) == (11, "medium")
    assert finding.evidence["last_success"]["id"] == "run-1"


@pytest.mark.parametrize(
    "statuses",
    [
        "F" * 19,
        "F" * 20,
        "FFF" + "sF" * 9,
        "s" + "F" * 19,
        "F" + "s" * 5 + "F" * 9 + "s" * 5,
        "Fs" * 4 + "s" * 12,
        "Fp" * 3 + "p" * 14,
    ],
    ids=["few runs", "in a row", "in a row at last", "a success", "one streak", "seldom", "partial"],
)
def test_what_is_no_failure_rate(statuses: str) -> None:
    assert rate.check(history(statuses)) is None


def test_a_failure_rate_stays_until_it_is_below_thirty_per_cent() -> None:
    fewer = "s" * 8 + "F" * 6 + "s" * 6
    assert rate.check(history(fewer)) is None
    assert rate.check(history(fewer), is_open=True)
    assert rate.check(history("s" + fewer[:-1].replace("F", "s", 1)), is_open=True) is None


def test_going_to_and_fro_is_flapping() -> None:
    finding = flapping.check(history("Fs" * 7 + "ssssss"))
    assert finding
    assert finding.message.startswith(
        "nova went from failing to not failing or back 13 times in its last 20 runs since "
    )


@pytest.mark.parametrize(
    "statuses", ["Fs" * 9, "s" + "Fs" * 9 + "s", "Fs" * 5 + "s" * 10, "F" * 10 + "s" * 10]
)
def test_what_is_no_flapping(statuses: str) -> None:
    assert flapping.check(history(statuses)) is None


def test_flapping_stays_until_it_goes_evenly() -> None:
    fewer = "s" * 8 + "Fs" * 3 + "s" * 6
    assert flapping.check(history(fewer)) is None
    assert flapping.check(history(fewer), is_open=True)
    assert flapping.check(history("s" * 14 + "Fs" * 2 + "ss"), is_open=True) is None


def rounds(statuses: Sequence[str]) -> int:
    """How many times either rule would have opened over these runs, oldest first."""
    opened, was_open = 0, {rate: False, flapping: False}
    for i in range(len(statuses)):
        judged = history("".join(reversed(statuses[max(0, i - 49) : i + 1])))
        for rule in was_open:
            found = rule.check(judged, is_open=was_open[rule]) is not None
            opened += found and not was_open[rule]
            was_open[rule] = found
    return opened


def test_a_failure_now_and_then_is_neither() -> None:
    chance = random.Random(1)
    assert rounds(["F" if chance.random() < 0.05 else "s" for _ in range(2500)]) == 0
