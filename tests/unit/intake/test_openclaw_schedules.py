"""What is declared of an agent by its jobs in OpenClaw."""

from typing import Any

import pytest

from app.audit.cadence import parse_schedule
from app.intake.domain.openclaw.facts import JobFact
from app.intake.domain.openclaw.jobs import job_of, jobs_of
from app.intake.domain.openclaw.schedules import Declaration, NotDeclared, declaration_of
from support.openclaw import body

THREE_O_CLOCK_MS = 1_795_402_800_000  # in UTC


def job(kind: str, **schedule: Any) -> JobFact:
    """A job with a schedule of this kind."""
    return JobFact("job", agent="main", schedule={"kind": kind, **schedule})


def declared(*jobs: JobFact, timezone: str | None = None) -> tuple[str, str] | str:
    """What is declared by the jobs, or why nothing is."""
    said = declaration_of(jobs, timezone)
    if isinstance(said, NotDeclared):
        return said.reason
    parse_schedule(*said)
    return tuple(said)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ({"everyMs": 21_600_000, "anchorMs": 1}, "every 6h"),
        ({"everyMs": 60_000}, "every 1m"),
        ({"everyMs": 90_000}, "every 90s"),
        ({"everyMs": 604_800_000}, "every 7d"),
    ],
)
def test_an_interval(schedule: dict[str, int], text: str) -> None:
    assert declared(job("every", **schedule)) == (text, "UTC")


@pytest.mark.parametrize(
    "expression",
    [
        *("0 7 * * 1-5", "*/15 * * * *", "@hourly", "@daily", "0 9 L * *", "0 9 * * 5#2", "0 9 * * 5L"),
        *("0 9 1 * +MON", "30 0 7 * * *", "0 12 15W * *"),
    ],
)
def test_a_cron_expression_with_a_time_zone(expression: str) -> None:
    assert declared(job("cron", expr=expression, tz="Europe/Berlin")) == (expression, "Europe/Berlin")


def test_a_time_zone_that_is_not_known_is_not_guessed() -> None:
    nightly = job("cron", expr="0 3 * * *")
    assert declared(nightly) == "the time zone of the gateway is not known"
    assert declared(nightly, timezone="Asia/Tokyo") == ("0 3 * * *", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("next_run_at_ms", "stagger", "is_known"),
    [
        (THREE_O_CLOCK_MS, None, True),
        (THREE_O_CLOCK_MS + 200_000, 300_000, True),
        (THREE_O_CLOCK_MS + 200_000, None, False),
        (THREE_O_CLOCK_MS + 3_600_000, 300_000, False),
    ],
)
def test_a_gateway_in_utc_is_known_by_its_own_next_time(
    next_run_at_ms: int, stagger: int | None, is_known: bool
) -> None:
    schedule = {"kind": "cron", "expr": "0 3 * * *"} | ({"staggerMs": stagger} if stagger else {})
    said = declared(JobFact("job", schedule=schedule, next_run_at_ms=next_run_at_ms))
    assert (said == ("0 3 * * *", "UTC")) == is_known


def test_several_cron_jobs_are_declared_together() -> None:
    first = job("cron", expr="0 9 * * *", tz="Europe/Berlin")
    second = job("cron", expr="0 17 * * *", tz="UTC")
    both = "TZ=Europe/Berlin 0 9 * * *; TZ=UTC 0 17 * * *"
    assert declared(first, second) == (both, "UTC")
    assert declared(first, first) == ("0 9 * * *", "Europe/Berlin")
    many = [job("cron", expr=f"{minute} 9 * * *", tz="Europe/Berlin") for minute in range(20)]
    assert "at most 255 characters" in str(declared(*many))


@pytest.mark.parametrize("other", [job("every", everyMs=60_000), job("cron", expr="0 9 * * *", tz="UTC")])
def test_an_interval_beside_another_job_is_no_schedule(other: JobFact) -> None:
    assert declared(job("every", everyMs=60_000), other) == "of several jobs one has an interval"


def test_jobs_that_do_not_recur_are_no_part_of_it() -> None:
    once = job("at", at="2026-11-22T09:37:54.390Z")
    off = JobFact("off", schedule={"kind": "every", "everyMs": 1000}, enabled=False)
    system = JobFact("system", schedule={"kind": "every", "everyMs": 1000}, is_system=True)
    assert declared(once, off, system) == "no recurring job is switched on"
    assert declared(once, off, system, job("every", everyMs=60_000)) == ("every 1m", "UTC")


@pytest.mark.parametrize(
    "changed",
    [
        {"trigger": {"on": "mail"}},
        {"pacing": {"min": 1}},
        {"schedule": {"kind": "on-exit"}},
        {"schedule": {"kind": "stream"}},
        {"schedule": {}},
    ],
)
def test_a_job_that_comes_at_other_times_keeps_its_agent_undeclared(changed: dict[str, Any]) -> None:
    added = body("plugin-cron_added")
    irregular = job_of(added["job"] | changed)
    assert irregular is not None
    assert (
        declared(irregular, job("every", everyMs=60_000)) == "a job comes at other times than a schedule says"
    )


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "every"},
        {"kind": "every", "everyMs": 10},
        {"kind": "every", "everyMs": 10**14},
        {"kind": "cron", "tz": "UTC"},
        {"kind": "cron", "expr": "0 9 30 2 *", "tz": "UTC"},
        {"kind": "cron", "expr": "0 9 * * *", "tz": "Nowhere/Else"},
    ],
)
def test_what_is_no_schedule_is_not_declared(schedule: dict[str, Any]) -> None:
    assert isinstance(declaration_of([JobFact("job", schedule=schedule)], None), NotDeclared)


def test_the_jobs_of_a_real_gateway() -> None:
    listed = jobs_of(body("cli-cron-list")["jobs"])
    assert listed is not None
    assert sorted(each.name or "" for each in listed.jobs if each.is_system) == [
        "Heartbeat (main)",
        "Memory Dreaming Promotion",
        "Skill collection review (main)",
        "Skill collection review (ops)",
    ]
    ops = [each for each in listed.jobs if each.agent == "ops"]
    assert declaration_of(ops, None) == Declaration("every 6h", "UTC")
    feeds = [each for each in listed.jobs if each.name == "Morning feeds"]
    assert declaration_of(feeds, None) == Declaration("0 7 * * 1-5", "Europe/Berlin")
    main = [each for each in listed.jobs if each.agent == "main"]
    assert declaration_of(main, None) == NotDeclared("of several jobs one has an interval")
