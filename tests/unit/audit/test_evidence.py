"""The evidence of a finding in words."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.domain.evidence import Fact, ending_reason, ending_run, facts

RUN_ID = "0f9b0c5e-8f1a-4a53-9a68-0d4f0c1f7a11"
AT = datetime(2026, 11, 24, 9, 12, tzinfo=UTC)
RUN = {"id": RUN_ID, "status": "success", "created_at": AT.isoformat(), "summary": "Fixed it"}
AMOUNT = st.none() | st.booleans() | st.integers() | st.floats()
USAGE = st.fixed_dictionaries(dict.fromkeys(("amount", "median", "most", "limit"), AMOUNT))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    (
        *("last_success", "first_run", "count", "of", "expected_by", "cadence", "learned"),
        *("mean", "past_mean", "stopped_with", "perhaps_renamed_to", "schedule", "usage"),
    )
)


def test_of_an_overdue_agent_it_says_by_when_it_was_expected_and_why() -> None:
    evidence = {
        "last_success": RUN,
        "expected_by": AT.isoformat(),
        "due_at": None,
        "cadence": "about every hour",
        "learned": True,
        "stopped_with": ["nova", "atlas"],
    }
    assert facts(evidence) == [
        Fact("Last good run", "Fixed it", AT, UUID(RUN_ID)),
        Fact("Expected by", moment=AT),
        Fact("Its rhythm, learned", "about every hour"),
        Fact("Stopped with", agent_ids=("nova", "atlas")),
    ]


def test_of_a_large_group_the_first_few_are_named() -> None:
    agents = [f"agent-{number}" for number in range(1_500)]
    assert facts({"agents": agents}) == [Fact("Agents", "and 1,480 more", agent_ids=tuple(agents[:20]))]


def test_a_good_run_that_is_not_known_is_said_to_be_unknown() -> None:
    assert facts({"last_success": None}) == [Fact("Last good run", "none among the runs that were looked at")]


def test_counts_and_means_are_numbers_for_people() -> None:
    found = facts({"count": 1200, "of": 2000, "mean": 0.41234, "past_mean": 0.7})
    assert found == [Fact("Runs", "1,200 of 2,000"), Fact("Mean score", "0.41, before 0.70")]


@pytest.mark.parametrize("closing", [None, {}, {"reason": 5, "run": []}, {"run": {"id": "x"}}])
def test_an_end_without_a_proof_has_none(closing: object) -> None:
    assert ending_run(closing) is ending_reason(closing) is None  # type: ignore[arg-type]


def test_an_end_names_its_reason_and_its_run() -> None:
    closing = {"reason": "nova succeeded", "run": {"id": RUN_ID}}
    assert (ending_reason(closing), ending_run(closing)) == ("nova succeeded", UUID(RUN_ID))


def test_what_an_unusual_run_took_stands_beside_what_is_usual() -> None:
    seconds = {"amount": 15_120.0, "median": 720.0, "most": 1500.0, "limit": 4500.0}
    cost = {"amount": 4.5, "median": 0.02, "most": 0.05, "limit": 0.15}
    assert facts({"unusual_run": RUN, "usage": {"seconds": seconds, "cost_usd": cost, "tokens": {}}}) == [
        Fact("The unusual run", "Fixed it", AT, UUID(RUN_ID)),
        Fact("Time", "4 h 12 min; usual 12 min, at most 25 min, unusual from 1 h 15 min"),
        Fact("Cost", "$4.50; usual $0.0200, at most $0.0500, unusual from $0.15"),
    ]


@given(USAGE)
def test_any_amounts_of_other_programs_can_be_read(amounts: dict[str, object]) -> None:
    assert len(facts({"usage": dict.fromkeys(("seconds", "cost_usd", "tokens"), amounts)})) in (0, 3)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_any_json_of_other_programs_can_be_read(evidence: dict[str, object]) -> None:
    assert all(fact.label for fact in facts(evidence))
