"""What agents report in practice, by kind: which say nothing and which fail, and where that is news."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Report = tuple[str, dict[str, Any]]
"""A status, and the actions taken."""

META = {
    "durationMs": 812,
    "model": "m-1",
    "usage": {"input_tokens": 812, "output_tokens": 9},
    "sessionId": "5f0c",
}
SILENT: tuple[dict[str, Any], ...] = (
    {},
    {"summary": ""},
    {"summary": "HEARTBEAT_OK"},
    {"summary": "**HEARTBEAT_OK**"},
    {"summary": "HEARTBEAT_OK."},
    {"summary": "NO_REPLY", **META},
    {"summary": "", **META},
    {"summary": "[SILENT]"},
    {"summary": "(empty response)", **META},
    {"summary": "ok"},
    {"summary": "Done"},
    {"summary": "."},
)
NOTHING_TO_DO = {"summary": "Nothing to do"}


@dataclass
class Outcomes:
    """What an agent's runs report, in order.

    `silence` and `trouble` are the runs, first and last, in which it says nothing, fails or does not succeed
    though that is not its way: each is to be reported once. Where `lasting` is False its rate is.
    """

    reports: list[Report]
    silence: list[tuple[int, int]] = field(default_factory=list)
    trouble: list[tuple[int, int]] = field(default_factory=list)
    by_nature: bool = False


Kind = Callable[[random.Random, int], Outcomes]
"""The outcomes of so many runs."""


def working(chance: random.Random, number: int) -> Report:
    """A run that says what it did."""
    done = chance.randrange(1, 40)
    return "success", {"summary": f"Synchronised {done} invoices, batch {number}", "invoices": done, **META}


def failing(chance: random.Random, number: int) -> Report:
    """A run that failed."""
    return "failed", {"summary": f"Batch {number} aborted", "error": chance.choice(["timed out", "refused"])}


def partial(_: random.Random, number: int) -> Report:
    """A run that got only so far."""
    return "partial", {"summary": f"Batch {number} skipped the locked rows"}


def _quiet(chance: random.Random) -> Callable[[], Report]:
    """In one way for ever."""
    actions = chance.choice(SILENT)
    return lambda: ("success", dict(actions))


def productive(chance: random.Random, count: int) -> Outcomes:
    """It always says what it did."""
    return Outcomes([working(chance, number) for number in range(count)])


def falls_silent(chance: random.Random, count: int) -> Outcomes:
    """It works, and from one run on says nothing, for a dozen runs or for good."""
    found, quiet = productive(chance, count), _quiet(chance)
    first = chance.randrange(count // 3, count // 2)
    last = min(first + chance.choice([12, 30, count]), count)
    found.reports[first:last] = [quiet() for _ in range(first, last)]
    found.silence = [(first, last - 1)]
    return found


def nothing_to_do(chance: random.Random, count: int) -> Outcomes:
    """It works, and then has nothing to do forty times in a row."""
    found, first = productive(chance, count), chance.randrange(count // 3, count // 2)
    last = min(first + 40, count)
    found.reports[first:last] = [("success", dict(NOTHING_TO_DO)) for _ in range(first, last)]
    found.silence = [(first, last - 1)]
    return found


def half_silent(chance: random.Random, count: int) -> Outcomes:
    """It works, and from one run on says nothing every second time."""
    found, quiet = productive(chance, count), _quiet(chance)
    first = chance.randrange(count // 3, count // 2)
    for number in range(first, count, 2):
        found.reports[number] = quiet()
    found.silence = [(first, count - 1)]
    return found


def heartbeat(chance: random.Random, count: int) -> Outcomes:
    """It never says anything."""
    quiet = _quiet(chance)
    return Outcomes([quiet() for _ in range(count)])


def watcher(share: float) -> Kind:
    """It says something only where it saw something: not in so large a share of its runs."""

    def outcomes(chance: random.Random, count: int) -> Outcomes:
        quiet = _quiet(chance)
        return Outcomes([quiet() if chance.random() < share else working(chance, n) for n in range(count)])

    return outcomes


def silent_at_night(chance: random.Random, count: int) -> Outcomes:
    """Eight of its 24 runs say nothing, each night."""
    quiet = _quiet(chance)
    return Outcomes([quiet() if n % 24 < 8 else working(chance, n) for n in range(count)])


def fails_for_a_while(chance: random.Random, count: int) -> Outcomes:
    """A streak of failures, broken by partial runs."""
    found = productive(chance, count)
    first = chance.randrange(count // 3, count // 2)
    last = min(first + chance.choice([6, 15, 40]), count)
    for number in range(first, last):
        broken = chance.random() < 0.25 and first + 3 <= number < last - 1
        found.reports[number] = (partial if broken else failing)(chance, number)
    found.trouble = [(first, last - 1)]
    return found


def flaky_at_night(chance: random.Random, count: int) -> Outcomes:
    """Its four runs from three to six fail most nights, from the beginning."""
    found = productive(chance, count)
    for number in range(count):
        if number % 24 in range(3, 7) and chance.random() < 0.95:
            found.reports[number] = failing(chance, number)
    found.trouble, found.by_nature = [(0, count - 1)], True
    return found


def fails_by_nature(chance: random.Random, count: int) -> Outcomes:
    """One run in four fails, whenever."""
    found = productive(chance, count)
    for number in range(count):
        if chance.random() < 0.25:
            found.reports[number] = failing(chance, number)
    found.trouble, found.by_nature = [(0, count - 1)], True
    return found


def partial_for_ever(chance: random.Random, count: int) -> Outcomes:
    """From one run on it is partial, and never fails."""
    found, first = productive(chance, count), chance.randrange(count // 3, count // 2)
    found.reports[first:] = [partial(chance, number) for number in range(first, count)]
    found.trouble = [(first, count - 1)]
    return found


def partial_by_nature(chance: random.Random, count: int) -> Outcomes:
    """It is partial in two runs of three, for ever."""
    found = productive(chance, count)
    for number in range(count):
        if chance.random() < 0.66:
            found.reports[number] = partial(chance, number)
    return found


OUTCOMES: dict[str, Kind] = {
    "productive": productive,
    "falls silent": falls_silent,
    "nothing to do, 40 times": nothing_to_do,
    "every second run silent": half_silent,
    "heartbeat": heartbeat,
    "watcher, 95 % silent": watcher(0.95),
    "watcher, 60 % silent": watcher(0.6),
    "silent every night": silent_at_night,
    "fails, partial between": fails_for_a_while,
    "flaky every night": flaky_at_night,
    "one run in four fails": fails_by_nature,
    "partial for ever": partial_for_ever,
    "partial by nature": partial_by_nature,
}
