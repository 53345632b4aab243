"""`parse_run`: every bad input is an error an agent can act on, every good one is kept as sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRunError
from app.runs.parsing import parse_run
from app.runs.run import MAX_AGENT_ID, Run
from support.bad_runs import BAD_RUNS, nested


def body(actions: str = "{}", *, agent: str = '"sage"', status: str = '"success"') -> bytes:
    """A report whose parts are given as JSON text."""
    return f'{{"agent_id": {agent}, "status": {status}, "actions_taken": {actions}}}'.encode()


@pytest.mark.parametrize(("data", "place"), BAD_RUNS)
def test_bad_input_is_refused_in_the_shape_of_fastapi(data: bytes, place: str) -> None:
    with pytest.raises(InvalidRunError) as caught:
        parse_run(data)
    for error in caught.value.errors:
        assert set(error) >= {"type", "loc", "msg", "input"}
        assert error["loc"][0] == "body"
        assert error["msg"]
    assert place in {str(part) for error in caught.value.errors for part in error["loc"]}
    assert str(caught.value)


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_body_is_a_run_or_an_invalid_run_error(data: bytes) -> None:
    with pytest.raises(InvalidRunError):
        parse_run(data)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.floats(), max_size=2), max_size=4))
def test_what_is_accepted_is_kept_and_what_is_refused_is_an_invalid_run_error(
    actions: dict[str, Any],
) -> None:
    sent = json.dumps(actions)
    try:
        run = parse_run(body(sent))
    except InvalidRunError:
        assert any(bad in sent for bad in ("\\u0000", "NaN", "Infinity", "\\ud", "\\u00"))
    else:
        assert run.actions_json == sent


@pytest.mark.parametrize(
    "sent", ["{}", '{ "b" :1.50, "a":\t1e3 }', '{"a": 1, "a": 2}', '{"n": ' + "7" * 5000 + "}"]
)
def test_the_payload_is_kept_as_the_text_it_was_sent_as(sent: str) -> None:
    assert parse_run(body(sent)).actions_json == sent


def test_actions_may_be_left_out() -> None:
    run = parse_run(b'{"agent_id": "sage", "status": "partial"}')
    assert (run.actions_json, run.summary, run.silent) == ("{}", None, True)


def test_unknown_fields_are_ignored() -> None:
    run = parse_run(b'{"agent_id": "sage", "status": "failed", "run_at": 1, "extra": {"deep": [1e999]}}')
    assert (run.agent_id, run.status) == ("sage", "failed")


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        (" sage ", "sage"),
        ("\t\nsage\u00a0", "sage"),
        (" " * 300 + "sage", "sage"),
        ("a b", "a b"),
        ("é" * MAX_AGENT_ID, "é" * MAX_AGENT_ID),
        ("😀" * MAX_AGENT_ID, "😀" * MAX_AGENT_ID),
    ],
)
def test_the_agent_id_is_trimmed_and_else_kept(given_id: str, kept: str) -> None:
    assert parse_run(body(agent=json.dumps(given_id))).agent_id == kept


@pytest.mark.parametrize("summary", ["5", "null", "true", "[]", '{"text": "x"}'])
def test_a_summary_that_is_no_string_is_no_action_summary(summary: str) -> None:
    run = parse_run(body(f'{{"summary": {summary}}}'))
    assert run.summary is None
    assert run.actions_json == f'{{"summary": {summary}}}'


def test_nesting_is_allowed_to_its_limit() -> None:
    assert parse_run(body(nested(100))).actions_json == nested(100)


@pytest.mark.parametrize("key", ["k", "k" * 255, "".join(map(chr, range(0x21, 0x7F)))])
def test_an_idempotency_key_of_visible_ascii_is_taken(key: str) -> None:
    assert parse_run(body(), key).idempotency_key == key


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "k\n", "ключ", "\x7f"])
def test_any_other_idempotency_key_is_refused_by_the_name_of_its_header(key: str) -> None:
    with pytest.raises(InvalidRunError) as caught:
        parse_run(body(), key)
    assert caught.value.errors[0]["loc"] == ["header", "Idempotency-Key"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("run_key", key) for key in ("", "k" * 256, "a b", "k\n", "ключ", "\x7f")),
        *(("source", source) for source in ("", "s" * 65, " s", "s ", "s\n", "s\ts", "источник")),
    ],
)
def test_a_key_or_source_within_a_report_is_refused_by_the_name_of_its_field(field: str, value: str) -> None:
    with pytest.raises(InvalidRunError) as caught:
        parse_run(json.dumps({"agent_id": "sage", "status": "success", field: value}).encode())
    assert [error["loc"] for error in caught.value.errors] == [["body", field]]


def digest(actions: str, status: str = "success") -> bytes:
    """The digest of a report with these actions."""
    run: Run = parse_run(body(actions, status=json.dumps(status)))
    return run.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": {"c": [1, 2], "d": null}}', '{"b":{"d":null,"c":[1,2]},"a":1}'),
        ('{"é": "\\u00e9"}', '{"\\u00e9": "é"}'),
    ],
)
def test_the_same_payload_written_differently_has_the_same_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": ' + "1" * 5000 + "}", '{"a": ' + "1" * 4999 + "2}"),
        ('{"a": 0.1234567890123456789}', '{"a": 0.1234567890123456788}'),
        ("{}", '{"a": null}'),
    ],
)
def test_another_payload_has_another_digest(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_another_status_has_another_digest() -> None:
    assert digest("{}") != digest("{}", "failed")
