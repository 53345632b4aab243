"""OTLP's traces into the log: a body in either encoding, the runs that its spans tell of, and the answer."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from app import metrics
from app.errors import InvalidRunError
from app.intake.domain import otlp_json
from app.intake.domain.otlp import read_spans
from app.intake.domain.spans import Span
from app.intake.recording import as_run, record
from app.logs import get_logger
from app.runs.run import Run

JSON, PROTOBUF = "application/json", "application/x-protobuf"

log = get_logger(__name__)


class Codec(NamedTuple):
    """What reads requests and writes answers of a `media_type`.

    `decode` raises `UndecodableError`; `answer` takes how many spans were rejected, and why the first was;
    `status` a code of `google.rpc` and a sentence.
    """

    media_type: str
    decode: Callable[[bytes], list[Span]]
    answer: Callable[[int, str], bytes]
    status: Callable[[int, str], bytes]


class Outcome(NamedTuple):
    """How many spans were rejected, and why the first was."""

    rejected: int
    reason: str


async def load_codec(media_type: str) -> Codec | None:
    """The codec of a media type, None where there is none; in a thread, for it may be loaded first."""
    if media_type == JSON:
        return Codec(JSON, otlp_json.decode, otlp_json.answer, otlp_json.status)
    return await asyncio.to_thread(_protobuf) if media_type == PROTOBUF else None


def _protobuf() -> Codec:
    from app.intake import otlp_protobuf

    return Codec(PROTOBUF, otlp_protobuf.decode, otlp_protobuf.answer, otlp_protobuf.status)


async def record_spans(body: bytes, decode: Callable[[bytes], list[Span]]) -> Outcome:
    """Record the runs that an export request tells of.

    Raises `UndecodableError`, and `IngestUnavailableError` where a run was not committed: the exporter sends
    the request again, and what has been recorded is not recorded twice.
    """
    # A full body takes a tenth of a second, in which reports must not wait.
    runs, refused, others = await asyncio.to_thread(_read, body, decode)
    recorded = await record(runs)
    refused += map(str, recorded.refused)
    metrics.SPANS.labels("run").inc(recorded.new + recorded.known)
    metrics.SPANS.labels("other").inc(others)
    if refused:
        metrics.SPANS.labels("rejected").inc(len(refused))
        log.warning("spans_rejected", spans=len(refused), reason=refused[0])
    return Outcome(len(refused), refused[0] if refused else "")


def _read(body: bytes, decode: Callable[[bytes], list[Span]]) -> tuple[list[Run], list[str], int]:
    reading = read_spans(decode(body))
    runs, refused = [], reading.refused
    for report in reading.reports:
        try:
            runs.append(as_run(report))
        except InvalidRunError as error:
            refused.append(str(error))
    return runs, refused, reading.others
