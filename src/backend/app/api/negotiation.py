"""Which of several representations a client wants (RFC 9110, 12.5.1)."""

import re
from collections.abc import Sequence

_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+)\s*((?:;[^;]*)*)", re.ASCII)
_WEIGHT = re.compile(r";\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?=;|$)", re.IGNORECASE)
_ANY_WEIGHT = re.compile(r";\s*q\s*=", re.IGNORECASE)


def preferred(accept: str, offers: Sequence[str]) -> str | None:
    """The one of `offers`, media types in the server's order, that `accept` wants most, if any.

    Of the ranges that cover a type the most specific one weighs it. Parameters other than the weight, and
    parts that are no media range, are ignored. A header without any range accepts anything.
    """
    weights: dict[str, float] = {}
    for part in accept.split(","):
        found = _RANGE.fullmatch(part)
        weight = _weight(found[2]) if found else None
        if found and weight is not None:
            weights[found[1].lower()] = weight
    if not weights:
        return offers[0]
    best = max(offers, key=lambda offer: _of(offer, weights))
    return best if _of(best, weights) > 0 else None


def _weight(parameters: str) -> float | None:
    """1 where none is given; None for one that is malformed."""
    given = _WEIGHT.search(parameters)
    if given:
        return float(given[1])
    return None if _ANY_WEIGHT.search(parameters) else 1.0


def _of(offer: str, weights: dict[str, float]) -> float:
    ranges = (offer, f"{offer.partition('/')[0]}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)
