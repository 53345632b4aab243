"""The judge's budget: how many calls are left of a UTC day, and how those that were made ended."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Date, Double, Integer, bindparam, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import JudgeOutcome, JudgeUsage
from app.scoring.judge.reply import Reply

# By the database's clock, so that all workers agree on the day.
_TODAY = cast(func.timezone("UTC", func.clock_timestamp()), Date)
_TAKE = text("""
INSERT INTO judge_usage AS used (day, calls)
SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, 1 WHERE :budget > 0
ON CONFLICT (day) DO UPDATE SET calls = used.calls + 1 WHERE used.calls < :budget
RETURNING calls
""").bindparams(bindparam("budget", type_=Integer))


@dataclass(frozen=True, slots=True)
class JudgeCosts:
    """Today's calls and tokens, and all calls ever, by outcome, with the seconds they took."""

    calls_today: int
    prompt_tokens_today: int
    completion_tokens_today: int
    calls: Mapping[str, int]
    seconds: Mapping[str, float]


async def take_call(session: AsyncSession, budget: int) -> bool:
    """Take one of today's `budget` calls, if one is left; concurrent callers never get the same one."""
    return await session.scalar(_TAKE, {"budget": budget}) is not None


async def calls_left(session: AsyncSession, budget: int) -> int:
    """How many of today's `budget` calls are left."""
    used = await session.scalar(select(JudgeUsage.calls).where(JudgeUsage.day == _TODAY))
    return max(0, budget - (used or 0))


async def record_usage(session: AsyncSession, reply: Reply) -> None:
    """Keep how a call went and what it cost."""
    outcome = insert(JudgeOutcome).values(
        day=_TODAY, outcome=reply.outcome.value, calls=1, seconds=literal(reply.seconds, Double)
    )
    await session.execute(
        outcome.on_conflict_do_update(
            index_elements=[JudgeOutcome.day, JudgeOutcome.outcome],
            set_={
                "calls": JudgeOutcome.calls + outcome.excluded.calls,
                "seconds": JudgeOutcome.seconds + outcome.excluded.seconds,
            },
        )
    )
    if not reply.prompt_tokens + reply.completion_tokens:
        return
    tokens = insert(JudgeUsage).values(
        day=_TODAY, prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
    )
    await session.execute(
        tokens.on_conflict_do_update(
            index_elements=[JudgeUsage.day],
            set_={
                "prompt_tokens": JudgeUsage.prompt_tokens + tokens.excluded.prompt_tokens,
                "completion_tokens": JudgeUsage.completion_tokens + tokens.excluded.completion_tokens,
            },
        )
    )


async def judge_costs(session: AsyncSession) -> JudgeCosts:
    """What judging has cost so far."""
    today = (await session.execute(select(JudgeUsage).where(JudgeUsage.day == _TODAY))).scalar_one_or_none()
    sums = await session.execute(
        select(
            JudgeOutcome.outcome,
            func.sum(JudgeOutcome.calls).label("calls"),
            func.sum(JudgeOutcome.seconds).label("seconds"),
        ).group_by(JudgeOutcome.outcome)
    )
    outcomes = sums.all()
    return JudgeCosts(
        calls_today=today.calls if today else 0,
        prompt_tokens_today=today.prompt_tokens if today else 0,
        completion_tokens_today=today.completion_tokens if today else 0,
        calls={row.outcome: row.calls for row in outcomes},
        seconds={row.outcome: row.seconds for row in outcomes},
    )
