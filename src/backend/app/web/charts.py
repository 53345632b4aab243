"""Shapes for SVG, from numbers: where a bar, a point or a cell lies. Pure; templates draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.dashboard.quality_weeks import QualityWeek
from app.kit.text import counted
from app.kit.times import start_of_day
from app.runs.activity import Activity, RunMark


class Cell(NamedTuple):
    """An hour or day that was not all good: its place, and what went on in words."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of bars, one for each hour or day with runs, as SVG paths.

    The share of failed runs hangs from the top of a bar, that of silent ones stands at its bottom, so that it
    is seen without colours. `words` sum all up, and `notable` cells have words of their own.
    """

    good: str
    failed: str
    silent: str
    notable: Sequence[Cell]
    words: str


CELL, BAR, STRIP_HEIGHT = 10, 8, 16
"""Width of a cell and of the bar in it, and their height, in units of the drawing."""

_LEAST = 3  # units of a share that is not 0


class Axis(NamedTuple):
    """The hours or days of strips, by when each begins; `form` (strftime) is how that is written."""

    starts: tuple[datetime, ...]
    form: str

    def place_of(self, moment: datetime, ahead: int) -> int | None:
        """Where the hour of a moment lies on this axis of hours, `ahead` longer; None where it does not."""
        place = (moment - self.starts[0]) // timedelta(hours=1)
        return place * CELL if 0 <= place < len(self.starts) + ahead else None


# Few agents have a run between two loads of a page, and the drawing is a third of what a page takes.
@lru_cache(maxsize=1_000)  # of a few kilobytes each
def strip(activity: tuple[Activity, ...], axis: Axis, *, detailed: bool = True) -> Strip:
    """A strip of one agent's hours or days; with words for each cell only where it is `detailed`."""
    places = _places(axis)
    good, failed, silent, notable = [], [], [], []
    runs = failures = silences = 0
    for found in activity:
        if found.start not in places:
            continue
        x, start = places[found.start]
        runs, failures, silences = runs + found.runs, failures + found.failed, silences + found.silent
        if not found.failed and not found.silent:
            good.append(_bar(x, 0, STRIP_HEIGHT))
            continue
        # A run that failed without a word is shown as failed.
        top = _units(found.failed, found.runs)
        bottom = _units(min(found.silent, found.runs - found.failed), found.runs)
        failed += [_bar(x, 0, top)] if top else []
        silent += [_bar(x, STRIP_HEIGHT - bottom, bottom)] if bottom else []
        if top + bottom < STRIP_HEIGHT:
            good.append(_bar(x, top, STRIP_HEIGHT - top - bottom))
        if detailed:
            notable.append(Cell(x, f"{start}: {_in_words(found.runs, found.failed, found.silent)}"))
    words = _in_words(runs, failures, silences)
    return Strip("".join(good), "".join(failed), "".join(silent), tuple(notable), words)


@lru_cache(maxsize=8)  # one for each kind of strip on the pages
def _places(axis: Axis) -> Mapping[datetime, tuple[int, str]]:
    """Where each hour or day lies, and how it is written."""
    return {start: (place * CELL, f"{start:{axis.form}}") for place, start in enumerate(axis.starts)}


def _units(part: int, runs: int) -> int:
    """The height of a share: all of the bar for all runs only, and never too low to be seen."""
    if part in (0, runs):
        return STRIP_HEIGHT if part else 0
    return min(max(round(part / runs * STRIP_HEIGHT), _LEAST), STRIP_HEIGHT - 2 * _LEAST)


def _bar(x: int, y: int, height: int) -> str:
    return f"M{x} {y}h{BAR}v{height}h-{BAR}z"


def _in_words(runs: int, failed: int, silent: int) -> str:
    parts = [counted(runs, "run")]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{silent:,} silent"] if silent else []
    return ", ".join(parts)


class Point(NamedTuple):
    """A week's mean with its interval, in units of the drawing."""

    x: float
    y: float
    top: float
    bottom: float
    week: QualityWeek


