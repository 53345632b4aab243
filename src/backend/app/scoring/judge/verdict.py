"""Parsing a judge's answer: it is taken as a judgement only if it is exactly one."""

import re
from typing import Annotated

import msgspec

from app.kit.secrets import redact
from app.kit.strict_json import StrictJSONError, check_text

_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
_DIGITS = 4  # decimals of a score

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9 _-]{0,39}$")]
Reason = Annotated[str, msgspec.Meta(max_length=600)]


class VerdictError(ValueError):
    """The answer is no judgement; the text says why, without repeating it."""


class Verdict(msgspec.Struct, frozen=True):
    """A judgement: `overall` and every dimension in 0..1."""

    overall: Share
    dimensions: Annotated[dict[Name, Share], msgspec.Meta(min_length=1, max_length=12)]
    reasons: Annotated[list[Reason], msgspec.Meta(max_length=8)]


_decode = msgspec.json.Decoder(Verdict).decode


def read_verdict(text: str) -> Verdict:
    """The judgement in a judge's answer. Raises `VerdictError`.

    A model whose endpoint does not enforce JSON may put it into a Markdown block; nothing else may stand
    beside it.
    """
    text = text.strip()
    if block := _FENCED.fullmatch(text):
        text = block[1]
    try:
        verdict = _decode(text)
        check_text([*verdict.dimensions, *verdict.reasons])
    except (msgspec.MsgspecError, StrictJSONError, UnicodeError, RecursionError) as error:
        raise VerdictError(f"the answer is no judgement: {error}") from error
    return Verdict(
        overall=round(verdict.overall, _DIGITS),
        dimensions={name: round(value, _DIGITS) for name, value in verdict.dimensions.items()},
        reasons=[redact(reason) for reason in verdict.reasons],
    )
