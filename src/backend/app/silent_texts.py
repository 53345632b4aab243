r"""What is no output of a run, for the rule of silence in Python and in SQL alike.

Two things: texts with which an agent says that it has nothing to say, and the fields that the program around
it adds to a report. `docs/reference/silence.md` lists both.
"""

from itertools import chain

BLANKS = (
    "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""White space: the characters of which Python's `str.isspace` is true. A text of these alone is blank."""


def _entries(*lines: str) -> frozenset[str]:
    return frozenset(entry.strip() for line in lines for entry in line.split(","))


QUIET_REPLIES = _entries(
    "heartbeat, heartbeat ok, no reply, silent, quiet, empty, empty response, no response, no output",
    "no content, no update, no updates, no change, no changes, no news, nothing, nothing new, nothing to do",
    "nothing to report, none, null, n a, no op, ok, okay, done, all done, all good, success, successful",
    "completed, complete, finished, task completed",
)
"""Texts with which an agent reports nothing: `NO_REPLY`, `[SILENT]`, `**Done.**`, `(empty response)`.

Neither case counts nor what `QUIET_TEXT` takes for marks, around the words and between them.
"""

# Ranges of code points, which mean the same to both engines whatever the locale: white space, punctuation,
# quotes, markup, symbols and emoji, of ASCII and beyond, and characters without width. None is a letter, and
# of the digits only circled ones.
_MARK = (
    r"[\u0001-/:-@\[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u1680\u2000-\u206f"
    r"\u20a0-\u20bf\u2190-\u245f\u2500-\u2bff\u3000-\u3003\u3008-\u3020\u3030\ufe00-\ufe1f\ufe30-\ufe6f"
    r"\ufeff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff]"
)
_BETWEEN_WORDS = "[ _/.-]{0,3}"


def _in_any_case(reply: str) -> str:
    words = ("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in reply.split())
    return _BETWEEN_WORDS.join(words)


def _quiet_text(marks: str) -> str:
    return f"^{marks}(({'|'.join(map(_in_any_case, sorted(QUIET_REPLIES)))}){marks})?$"


QUIET_TEXT = _quiet_text(f"{_MARK}*+")
"""A regular expression of a text that is blank, or one of `QUIET_REPLIES`, or nothing but marks."""

QUIET_TEXT_SQL = _quiet_text(f"{_MARK}*")
"""The same for PostgreSQL, which tries nothing twice and so knows no possessive quantifiers."""


ENVELOPE = {
    "identifiers": _entries(
        "agent id, correlation id, conversation id, event id, execution id, instance id, invocation id",
        "job id, message id, parent id, pid, process id, process instance id, request id, run id, session id",
        "session key, session target, span id, task id, tenant id, thread id, trace id, uuid, workflow id",
    ),
    "times": _entries(
        "completed at, created at, created at ms, end time, ended at, executed at, finished at, generated at",
        "last run, last run at, last run at ms, next run, next run at, next run at ms, ran at, received at",
        "reported at, run at, run at ms, scheduled at, scheduled for, start time, started at, timestamp, ts",
        "updated at, updated at ms",
    ),
    "durations": _entries(
        "cpu time, duration, duration api ms, duration minutes, duration ms, duration s, duration seconds",
        "elapsed, elapsed ms, elapsed s, elapsed seconds, execution time, ms, run time, runtime ms",
        "runtime s, took, took ms, total duration ms, wall time",
    ),
    "usage and cost": _entries(
        "cached tokens, completion tokens, cost, cost usd, input tokens, model usage, num turns",
        "output tokens, prompt tokens, reasoning tokens, tokens, total cost usd, total tokens, turns, usage",
    ),
    "model": _entries("model, model id, model name, provider"),
    "delivery": _entries(
        "completion status, delivered, delivery, delivery status, delivery suppression reason, wake mode"
    ),
}
"""Fields that no agent writes, by what they are about: the program around it adds them. Wherever they stand,
neither they nor what is in them is output.

A field is meant however its name is written: `durationMs`, `duration_ms`, `Duration-MS`.
"""

ENVELOPE_OUTSIDE_LISTS = {
    "identifiers": _entries("guid, id"),
    "times": _entries("time, timezone, tz"),
    "job": _entries(
        "agent, agent name, attempt, job, job name, retries, retry count, source, trigger, triggered by"
    ),
    "host": _entries("arch, env, environment, host, hostname, locale, os, platform, python, region, runtime"),
    "version": _entries(
        "agent version, api version, app version, format version, schema, schema version, version"
    ),
}
"""The same of a report as a whole. In the elements of a list they are output: of `{"closed": [{"id": 4711}]}`
each is about a thing that the agent names."""

PROCESS_FIELDS = _entries(
    "attempts, channel, exit code, ids, is error, kind, latency, latency ms, schedule, stop reason, type"
)
"""What the process around the agent says of it: no output outside lists either, but the rubric reads them, as
an exit code denies a success."""

NO_OP = "noop"
"""The field that declares a no-op, as `field_name` writes it."""

NAME_SEPARATORS = " _-."
"""Characters that may separate the words of a field's name."""

_FOLDED = {
    **{ord(capital): capital.lower() for capital in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **dict.fromkeys(map(ord, NAME_SEPARATORS)),
}


def field_name(key: str) -> str:
    """A key without regard to how its words are separated and written: `durationms` of `Duration-MS`."""
    return key.translate(_FOLDED)


def field_names(*groups: frozenset[str]) -> frozenset[str]:
    """The names of all `groups`, each as `field_name` writes it."""
    return frozenset(map(field_name, chain.from_iterable(groups)))
