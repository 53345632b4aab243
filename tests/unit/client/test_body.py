"""What the body of a report keeps of whatever an agent gives."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_run_log._body import Facts, entry_of
from agent_run_log._plain import DEEPEST
from app.kit import strict_json

MOMENT = datetime(2026, 11, 30, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Change:
    path: Path
    lines: int


class Rude:
    def __repr__(self) -> str:
        raise LookupError


class Broken(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise OSError(key)

    def __iter__(self) -> Iterator[str]:
        raise ConnectionError

    def __len__(self) -> int:
        return 1


def sent(actions: object) -> tuple[Any, tuple[str, ...]]:
    """The actions as the server reads them, which must take them, and the notes."""
    entry, notes = entry_of(Facts("sage", "success", actions), None)
    strict_json.check_text(strict_json.loads(entry.body))
    return json.loads(entry.body)["actions_taken"], notes


@pytest.mark.parametrize(
    "actions",
    [
        {},
        {"summary": "Füße 😀", "n": 1, "big": 10**300, "f": 0.1, "none": None, "list": [True, {"a": []}]},
        {"many": [{"a": [1]} for _ in range(200)]},
    ],
)
def test_json_is_kept_as_it_is(actions: dict[str, Any]) -> None:
    assert sent(actions) == (actions, ())


@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20),
    )
)
def test_whatever_text_there_is_the_server_takes_it(actions: dict[str, Any]) -> None:
    kept, _ = sent(actions)
    assert len(kept) == len(actions)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ("a\x00b\ud800c", "a\ufffdb\ufffdc"),
        (MOMENT, "2026-11-30T01:02:03+02:00"),
        (date(2026, 11, 30), "2026-11-30"),
        (timedelta(minutes=1), 60.0),
        (Path("/tmp/a"), "/tmp/a"),  # noqa: S108
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (Decimal("1.5"), 1.5),
        (Decimal("0.1000000000000000000001"), "0.1000000000000000000001"),
        (Decimal("sNaN"), "NaN"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, 2), [1, 2]),
        (Change(Path("a.py"), 3), {"path": "a.py", "lines": 3}),
        ({1: "a", "1": "b", None: "c", (1, 2): "d"}, {"1": "a", "1_": "b", "null": "c", "[1, 2]": "d"}),
        (1j, "1j"),
        (Rude(), "<Rude>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_becomes_text(value: object, kept: object) -> None:
    assert sent({"value": value, "summary": "kept"})[0] == {"value": kept, "summary": "kept"}


def test_an_integer_that_python_does_not_write_is_described() -> None:
    assert sent({"value": 10**5000})[0] == {"value": "(an integer of 16,610 bits)"}


def test_what_was_changed_is_noted_once() -> None:
    notes = sent({"values": [math.nan, math.inf, object(), object()]})[1]
    assert notes == (
        "numbers that JSON does not have were written as text",
        "values of the type object were written as text",
    )


def test_what_holds_itself_or_is_too_deep_is_cut() -> None:
    actions: dict[str, Any] = {"summary": "kept"}
    actions["self"] = actions
    deep: Any = "bottom"
    for _ in range(3 * DEEPEST):
        deep = [deep]
    kept, notes = sent({**actions, "deep": deep})
    assert kept["summary"] == "kept"
    assert "(nested too deep)" in json.dumps(kept["deep"])
    assert len(notes) == 2


def test_actions_that_cannot_be_read_leave_the_run_reported() -> None:
    kept, notes = sent(Broken())
    assert kept == {"report_cut": "its actions could not be read"}
    assert notes == ("its actions could not be read: ConnectionError",)


@pytest.mark.parametrize(("actions", "kept"), [("did it", {"summary": "did it"}), ([1], {"result": [1]})])
def test_actions_that_are_no_dictionary_are_kept_in_one(actions: object, kept: object) -> None:
    assert sent(actions)[0] == kept


def test_no_actions_are_none() -> None:
    entry, _ = entry_of(Facts("sage", "success"), None)
    assert json.loads(entry.body) == {"agent_id": "sage", "status": "success"}


def test_a_report_that_is_too_long_is_cut_where_it_is_longest() -> None:
    kept, notes = sent({"summary": "Read it all", "log": "x" * 3_000_000, "rows": list(range(1000))})
    assert (kept["summary"], kept["rows"]) == ("Read it all", list(range(1000)))
    assert kept["log"].endswith("… (2,934,464 characters cut)")
    assert notes == ("texts and lists longer than 65,536 were cut to fit into 1,048,576 bytes",)


def test_of_a_report_that_stays_too_long_the_summary_is_kept() -> None:
    kept, notes = sent({"summary": "Read it all", **{f"key {number}": "x" * 100 for number in range(20_000)}})
    assert kept == {"summary": "Read it all", "report_cut": "it was too long"}
    assert notes == ("only its summary was kept to fit into 1,048,576 bytes",)


def test_the_longest_report_is_what_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_MAX_BODY_BYTES", "4000000")
    assert sent({"log": "x" * 3_000_000})[1] == ()


def test_moments_without_an_offset_are_local() -> None:
    naive = datetime(2026, 11, 30, 1, 2, 3)  # noqa: DTZ001
    facts = Facts("sage", "success", started_at=naive, finished_at=MOMENT, source="celery")
    body = json.loads(entry_of(facts, None)[0].body)
    assert datetime.fromisoformat(body["started_at"]) == naive.astimezone(UTC)
    assert (body["finished_at"], body["source"]) == ("2026-11-30T01:02:03+02:00", "celery")


def test_moments_of_another_type_are_left_out_and_noted() -> None:
    facts = Facts("sage", "success", started_at="now")  # type: ignore[arg-type]
    entry, notes = entry_of(facts, None)
    assert b"started_at" not in entry.body
    assert notes == ("started_at was left out: it is no datetime",)


def test_a_run_without_a_key_gets_one_of_its_own() -> None:
    facts = Facts("sage", "success")
    assert len({entry_of(facts, None)[0].run_key for _ in range(10)}) == 10


@pytest.mark.parametrize("key", ["", "two words", "é", "x" * 256, "\ud800"])
def test_a_key_that_the_server_would_refuse_becomes_one_made_of_it(key: str) -> None:
    facts = Facts("sage", "success")
    (first, notes), (second, _) = entry_of(facts, key), entry_of(facts, key)
    assert first.run_key == second.run_key
    assert first.run_key.startswith("sha256:")
    assert notes == ("the run key was replaced: it is not 1 to 255 visible ASCII characters",)


def test_an_entry_without_its_times_is_the_same_report_else() -> None:
    actions = {"summary": "Fixed it", "started_at": "noon", "last": '","finished_at":"x"}'}
    entry, _ = entry_of(Facts("sage", "success", actions, "exec", MOMENT, MOMENT), "key")
    report = json.loads(entry.body)
    assert {"started_at", "finished_at", "source"} < set(report)
    del report["started_at"], report["finished_at"]
    assert json.loads(entry.without_times().body) == report
    assert entry.without_times().run_key == "key"
    plain, _ = entry_of(Facts("sage", "success", actions, None, None, None), "key")
    assert plain.without_times().body == plain.body
