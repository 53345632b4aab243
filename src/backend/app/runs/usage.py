"""How long a run took, how many tokens and how much money it used, where its report carries that.

By the conventional fields of OpenClaw, Claude Code, Codex and OpenTelemetry, however their names are written,
in the report itself or in objects of it. Of several the one that stands highest counts.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from app.runs.payloads import NumberText
from app.silent_texts import field_name

SECONDS: Mapping[str, float] = {
    **dict.fromkeys(("durationms", "runtimems", "elapsedms", "tookms", "totaldurationms"), 0.001),
    **dict.fromkeys(("durations", "durationseconds", "elapseds", "elapsedseconds", "runtimes"), 1.0),
    "durationminutes": 60.0,
}
"""Seconds in a unit of each field that says how long it took, as `field_name` writes it."""

COSTS = ("totalcostusd", "costusd")
"""Fields of a cost in US dollars."""

TOTALS = ("totaltokens",)
"""Fields of all tokens."""

PARTS = (
    *("inputtokens", "outputtokens", "prompttokens", "completiontokens"),
    *("cachereadtokens", "cachereadinputtokens", "cachecreationinputtokens"),
)
"""Fields of tokens that add up where there is no total. Codex' `cached_input_tokens` are among its input."""

_FIELDS = frozenset((*SECONDS, *COSTS, *TOTALS, *PARTS))
_OPENTELEMETRY = "genaiusage"  # of `gen_ai.usage.input_tokens`
_LONGEST_KEY = 64  # characters: more than any of these with all separators
_MOST_OBJECTS = 100  # looked into: what a report says of itself stands near its top
_MOST = 1e15  # what no run takes of anything


class Usage(NamedTuple):
    """What a run took; None where its report does not say."""

    seconds: float | None = None
    tokens: int | None = None
    cost_usd: float | None = None


def usage_of(payload: Any) -> Usage:
    """What a report says that its run took; its numbers are Python's, or as `read_payload` reads them."""
    seconds = tokens = cost = None
    for found in filter(None, _objects(payload)):
        seconds = _first(seconds, [found[name] * unit for name, unit in SECONDS.items() if name in found])
        cost = _first(cost, [found[name] for name in COSTS if name in found])
        parts = [found[name] for name in PARTS if name in found]
        totals = [found[name] for name in TOTALS if name in found]
        tokens = _first(tokens, totals or ([sum(parts)] if parts else []))
    return Usage(seconds, None if tokens is None else round(tokens), cost)


def _first(known: float | None, found: list[float]) -> float | None:
    return known if known is not None or not found else found[0]


def _objects(payload: Any) -> Iterator[dict[str, float]]:
    """Of the payload's objects, the highest first, the amounts that say what the run took, by field."""
    waiting, looked_into = deque([payload]), 0
    while waiting and looked_into < _MOST_OBJECTS:
        value = waiting.popleft()
        if not isinstance(value, dict):
            continue
        looked_into += 1
        yield {
            name: amount
            for key, number in value.items()
            if len(key) <= _LONGEST_KEY and (name := _field(key)) and (amount := _amount(number)) is not None
        }
        waiting.extend(value.values())


@lru_cache(maxsize=4096)
def _field(key: str) -> str | None:
    """The field that a key is however it is written; None where it says nothing of what a run took."""
    name = field_name(key).removeprefix(_OPENTELEMETRY)
    return name if name in _FIELDS else None


def _amount(value: Any) -> float | None:
    """A number that can be an amount; None for anything else, such as a text or a truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | NumberText):
        return None
    try:
        amount = float(value)
    except (OverflowError, ValueError):  # an integer beyond any float, or a NaN that signals
        return None
    return amount if 0 <= amount < _MOST else None
