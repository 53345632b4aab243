"""Sums over a window of the log, read from its rollups: the rows that are read do not grow with the log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Integer,
    Interval,
    Select,
    String,
    Subquery,
    and_,
    any_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from app.kit.sql import OVERALL
from app.models import AgentRollup, AgentRunLog, RunRollup
from app.models.agent_run_log import AUDITOR
from app.models.run_rollup import HOUR, MINUTE

_MOMENT = DateTime(timezone=True)
_HOUR: ColumnElement[timedelta] = literal_column(f"interval '{HOUR} minutes'", Interval)
_MINUTE: ColumnElement[timedelta] = literal_column(f"interval '{MINUTE} minutes'", Interval)
_EPOCH: ColumnElement[datetime] = literal_column("timestamptz '2000-01-01 00:00Z'", _MOMENT)

Moment = datetime | ColumnElement[datetime]
"""A moment, or SQL of one, such as of `now()` in a statement that is made once."""

_SCORES = (func.sum(OVERALL).label("overall_sum"), func.count(OVERALL).label("scored"))


class Quality(NamedTuple):
    """The mean overall score of some runs; `mean` is None when none of them has one."""

    mean: float | None = None
    runs: int = 0

    @classmethod
    def of(cls, overall_sum: Decimal | None, scored: int) -> "Quality":
        """From the sum of `scored` scores, rounded as it is shown; None where no float holds it."""
        mean = float(overall_sum / scored) if overall_sum is not None and scored else None
        return cls(round(mean, 4) if mean is not None and isfinite(mean) else None, scored)


def successes_since(start: Moment) -> Select[int]:
    """How many runs succeeded, without the Auditor's, from `start` on, a full hour in UTC."""
    total = func.coalesce(func.sum(RunRollup.succeeded), 0)
    return select(cast(total, BigInteger)).where(RunRollup.width == HOUR, RunRollup.bucket >= start)


def successes_between(start: Moment, end: Moment) -> Select[int]:
    """How many runs succeeded, without the Auditor's, from `start`, a full hour in UTC, up to `end`'s minute.

    Minutes are known for `MINUTES_KEPT`.
    """
    last_hour, total = _floor(end, _HOUR), func.coalesce(func.sum(RunRollup.succeeded), 0)
    whole_hours = and_(RunRollup.width == HOUR, RunRollup.bucket >= start, RunRollup.bucket < last_hour)
    minutes = and_(
        RunRollup.width == MINUTE, RunRollup.bucket >= last_hour, RunRollup.bucket < _floor(end, _MINUTE)
    )
    return select(cast(total, BigInteger)).where(or_(whole_hours, minutes))


def runs_between(start: datetime, end: datetime) -> Select[int, int]:
    """How many runs there were, without the Auditor's, and how many succeeded, between full hours in UTC."""
    created_at, bucket = AgentRunLog.created_at, RunRollup.bucket
    # The fleet's hours count the Auditor's runs among all, and nowhere else.
    of_auditor = AgentRunLog.agent_id == AUDITOR, created_at >= start, created_at < end
    audits = select(func.count()).where(*of_auditor).scalar_subquery()
    runs, succeeded = (func.coalesce(func.sum(each), 0) for each in (RunRollup.runs, RunRollup.succeeded))
    hours = RunRollup.width == HOUR, bucket >= start, bucket < end
    return select(cast(runs - audits, BigInteger), cast(succeeded, BigInteger)).where(*hours)


def scores_between(start: Moment, end: Moment) -> Select[Decimal | None, int]:
    """`Quality.of`'s figures for the runs, not the Auditor's, created after `start` up to `end`, hours later.

    Whole hours, the minutes between them and the window's ends, and the runs of the two minutes in which
    it begins and ends.
    """
    first_minute, last_minute = _floor(start, _MINUTE) + _MINUTE, _floor(end, _MINUTE)
    first_hour, last_hour = _floor(first_minute - _MINUTE, _HOUR) + _HOUR, _floor(last_minute, _HOUR)
    created_at, of_agents = AgentRunLog.created_at, AgentRunLog.agent_id != AUDITOR
    parts: CompoundSelect[Any, Any] = union_all(
        _fleet(HOUR, first_hour, last_hour),
        _fleet(MINUTE, first_minute, first_hour),
        _fleet(MINUTE, last_hour, last_minute),
        select(*_SCORES).where(created_at > start, created_at < first_minute, of_agents),
        select(*_SCORES).where(created_at >= last_minute, created_at <= end, of_agents),
    )
    return select(*_total(parts.subquery()))


