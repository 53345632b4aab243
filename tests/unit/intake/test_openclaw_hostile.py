"""Whatever a body holds, it is read as something, and nothing of it is kept that may not be."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake.domain.openclaw.calibration import MOST_EVENTS, MOST_UNKNOWN
from app.intake.domain.openclaw.facts import Fact, RunFact, UnknownFact
from app.intake.domain.openclaw.history import History
from app.intake.domain.openclaw.shapes import facts_of
from app.intake.domain.openclaw.unknown import LEFT_OUT
from app.kit import strict_json
from support.openclaw import body

FORMS = (
    *("webhook-ok-command", "webhook-ok-NO_REPLY", "completion-1", "alert-1", "plugin-after_tool_call-3"),
    *("plugin-cron_finished-04-error-command", "plugin-cron_updated-1", "cli-cron-runs-timeout"),
)
ODD: list[Any] = [
    *(None, True, -1, 10**30, 1.5, " ", "\0", "\ud800", "x" * 3000, "ok", {}, [[]], {"a": {}}, ["ok"]),
]
NAMES = [
    *("event", "ctx", "events", "jobs", "job", "action", "jobId", "runAtMs", "status", "message", "payload"),
    *("sessionKey", "toolName", "result", "details", "exitCode", "schedule", "state", "id", "entries", "run"),
]
# As a body is read: a number beyond any float is a Decimal, and none is infinite.
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(Decimal("1e400"))
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


def check(facts: list[Fact]) -> None:
    """The facts can be kept on disk and in the database."""
    assert facts
    assert msgspec.json.decode(msgspec.json.encode(facts), type=list[Fact]) == facts
    strict_json.check_text(msgspec.to_builtins(facts))


def with_each_place_odd(value: Any, odd: Any) -> Any:
    """Copies of `value`, in each of which another place holds what is odd."""
    yield odd
    if isinstance(value, dict):
        for key, item in value.items():
            for changed in with_each_place_odd(item, odd):
                yield {**value, key: changed}
            yield {name: each for name, each in value.items() if name != key}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for changed in with_each_place_odd(item, odd):
                yield [*value[:place], changed, *value[place + 1 :]]


@pytest.mark.parametrize("name", FORMS)
def test_a_known_form_with_something_else_at_any_place(name: str) -> None:
    for odd in ODD:
        for changed in with_each_place_odd(body(name), odd):
            check(facts_of(changed))
            history = History()
            history.add(changed)
            history.facts()


@given(anything)
def test_any_json(value: Any) -> None:
    check(facts_of(value))
    history = History()
    history.add(value)
    history.facts()


def test_what_is_not_understood_keeps_no_prompt_and_no_credential() -> None:
    secret = "ghp_" + "a1B2" * 9
    sent = {
        "kind": "something new",
        "job": {"payload": {"message": "the prompt", "argv": ["rm", "-r"]}, "system-prompt": "be good"},
        "password": "hunter2hunter2",
        "note": f"by {secret}",
    }
    [fact] = facts_of(sent)
    assert isinstance(fact, UnknownFact)
    assert fact.body == {
        "kind": "something new",
        "job": {"payload": {"message": LEFT_OUT, "argv": LEFT_OUT}, "system-prompt": LEFT_OUT},
        "password": "[redacted]",
        "note": "by [redacted]",
    }
    [stored] = facts_of(sent, store_prompts=True)
    assert "the prompt" in str(stored)
    assert secret not in str(stored)


def test_of_a_huge_event_the_outline_is_kept() -> None:
    [fact] = facts_of({"new": "x" * 200_000, "more": list(range(50_000))})
    assert isinstance(fact, UnknownFact)
    assert fact.body == {"outline": {"new": "str", "more": "list"}}
    [fact] = facts_of({f"field {number}": "x" * 50 for number in range(500)})
    assert isinstance(fact, UnknownFact)
    assert len(json.dumps(fact.body)) < MOST_UNKNOWN


def test_a_huge_batch_and_huge_texts_are_bounded() -> None:
    event = body("plugin-cron_finished-04-error-command")
    facts = facts_of({"events": [event["event"]] * (MOST_EVENTS + 5)})
    assert len([fact for fact in facts if isinstance(fact, RunFact)]) == MOST_EVENTS
    assert isinstance(facts[-1], UnknownFact)
    event["event"] |= {"summary": "s" * 900_000, "error": "e" * 900_000}
    [run] = [fact for fact in facts_of(event) if isinstance(fact, RunFact)]
    assert len(json.dumps(run.actions)) < 20_000
    assert run.actions["output"].endswith("s")
