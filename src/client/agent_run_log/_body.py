"""The body of a report: what an agent says of a run, as the JSON that the server takes."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent_run_log._entry import Entry
from agent_run_log._plain import Plain, encode, shorten
from agent_run_log._settings import longest_body

LONGEST_KEY = 255
"""Characters of a run key, of visible ASCII."""

# Characters of each text, and values of each list, that are tried in turn until a report fits.
_SHORTER = (65_536, 8_192, 1_024, 128)
_LONGEST_SUMMARY = 2_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What is said of a run, as it was given."""

    agent_id: str
    status: str
    actions: object = None
    source: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


def entry_of(facts: Facts, run_key: str | None) -> tuple[Entry, tuple[str, ...]]:
    """The entry for the server, and notes of what could not be kept as it was given.

    The key is a new one where none is given. A key that the server would refuse becomes one that is made of
    it, the same each time.
    """
    notes: dict[str, None] = {}
    try:
        body = _body(facts, notes)
    except Exception as error:  # noqa: BLE001  # reading it may run code of others, which raises anything
        notes[f"its actions could not be read: {type(error).__name__}"] = None
        body = _body(replace(facts, actions={"report_cut": "its actions could not be read"}), notes)
    key = new_key() if run_key is None else _usable_key(str(run_key), notes)
    return Entry(body, key), tuple(notes)


def new_key() -> str:
    """A run key that no other run has."""
    return uuid.uuid4().hex


def _body(facts: Facts, notes: dict[str, None]) -> bytes:
    report: dict[str, Any] = {"agent_id": facts.agent_id, "status": facts.status}
    if facts.actions is not None:
        report["actions_taken"] = _object(facts.actions, notes)
    if facts.source is not None:
        report["source"] = facts.source
    for name in ("started_at", "finished_at"):
        moment = getattr(facts, name)
        if isinstance(moment, datetime):  # one without an offset is of the local time zone
            report[name] = (moment if moment.tzinfo else moment.astimezone()).isoformat()
        elif moment is not None:
            notes[f"{name} was left out: it is no datetime"] = None
    body = encode(report)
    if body is None:
        plain = Plain()
        report = plain.of(report)
        notes.update(plain.notes)
        body = _dumps(report)
    return body if len(body) <= longest_body() else _shortened(report, notes)


def _object(actions: object, notes: dict[str, None]) -> object:
    if isinstance(actions, Mapping):
        return actions
    name = "summary" if isinstance(actions, str) else "result"
    notes[f"actions are no dictionary and became its {name}"] = None
    return {name: actions}


def _shortened(report: dict[str, Any], notes: dict[str, None]) -> bytes:
    limit = longest_body()
    report = Plain().of(report)
    for longest in _SHORTER:
        body = _dumps(shorten(report, longest))
        if len(body) <= limit:
            notes[f"texts and lists longer than {longest:,} were cut to fit into {limit:,} bytes"] = None
            return body
    notes[f"only its summary was kept to fit into {limit:,} bytes"] = None
    actions = report.get("actions_taken")
    summary = actions.get("summary") if isinstance(actions, dict) else None
    kept = {"summary": shorten(summary, _LONGEST_SUMMARY)} if isinstance(summary, str) else {}
    return _dumps({**report, "actions_taken": {**kept, "report_cut": "it was too long"}})


def _dumps(report: object) -> bytes:
    return json.dumps(report, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _usable_key(key: str, notes: dict[str, None]) -> str:
    if 1 <= len(key) <= LONGEST_KEY and all("!" <= character <= "~" for character in key):
        return key
    notes["the run key was replaced: it is not 1 to 255 visible ASCII characters"] = None
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
