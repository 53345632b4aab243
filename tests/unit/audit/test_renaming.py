"""An agent that took another name is distinguished from one that stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.domain.finding import Finding
from app.audit.domain.renaming import name_successor, similar_names

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STOPPED = Finding(
    "stopped_reporting",
    "sage",
    "high",
    "sage has not reported since 09:00 UTC",
    {},
    last_run_at=NOON - 3 * HOUR,
)


@pytest.mark.parametrize("other", ["Sage", "sage-v2", "team/sage", "SAGE_2", "sage (new)"])
def test_names_that_say_the_same(other: str) -> None:
    assert similar_names(["sage"], ["nova", other, "sage"]) == {"sage": [other]}


def test_numbers_tell_agents_apart() -> None:
    assert similar_names(["agent-1", "sage", "-"], ["agent-2", "agent-10", "agent-1", "sagebrush", "-"]) == {}


def test_the_first_that_began_afterwards_may_be_the_same() -> None:
    began = {"sage-v2": NOON - HOUR, "sage-v3": NOON - HOUR / 2, "sage-old": NOON - 30 * HOUR}
    finding = name_successor(STOPPED, began, NOON)
    assert finding.message == (
        "sage has not reported since 09:00 UTC; sage-v2 began to report 11:00 UTC: was it renamed?"
    )
    assert finding.evidence["perhaps_renamed_to"] == "sage-v2"
    assert finding.key == STOPPED.key


def test_an_agent_that_was_there_before_is_another() -> None:
    assert name_successor(STOPPED, {"sage-old": NOON - 30 * HOUR}, NOON) == STOPPED
