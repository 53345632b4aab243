"""Run reports of an invented company, from excellent to worthless, for people to rate."""

import random
from collections.abc import Callable
from typing import Any

from app.scoring.rubric import RunReport

Payload = dict[str, Any]

TOPICS = {
    "security": ("scan", "patch", "rotate", "audit", "harden"),
    "billing": ("reconcile", "invoice", "refund", "export", "charge"),
    "search": ("reindex", "rank", "crawl", "tune", "deduplicate"),
    "onboarding": ("draft", "translate", "review", "publish", "rewrite"),
    "warehouse": ("load", "backfill", "compact", "validate", "archive"),
    "support": ("triage", "answer", "escalate", "close", "tag"),
    "deployment": ("deploy", "roll back", "scale", "restart", "migrate"),
    "research": ("summarise", "compare", "collect", "rank", "cite"),
}
OBJECTS = ("session cache", "nightly orders", "login page", "price list", "token store", "mail templates")
OBJECTS += (
    "customer index",
    "release notes",
    "payment webhook",
    "image registry",
    "status page",
    "data lake",
)
CAUSES = (
    "a missing index",
    "an expired certificate",
    "a race in the writer",
    "a changed schema",
    "a full disk",
)
VAGUE = (
    "Everything went smoothly.",
    "Various improvements were made.",
    "Made good progress on several tasks.",
)
VAGUE += ("All systems are working as expected.", "Worked on the tasks and things look good.")
PADDING = (
    "As always, care was taken to follow the agreed process from beginning to end.",
    "The team can rely on the outcome, which will be of great value to all stakeholders.",
    "Each step was carried out in the usual order and monitored throughout.",
    "This work continues our commitment to quality and reliability across the platform.",
    "Further information is available on request from the responsible parties.",
)
PRAISE = ("Amazing results!", "A huge success for the whole team!", "World-class quality, truly excellent!")
NEXT = (
    "Next: ask the owner to approve the change.",
    "Next run retries at 02:00.",
    "Needs a decision on scope.",
)
LIMITS = (
    "The legacy tenant is still open.",
    "Two items could not be checked.",
    "Not verified on staging yet.",
)


def simulated_reports(count: int, seed: int) -> list[RunReport]:
    """`count` reports, the same ones for a seed."""
    chance = random.Random(seed)
    return [_report(chance, f"agent-{n % 12}") for n in range(count)]


def _report(chance: random.Random, agent_id: str) -> RunReport:
    kind = chance.random()
    if kind < 0.03:
        return RunReport(agent_id, "success", chance.choice([{}, {"summary": "HEARTBEAT_OK"}, {"data": []}]))
    if kind < 0.07:
        reason = f"No new {chance.choice(OBJECTS)} since run {chance.randrange(100, 9000)}"
        return RunReport(agent_id, "success", {"no_op": True, "reason": reason})
    status = chance.choices(("success", "partial", "failed"), (6, 2, 2))[0]
    topic = chance.choice(list(TOPICS))
    summary = _summary(chance, status, topic)
    actions: Payload = {"summary": summary} if chance.random() < 0.92 else {"output": {"text": summary}}
    for add, likely in _FIELDS:
        if chance.random() < likely:
            add(chance, status, actions)
    return RunReport(agent_id, status, actions)


def _summary(chance: random.Random, status: str, topic: str) -> str:
    what, verb = chance.choice(OBJECTS), chance.choice(TOPICS[topic])
    n, k = chance.randrange(3, 4000), chance.randrange(1, 9)
    if chance.random() < 0.2:
        sentences = [chance.choice(VAGUE)]
    else:
        sentences = [
            {
                "success": f"{topic}: {verb} of the {what} is done",
                "partial": f"{topic}: {verb} of the {what}, {k} of {k + chance.randrange(1, 6)} parts done",
                "failed": f"{topic}: {verb} of the {what} failed",
            }[status]
            + chance.choice([".", f", {n} records.", f" in services/{topic}/{what.split()[0]}_{k}.py."])
        ]
    extras: list[tuple[float, Callable[[], str]]] = [
        (0.45 if status == "failed" else 0.15, lambda: f"Cause: {chance.choice(CAUSES)}."),
        (0.25, lambda: f"Latency fell from {n} ms to {n // 2} ms ({chance.randrange(10, 90)} %)."),
        (0.2, lambda: f"Tests: {n} passed."),
        (0.2, lambda: chance.choice(NEXT)),
        (0.2, lambda: chance.choice(LIMITS)),
        (0.15, lambda: chance.choice(PRAISE)),
        (0.12, lambda: chance.choice(VAGUE)),
    ]
    sentences += [make() for likely, make in extras if chance.random() < likely]
    if chance.random() < 0.3:
        sentences += chance.choices(PADDING, k=chance.randrange(1, 7))
    return " ".join(sentences)


def _tests(chance: random.Random, status: str, actions: Payload) -> None:
    run = chance.randrange(1, 600)
    failed = 0 if status == "success" and chance.random() < 0.85 else chance.randrange(0, min(run, 40))
    actions.update({"tests_run": run, "tests_passed": run - failed})


def _files(chance: random.Random, _: str, actions: Payload) -> None:
    count = chance.randrange(1, 7)
    actions["files_changed"] = [f"src/{chance.choice(list(TOPICS))}/part_{n}.py" for n in range(count)]


def _commit(chance: random.Random, _: str, actions: Payload) -> None:
    actions["commit"] = f"{chance.randrange(16**8):08x}"


def _pull_request(chance: random.Random, _: str, actions: Payload) -> None:
    actions["pr"] = f"https://git.acme.internal/core/pulls/{chance.randrange(100, 9000)}"


def _error(chance: random.Random, status: str, actions: Payload) -> None:
    if status != "success":
        actions["error"] = (
            f"{chance.choice(('Timeout', 'KeyError', 'HTTP 502'))} after {chance.randrange(5, 300)}s"
        )


def _log(chance: random.Random, _: str, actions: Payload) -> None:
    actions["log"] = f"s3://ci-logs/{chance.randrange(16**6):06x}/run.log"


def _rows(chance: random.Random, _: str, actions: Payload) -> None:
    read = chance.randrange(0, 90_000)
    actions["rows"] = {
        "read": read,
        "written": read - chance.randrange(0, 9),
        "rejected": chance.randrange(0, 9),
    }


def _boasts(_: random.Random, __: str, actions: Payload) -> None:
    actions.update({"impact": "high", "production_ready": True, "confidence": 0.99})


def _steps(chance: random.Random, _: str, actions: Payload) -> None:
    actions["steps"] = [f"{chance.choice(list(TOPICS))} step {n}" for n in range(chance.randrange(2, 12))]


def _cost(chance: random.Random, _: str, actions: Payload) -> None:
    actions["api_calls"] = chance.randrange(1, 5000)


_FIELDS: tuple[tuple[Callable[[random.Random, str, Payload], None], float], ...] = (
    (_tests, 0.35),
    (_files, 0.3),
    (_commit, 0.25),
    (_pull_request, 0.2),
    (_error, 0.6),
    (_log, 0.2),
    (_rows, 0.2),
    (_boasts, 0.15),
    (_steps, 0.2),
    (_cost, 0.25),
)