@dataclass(frozen=True, slots=True)
class Series:
    """Weeks as points, the line through those that have scores, and the scores at the drawing's edges."""

    points: Sequence[Point]
    line: str
    low: float
    high: float


WIDTH, HEIGHT = 960, 140
"""Of the drawing of a series, in its units."""

_EDGE = 12
_LEAST_RANGE = 0.2  # of scores shown: less would make a change of nothing look large


def series(weeks: Sequence[QualityWeek]) -> Series | None:
    """The weeks drawn; None where none has a score."""
    known = [week for week in weeks if week.mean is not None]
    if not known:
        return None
    bounds = [
        week.mean + sign * (week.margin or 0) for week in known for sign in (-1, 1) if week.mean is not None
    ]
    middle, half = (min(bounds) + max(bounds)) / 2, max(max(bounds) - min(bounds), _LEAST_RANGE) / 2
    low, high = max(0.0, middle - half), min(1.0, middle + half)

    def y(score: float) -> float:
        return round(
            HEIGHT - _EDGE - (min(max(score, low), high) - low) / (high - low) * (HEIGHT - 2 * _EDGE), 1
        )

    step = (WIDTH - 2 * _EDGE) / (len(weeks) - 1)
    points = [
        Point(
            round(_EDGE + place * step, 1),
            y(week.mean),
            y(week.mean + (week.margin or 0)),
            y(week.mean - (week.margin or 0)),
            week,
        )
        for place, week in enumerate(weeks)
        if week.mean is not None
    ]
    return Series(points, " ".join(f"{point.x},{point.y}" for point in points), round(low, 2), round(high, 2))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Single runs as bars at their times, as SVG paths, in a drawing of `WIDTH`.

    A failed run fills the upper half, a silent one the lower half, any other all of the height. `now` and
    `expected`, where that is in sight, are places on it; `words` sum all up.
    """

    good: str
    failed: str
    silent: str
    notable: Sequence[Cell]
    now: float
    expected: float | None
    words: str


MARK = 3
"""The width of a run on a timeline, in units of the drawing."""

TIMELINE_HEIGHT = 24


def timeline(
    runs: Sequence[RunMark], start: datetime, now: datetime, end: datetime, expected: datetime | None
) -> Timeline:
    """The runs from `start` up to `now` on a line that ends at `end`, with the one that is expected."""

    def x(moment: datetime) -> float:
        return round((moment - start) / (end - start) * (WIDTH - MARK), 1)

    parts: dict[str, list[str]] = {"good": [], "failed": [], "silent": []}
    notable, half = [], TIMELINE_HEIGHT // 2
    for run in runs:
        kind = "failed" if run.status == "failed" else "silent" if run.silent else "good"
        top, height = {"good": (0, 2 * half), "failed": (0, half), "silent": (half, half)}[kind]
        parts[kind].append(f"M{x(run.at)} {top}h{MARK}v{height}h-{MARK}z")
        if kind != "good":
            notable.append(Cell(x(run.at), f"{run.at:%H:%M} UTC: {kind}"))
    words = _in_words(len(runs), len(parts["failed"]), len(parts["silent"]))
    in_sight = expected is not None and start <= expected <= end
    return Timeline(
        "".join(parts["good"]),
        "".join(parts["failed"]),
        "".join(parts["silent"]),
        notable,
        x(now),
        x(expected) if expected is not None and in_sight else None,
        words,
    )


def hours_until(now: datetime, count: int) -> tuple[datetime, ...]:
    """When each of the last `count` hours began, the present one last."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return tuple(hour - timedelta(hours=ago) for ago in reversed(range(count)))


def days_until(now: datetime, count: int) -> tuple[datetime, ...]:
    """When each of the last `count` days began in UTC, the present one last."""
    day = start_of_day(now)
    return tuple(day - timedelta(days=ago) for ago in reversed(range(count)))
