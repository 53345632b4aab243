"""OpenClaw's own history: what its command line, its gateway's calls and its database have of past runs.

A document is any of these, also within the `payload` or `result` of a call's answer:

- `{"jobs": […]}`: `openclaw cron list --json`
- `{"entries": […]}`: `openclaw cron runs --id … `, the call `cron.runs`
- `{"run": {…}}`: `openclaw cron run … --wait`
- an array of jobs or of entries.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from app.intake.domain.openclaw import finished, reading
from app.intake.domain.openclaw.facts import Fact, JobListFact, NoRunFact, RunFact
from app.intake.domain.openclaw.jobs import is_system, jobs_of

_ENVELOPES = ("payload", "result")
_LEVELS = 3  # of envelopes


class History:
    """Jobs and entries of runs, gathered from documents, and what they tell."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []
        self.entries: list[Mapping[str, Any]] = []

    def add(self, document: Any) -> bool:
        """Gather what a document holds; False where it is none of these."""
        for _ in range(_LEVELS):
            if _is_job(document) or _is_entry(document):
                document = [document]
            if isinstance(document, list):
                return self._add_all(document)
            if not isinstance(document, dict):
                return False
            if isinstance(document.get("run"), dict):
                return self._add_all([document["run"]])
            held = [document[name] for name in ("jobs", "entries") if isinstance(document.get(name), list)]
            if held:
                return self._add_all(list(chain.from_iterable(held)))
            document = next((document[name] for name in _ENVELOPES if name in document), None)
        return False

    def _add_all(self, values: list[Any]) -> bool:
        jobs = [value for value in values if _is_job(value)]
        entries = [value for value in values if _is_entry(value)]
        self.jobs += jobs
        self.entries += entries
        return len(jobs) + len(entries) == len(values)

    def facts(self, *, store_prompts: bool = False) -> list[Fact]:
        """All jobs first, then each run once, the oldest first."""
        facts: list[Fact] = []
        listed = jobs_of(self.jobs)
        if listed is not None and listed.jobs:
            facts.append(JobListFact(listed.jobs))
        jobs = {job["id"]: job for job in self.jobs if isinstance(job.get("id"), str)}
        runs: dict[tuple[str, int], RunFact] = {}
        for entry in self.entries:
            read = _run(entry, jobs, store_prompts=store_prompts)
            if isinstance(read, RunFact):
                runs.setdefault((read.job_id, read.run_at_ms), read)
            else:
                facts.append(read)
        return [*facts, *sorted(runs.values(), key=lambda run: (run.run_at_ms, run.job_id))]


def entries_of_tasks(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The entries in rows of `task_runs`, each with its `detail_json` read.

    Their own status turns `failed` when only a webhook did not answer: without the details' status it is
    trusted for a success and for a failure that names its error.
    """
    for row in rows:
        detail = reading.fields(row.get("detail_json"))
        entry = {
            "action": "finished",
            "jobId": row.get("source_id"),
            "agentId": row.get("agent_id"),
            "sessionKey": row.get("child_session_key"),
            "jobName": row.get("label"),
            "runAtMs": row.get("started_at"),
            "ts": row.get("ended_at"),
            "error": row.get("error"),
            "summary": row.get("terminal_summary"),
            "status": _status(row),
        }
        yield entry | {name: value for name, value in detail.items() if value is not None}


def entries_of_receipts(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The entries in rows of `cron_run_receipts`, which say less of a run."""
    for row in rows:
        yield {
            "action": "finished",
            "jobId": row.get("job_id"),
            "agentId": row.get("agent_id"),
            "runAtMs": row.get("started_at_ms"),
            "ts": row.get("finished_at_ms"),
            "error": row.get("error_text"),
            "status": row.get("status"),
        }


def _status(row: Mapping[str, Any]) -> Any:
    status = row.get("status")
    if status == "failed" and not row.get("error"):
        return None
    return status


def _run(
    entry: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]], *, store_prompts: bool
) -> RunFact | NoRunFact:
    job = jobs.get(entry["jobId"]) if isinstance(entry.get("jobId"), str) else None
    if job is not None and is_system(job):
        return NoRunFact("system")
    if entry.get("action") not in (None, "finished") or entry.get("status") in ("running", "queued"):
        return NoRunFact("not finished")
    event = {**entry, "job": job} if job is not None else entry
    read = finished.finished_run(event, finished.HISTORY, store_prompts=store_prompts)
    return read if isinstance(read, RunFact | NoRunFact) else NoRunFact(read.reason)


def _is_job(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("schedule"), dict) and "id" in value


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and "jobId" in value and "runAtMs" in value
