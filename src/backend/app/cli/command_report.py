"""What is reported of a command that was run: what it said it did, and how it ended."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.cli.actions import read_actions
from app.cli.agent_results import read_agent_result
from app.cli.child_command import CommandEnd
from app.cli.command_output import PRINTED_BYTES, last_line
from app.cli.printed_json import is_json, printed_backward
from app.kit import strict_json
from app.kit.strict_json import StrictJSONError
from app.kit.text import shortened
from app.runs.silence import is_silent

# Characters of a summary, as of the output that is kept.
_SUMMARY_LENGTH = 2000


class CommandReport(NamedTuple):
    """A run's status and actions, and why an object that the command printed is not among them, if so."""

    status: str
    actions: dict[str, Any]
    ignored: str = ""


class _Words(NamedTuple):
    """What a command said: `text` as it reads, the `summary` of it, and `fields` of JSON."""

    text: str
    summary: str
    fields: Mapping[str, Any] = {}
    is_failed: bool = False
    ignored: str = ""


def report_of(
    name: str, end: CommandEnd, seconds: float, *, given: Mapping[str, Any] | None, summary: str | None
) -> CommandReport:
    """The report of the command called `name`, which took so many `seconds`.

    `given` is the JSON object that it left in a file, else the last one that it printed counts. `summary`
    overrides what is found. Of a command that succeeded and said nothing, no word of ours is reported either.
    """
    words = _words(end, given)
    said = words.fields if _says(words.fields.get("summary")) else {**words.fields, "summary": words.summary}
    is_failed = end.code != 0 or words.is_failed
    if not is_failed and summary is None and is_silent({**said, "output": words.text}):
        return CommandReport("success", _without_blank_summary(said), words.ignored)
    actions = {"summary": "", "command": name, "exit_code": end.code, "duration_seconds": seconds} | {**said}
    actions["exit_code"] = end.code
    if end.problem is not None:
        actions.setdefault("error", end.problem)
    if summary is not None:
        actions["summary"] = summary
    elif is_failed and not _says(words.fields.get("summary")):
        actions["summary"] = _failure(name, end, words)
    if words.text:
        actions.setdefault("output_tail", words.text)
    status = "failed" if is_failed else "success"
    return CommandReport(status, _without_blank_summary(actions), words.ignored)


def _failure(name: str, end: CommandEnd, words: _Words) -> str:
    if end.problem is not None:
        return f"{name} {end.problem}"
    if words.is_failed and words.summary:
        return words.summary
    return end.output.exception_line() or words.summary or f"{name} failed with exit code {end.code}"


def _words(end: CommandEnd, given: Mapping[str, Any] | None) -> _Words:
    output, lines = end.output, end.output.stdout_lines()
    agent = read_agent_result(_values(lines), _values(output.first_lines()))
    if agent is not None:
        # What agents print line by line holds what they were asked and what their tools returned.
        text = output.error_text() if end.code != 0 or agent.is_failed else ""
        summary = shortened(agent.text, _SUMMARY_LENGTH)
        return _Words(text, summary, {**agent.fields, **(given or {})}, agent.is_failed)
    own, printed, ignored = (given, b"", "") if given is not None else _printed_object(lines)
    if own is None and output.ends_with_long_object():
        ignored = f"it is longer than {PRINTED_BYTES // 1024} KiB"
    text = output.text(without=printed)
    return _Words(text, last_line(text), own or {}, ignored=ignored)


def _printed_object(lines: list[bytes]) -> tuple[dict[str, Any] | None, bytes, str]:
    """The last JSON object that was printed, its text, and why a later one is none that a server takes."""
    ignored = ""
    for text in printed_backward(lines):
        try:
            return read_actions(text), text, ignored
        except StrictJSONError as error:
            ignored = ignored or (str(error) if text.startswith(b"{") and is_json(text) else "")
    return None, b"", ignored


def _values(lines: list[bytes]) -> Iterator[Any]:
    """The JSON values that were printed, the last one first."""
    for text in printed_backward(lines):
        try:
            yield strict_json.loads(text)
        except StrictJSONError:
            continue


def _says(summary: Any) -> bool:
    """Whether an object's own summary is to be left as it is."""
    return summary is not None and not (isinstance(summary, str) and not summary.strip())


def _without_blank_summary(actions: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in actions.items() if key != "summary" or value != ""}
