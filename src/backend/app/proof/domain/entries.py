"""Entries: what the leaves of the log hold, byte for byte.

An entry is a JSON object of texts, nulls, lists of these and its version, in one form alone: keys sorted, no
white space, ASCII. What PostgreSQL holds as JSON goes in as the text that PostgreSQL prints of it, so that no
number is read and written again. A moment is the text that `to_char` makes of it in UTC by `MOMENT_PATTERN`,
or null.

`docs/reference/proof-format.md` has all of it for those who verify without this code.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import Any

from app.errors import ProofFormatError
from app.kit.strict_json import StrictJSONError, loads

VERSION = 1

MOMENT_PATTERN = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
"""How `to_char(moment AT TIME ZONE 'UTC', …)` writes the moments of entries."""

SALT_BYTES = 32
"""Random bytes of a salt, as many as SHA-256 gives: too many to try."""


class Kind(StrEnum):
    """What an entry is about."""

    RUN = "run"
    SCORES = "scores"
    EVENT = "event"
    KEY = "key"
    ERASURE = "erasure"


FIELDS = {
    Kind.RUN: {"agent_id", "created_at", "id", "payload", "run_at", "status"},
    Kind.SCORES: {"at", "by", "runs"},
    Kind.EVENT: {"at", "by", "operation", "row", "table"},
    Kind.KEY: {"at", "key", "state"},
    Kind.ERASURE: {"at", "by", "reason", "run_id"},
}
"""The fields of each kind of entry, beside `kind` and `v`."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes of a document in its one form."""
    return _encode(document).encode("ascii")


def payload_bytes(action_summary: str | None, actions_taken: str | None) -> bytes:
    """What an agent reported, as the commitment covers it: `actions_taken` as PostgreSQL prints it."""
    return f'{{"action_summary":{_json(action_summary)},"actions_taken":{_json(actions_taken)}}}'.encode(
        "ascii"
    )


def commitment(salt: bytes, payload: bytes) -> bytes:
    """The hash that stands for a payload in its run's entry; it tells nothing once the salt is destroyed.

    Raises ProofFormatError for a salt of another length than `SALT_BYTES`.
    """
    if len(salt) != SALT_BYTES:
        raise ProofFormatError(f"a salt has {SALT_BYTES} bytes")
    return sha256(salt + payload).digest()


def run_entry(
    *, id_: str, agent_id: str, run_at: str | None, status: str, created_at: str | None, payload: bytes
) -> bytes:
    """The entry of a run's own fields; `id_` is its UUID in lower case, `payload` the commitment."""
    return (
        f'{{"agent_id":{_json(agent_id)},"created_at":{_json(created_at)},"id":{_json(id_)},"kind":"{Kind.RUN.value}",'
        f'"payload":"{payload.hex()}","run_at":{_json(run_at)},"status":{_json(status)},"v":{VERSION}}}'
    ).encode("ascii")


def scores_entry(scores: Iterable[tuple[str, str | None]], *, at: str, by: str) -> bytes:
    """The entry of what runs show as scores: each run's id, and PostgreSQL's text of the JSONB or None.

    `at` is when it was sealed, `by` the database's user who wrote them.
    """
    runs = [[run_id, text if text is None else sha256(text.encode()).hexdigest()] for run_id, text in scores]
    return _entry(Kind.SCORES, runs=runs, at=at, by=by)


def event_entry(*, table: str, operation: str, row: str, at: str, by: str) -> bytes:
    """The entry of a change of a row of another table: `insert`, `update` or `delete`.

    `row` is PostgreSQL's text of the row as JSONB, as it became or, deleted, as it was; `at` is when the
    change was made and `by` the database's user who made it.
    """
    return _entry(Kind.EVENT, table=table, operation=operation, row=row, at=at, by=by)


def key_entry(*, key: str, state: str, at: str) -> bytes:
    """The entry of a signing key that `begins` or `ends`; `key` is the text of its verifier key."""
    return _entry(Kind.KEY, key=key, state=state, at=at)


def erasure_entry(*, run_id: str, at: str, by: str, reason: str) -> bytes:
    """The entry of a payload that was erased: of which run, when, by whom and why."""
    return _entry(Kind.ERASURE, run_id=run_id, at=at, by=by, reason=reason)


def parse_entry(content: bytes) -> dict[str, Any]:
    """Read an entry. Raises ProofFormatError where it has not the one form, or is of no known kind."""
    try:
        entry = loads(content)
    except StrictJSONError as error:
        raise ProofFormatError(f"an entry is JSON: {error}") from None
    if not isinstance(entry, dict) or type(entry.get("v")) is not int or entry["v"] != VERSION:
        raise ProofFormatError(f"an entry is an object of version {VERSION}")
    kind = entry.get("kind")
    if kind not in list(Kind) or set(entry) != {"kind", "v", *FIELDS[Kind(kind)]}:
        raise ProofFormatError("an entry is of a known kind and has the fields of that kind")
    if not all(map(_is_plain, entry.values())) or canonical(entry) != content:
        raise ProofFormatError("an entry's bytes are not in their one form")
    return entry


def _is_plain(value: Any) -> bool:
    """Whether it is of what entries are made of: texts, null, lists of these, and the version."""
    return all(map(_is_plain, value)) if isinstance(value, list) else type(value) in (str, int, type(None))


def _json(value: str | None) -> str:
    # What a log has millions of is put together by hand, in a third of the time.
    return "null" if value is None else encode_basestring_ascii(value)


def _entry(kind: Kind, **fields: Any) -> bytes:
    return canonical({"kind": kind.value, "v": VERSION, **fields})
