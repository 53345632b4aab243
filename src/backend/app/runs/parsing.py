"""From the bytes an agent sent to a `Run`, or to errors it can act on.

1. A fast decoder reads the three fields and leaves the payload as text.
2. The payload is parsed strictly, for its summary and for whether it is silent.
3. Where any of it fails, the whole body is validated again by FastAPI's own means, whose errors are answered.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from app.errors import InvalidRunError
from app.kit import strict_json
from app.kit.invisible import is_visible
from app.kit.strict_json import BYTE_ORDER_MARK
from app.runs.run import AGENT, MAX_AGENT_ID, STATUSES, Run
from app.runs.silence import is_silent
from app.runs.wire import SOURCE, VISIBLE_ASCII, RunIn, reported_moment

_NULL, _NOTHING = b"null", b"{}"


class _Wire(msgspec.Struct):
    agent_id: str
    status: str
    actions_taken: msgspec.Raw = msgspec.Raw(_NOTHING)
    run_key: str | None = None
    source: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class _Origin(NamedTuple):
    """Which run it is, who reports it, and when it was; all of it optional."""

    idempotency_key: str | None = None
    source: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


_decode = msgspec.json.Decoder(_Wire).decode


def parse_run(body: bytes, idempotency_key: str | None = None) -> Run:
    """Validate a request's body. Raises `InvalidRunError` with FastAPI-shaped errors.

    The object in `actions_taken` is kept as the text it was sent as, so numbers of any size and
    precision reach PostgreSQL unchanged.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder leaves fields it ignores unchecked
        wire = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if body.startswith(BYTE_ORDER_MARK) and not body.startswith(2 * BYTE_ORDER_MARK):
            return parse_run(body.removeprefix(BYTE_ORDER_MARK), idempotency_key)
        raise _explain(body, str(error)) from error
    agent_id = wire.agent_id.strip()
    if (
        not is_visible(agent_id)
        or len(agent_id) > MAX_AGENT_ID
        or "\0" in agent_id
        or wire.status not in STATUSES
    ):
        raise _explain(body, "the run is not valid")
    if idempotency_key is not None and not VISIBLE_ASCII.fullmatch(idempotency_key):
        raise InvalidRunError.of(
            "Idempotency-Key must be 1 to 255 visible ASCII characters", "header", "Idempotency-Key"
        )
    raw = bytes(wire.actions_taken)
    if raw == _NULL:
        raw = _NOTHING
    actions = _parse_actions(raw)
    summary = actions.get("summary")
    key, source, started_at, finished_at = _origin(wire, body, idempotency_key)
    return Run(
        agent_id=agent_id,
        status=wire.status,
        actions_json=raw.decode(),
        summary=summary if isinstance(summary, str) else None,
        silent=is_silent(actions),
        idempotency_key=key,
        source=source,
        started_at=started_at,
        finished_at=finished_at,
    )


def _origin(wire: _Wire, body: bytes, header: str | None) -> _Origin:
    if wire.run_key is wire.source is wire.started_at is wire.finished_at is None:
        return _Origin(header)
    if (wire.run_key is not None and not VISIBLE_ASCII.fullmatch(wire.run_key)) or (
        wire.source is not None and not SOURCE.fullmatch(wire.source)
    ):
        raise _explain(body, "the run is not valid")
    try:
        started_at = None if wire.started_at is None else reported_moment(wire.started_at)
        finished_at = None if wire.finished_at is None else reported_moment(wire.finished_at)
    except ValueError as error:
        raise _explain(body, str(error)) from error
    if wire.run_key and header and wire.run_key != header:
        raise InvalidRunError.of("run_key and Idempotency-Key name different runs", "body", "run_key")
    source = None if wire.source == AGENT else wire.source
    return _Origin(header or wire.run_key, source, started_at, finished_at)


def _parse_actions(raw: bytes) -> dict[str, Any]:
    try:
        actions = strict_json.loads(raw)
        if b"\\u" in raw:
            strict_json.check_text(actions)
    except strict_json.StrictJSONError as error:
        raise InvalidRunError.of(error.msg, "body", "actions_taken") from error
    if not isinstance(actions, dict):
        raise InvalidRunError.of(
            "Input should be a valid dictionary", "body", "actions_taken", type_="dict_type", input_=actions
        )
    return actions


def _explain(body: bytes, reason: str) -> InvalidRunError:
    """Say what FastAPI itself would say of `body`, which the fast decoder refused with `reason`."""
    try:
        RunIn.model_validate(strict_json.loads(body))
    except strict_json.StrictJSONError as error:
        return _json_invalid(error.msg, error.pos)
    except ValidationError as error:
        return InvalidRunError(
            [
                {**detail, "loc": ["body", *detail["loc"]]}
                for detail in error.errors(include_url=False, include_context=True)
            ]
        )
    return _json_invalid(reason, 0)


def _json_invalid(reason: str, position: int) -> InvalidRunError:
    return InvalidRunError(
        [
            {
                "type": "json_invalid",
                "loc": ["body", position],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": reason},
            }
        ]
    )