def scores_by_day(end: datetime, days: int) -> Select[int, Decimal | None, int]:
    """What `scores_between` gives of each of the last `days` times 24 hours up to `end` that has any runs.

    Days are counted back, 0 being the newest. All of them begin in the same minute of an hour, so that of the
    hours in which they begin the minutes are read, and of these minutes the runs.
    """
    start, created_at = end - timedelta(days=days), AgentRunLog.created_at
    begins = [end - timedelta(days=day) for day in range(days + 1)]
    hour, minute = _floors(begins, _HOUR), _floors(begins, _MINUTE)
    minutes = (
        _fleet(MINUTE, hour.c.begins, hour.c.begins + _HOUR, RunRollup.bucket)
        .where(RunRollup.bucket > start, RunRollup.bucket < end)
        .where(RunRollup.bucket.not_in(select(minute.c.begins)))
        .group_by(RunRollup.bucket)
    )
    of_hour = minutes.lateral()
    runs = (
        select(_day(created_at, end), *_SCORES)
        .where(created_at >= minute.c.begins, created_at < minute.c.begins + _MINUTE)
        .where(created_at > start, created_at <= end, AgentRunLog.agent_id != AUDITOR)
        .group_by("day")
    )
    of_minute = runs.lateral()
    parts: CompoundSelect[Any, Any] = union_all(
        _fleet(HOUR, start, end, _day(RunRollup.bucket, end))
        .where(RunRollup.bucket.not_in(select(hour.c.begins)))
        .group_by("day"),
        select(_day(of_hour.c.bucket, end), of_hour.c.overall_sum, of_hour.c.scored).join_from(
            hour, of_hour, true()
        ),
        select(of_minute).join_from(minute, of_minute, true()),
    )
    part = parts.subquery()
    return select(part.c.day, *_total(part)).group_by(part.c.day)


def agent_scores_since(agent_ids: Sequence[str], start: datetime) -> Select[str, Decimal | None, int]:
    """Those of `agent_ids` with `Quality.of`'s figures that have runs created at `start` or later.

    Their whole hours, and the runs of the hour in which the window begins.
    """
    ids, first_hour = (
        cast(literal(list(agent_ids), ARRAY(String)), ARRAY(String)),
        _floor(start, _HOUR) + _HOUR,
    )
    whole_hours = select(AgentRollup.agent_id, *_sums(AgentRollup)).where(
        AgentRollup.agent_id == any_(ids), AgentRollup.bucket >= first_hour
    )
    first_runs = select(AgentRunLog.agent_id, *_SCORES).where(
        AgentRunLog.agent_id == any_(ids),
        AgentRunLog.created_at >= start,
        AgentRunLog.created_at < first_hour,
    )
    part = union_all(
        whole_hours.group_by(AgentRollup.agent_id), first_runs.group_by(AgentRunLog.agent_id)
    ).subquery()
    return select(part.c.agent_id, *_total(part)).group_by(part.c.agent_id)


def agent_scores_in(agent_id: str, start: datetime) -> Select[Decimal | None, Decimal | None]:
    """The sum and number of the agent's scores of the hours from `start` on: a new score changes them."""
    return select(*_sums(AgentRollup)).where(AgentRollup.agent_id == agent_id, AgentRollup.bucket >= start)


def _fleet(width: int, start: Any, end: Any, *keys: Any) -> Select[Any]:
    return select(*keys, *_sums(RunRollup)).where(
        RunRollup.width == width, RunRollup.bucket >= start, RunRollup.bucket < end
    )


def _floors(moments: Sequence[datetime], width: ColumnElement[timedelta]) -> Subquery:
    """`_floor` of the moments, as a table of its own."""
    times = cast(literal(list(moments), ARRAY(_MOMENT)), ARRAY(_MOMENT))
    return select(_floor(func.unnest(times).column_valued("moment"), width).label("begins")).subquery()


def _day(moment: Any, end: datetime) -> ColumnElement[int]:
    age = func.extract("epoch", literal(end, _MOMENT) - moment)
    return cast(func.floor(age / 86_400), Integer).label("day")


def _sums(rollup: type[RunRollup | AgentRollup]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return func.sum(rollup.overall_sum).label("overall_sum"), func.sum(rollup.scored).label("scored")


def _total(part: Subquery) -> tuple[ColumnElement[Decimal | None], ColumnElement[int]]:
    scored = cast(func.coalesce(func.sum(part.c.scored), 0), BigInteger)
    return func.sum(part.c.overall_sum).label("overall_sum"), scored.label("scored")


def _floor(moment: Moment, width: ColumnElement[timedelta]) -> ColumnElement[datetime]:
    """When the `width` in UTC began in which `moment` lies."""
    value = literal(moment, _MOMENT) if isinstance(moment, datetime) else moment
    return func.date_bin(width, value, _EPOCH, type_=_MOMENT)
