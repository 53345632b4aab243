"""The evidence of a finding in words. It may be of an older version, or of another program: any JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.audit.domain.usage import IN_WORDS
from app.kit.text import seconds_in_words

_RUNS = {
    "last_success": "Last good run",
    "last_output": "Last run that said something",
    "first_run": "First of these runs",
    "unusual_run": "The unusual run",
    "last_run": "Newest run",
}
_OUT_OF_REACH = 10**15  # of a count or mean: what other programs wrote may have thousands of digits
_NONE_KNOWN = "none among the runs that were looked at"
_MOMENTS = {
    "started_at": "Started",
    "due_at": "Due",
    "expected_by": "Expected by",
    "expected_until": "All expected by",
    "registered_at": "Registered",
    "successor_began_at": "The other began to report",
}
_TEXTS = {
    "run_key": "Key of the run",
    "cadence": "Its rhythm",
    "schedule": "Declared schedule",
    "timezone": "Time zone",
}
_AGENTS = {
    "perhaps_renamed_to": "Perhaps renamed to",
    "stopped_with": "Stopped with",
    "agents": "Agents",
    "quiet": "Quiet, but not overdue",
    "alone": "Reported alone before",
}
_USAGE = {"seconds": "Time", "cost_usd": "Cost", "tokens": "Tokens"}
_AMOUNTS = ("amount", "median", "most", "limit")
_MOST_PROBLEMS = 20  # that a page shows; the JSON has all
_MOST_NAMED = 20  # agents of a fact; a group may be the whole fleet


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a finding was judged by: a text, a moment, a run, agents. All but `label` is foreign."""

    label: str
    text: str | None = None
    moment: datetime | None = None
    run_id: UUID | None = None
    agent_ids: tuple[str, ...] = ()


def facts(evidence: Mapping[str, Any]) -> list[Fact]:
    """What `evidence` says, in the order in which a person asks; what cannot be read is left out."""
    problems = _texts(evidence.get("problems"))
    found = [Fact("Found", problem) for problem in problems[:_MOST_PROBLEMS]]
    if more := len(problems[_MOST_PROBLEMS:]):
        found.append(Fact("Found", f"and {more:,} more"))
    found += [_run(label, evidence[key]) for key, label in _RUNS.items() if key in evidence]
    found += _count(evidence)
    found += [Fact(label, moment=at) for key, label in _MOMENTS.items() if (at := _moment(evidence.get(key)))]
    for key, label in _TEXTS.items():
        if isinstance(text := evidence.get(key), str):
            found.append(Fact(_rhythm(evidence) if key == "cadence" else label, text))
    found += _means(evidence)
    found += _usage(evidence)
    found += _duration(evidence)
    for key, label in _AGENTS.items():
        if agents := _texts(evidence.get(key)):
            more = len(agents) - _MOST_NAMED
            found.append(
                Fact(label, f"and {more:,} more" if more > 0 else None, agent_ids=agents[:_MOST_NAMED])
            )
    return found


def ending_run(closing_evidence: Mapping[str, Any] | None) -> UUID | None:
    """The run that ended a finding, where one did."""
    run = (closing_evidence or {}).get("run")
    return _id(run.get("id")) if isinstance(run, Mapping) else None


def ending_reason(closing_evidence: Mapping[str, Any] | None) -> str | None:
    """Why a finding is over, where that is known."""
    reason = (closing_evidence or {}).get("reason")
    return reason if isinstance(reason, str) else None


def _run(label: str, run: Any) -> Fact:
    if not isinstance(run, Mapping):
        return Fact(label, _NONE_KNOWN)
    summary = run.get("summary")
    return Fact(
        label,
        summary if isinstance(summary, str) else None,
        _moment(run.get("created_at")),
        _id(run.get("id")),
    )


def _count(evidence: Mapping[str, Any]) -> list[Fact]:
    count, of = evidence.get("count"), evidence.get("of")
    if not _is_number(count):
        return []
    return [Fact("Runs", f"{count:,} of {of:,}" if _is_number(of) else f"{count:,}")]


def _means(evidence: Mapping[str, Any]) -> list[Fact]:
    mean, past = evidence.get("mean"), evidence.get("past_mean")
    if not (_is_number(mean) and _is_number(past)):
        return []
    return [Fact("Mean score", f"{mean:.2f}, before {past:.2f}")]


def _usage(evidence: Mapping[str, Any]) -> list[Fact]:
    usage, found = evidence.get("usage"), []
    for name, label in _USAGE.items():
        known = usage.get(name) if isinstance(usage, Mapping) else None
        amounts = known if isinstance(known, Mapping) else {}
        words = [IN_WORDS[name](amounts[each]) for each in _AMOUNTS if _is_number(amounts.get(each))]
        if len(words) == len(_AMOUNTS):
            found.append(Fact(label, "{}; usual {}, at most {}, unusual from {}".format(*words)))
    return found


def _duration(evidence: Mapping[str, Any]) -> list[Fact]:
    known = evidence.get("duration")
    amounts = known if isinstance(known, Mapping) else {}
    words = {
        name: seconds_in_words(amounts[name])
        for name in ("seconds", "median", "most", "limit")
        if _is_number(amounts.get(name))
    }
    if not {"seconds", "limit"} <= words.keys():
        return []
    usual = "; usual {median}, at most {most}" if len(words) == 4 else "; what is usual is not known"
    return [Fact("Time", ("{seconds}" + usual + ", too long from {limit}").format(**words))]


def _rhythm(evidence: Mapping[str, Any]) -> str:
    learned = evidence.get("learned")
    if not isinstance(learned, bool):
        return _TEXTS["cadence"]
    return "Its rhythm, learned" if learned else "Its schedule, declared"


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and last day that Python has
        return None


def _id(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError):
        return None


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values if isinstance(each, str))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _OUT_OF_REACH
