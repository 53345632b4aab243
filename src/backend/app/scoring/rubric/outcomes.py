"""What structured fields say about the outcome: exit codes, error flags, states, HTTP answers, denials.

A key is read by its words, whether it is written `exitCode`, `exit_code` or `EXIT-CODE`, at whatever depth.
"""

import re
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from app.scoring.rubric import keys
from app.scoring.rubric.payload import Leaf, Payload
from app.scoring.rubric.text import entries

_EXITS = entries(
    "exit, exitcode, exitstatus, exitvalue, returncode, retcode, retval, rc, returnvalue, processexitcode",
    "errno, exitedwith, returnstatus",
)
_HTTP = entries("statuscode, httpstatus, httpstatuscode, httpcode, responsecode, http, responsestatus")
_STATES = entries(
    "status, state, outcome, result, conclusion, verdict, phase, health, subtype, stopreason, finishreason",
    "terminalreason, exitreason, ci, signature, completion, resultstatus, endreason, terminationreason",
    "stop_reason, completionstatus, lastrunstatus, runstatus, jobstatus, reply, response, answer",
)
_ERROR_TAILS = entries(
    "message, msg, text, detail, details, code, type, name, kind, class, summary, description"
)
_FAILED = entries(
    "failed, failure, fail, fails, error, errored, errors, aborted, cancelled, canceled, timeout, timedout",
    "crashed, killed, interrupted, incomplete, rejected, denied, refused, broken, red, down, unhealthy",
    "unreachable, invalid, mismatch, corrupt, corrupted, notfound, unavailable, disconnected, stalled, panic",
    "maxtokens, length, contentfilter, budgetexceeded, maxturns, terminated, evicted, oomkilled, expired",
    "crashloopbackoff, unauthorized, forbidden, outofmemory, offline, dead, unsuccessful, notok, ng, ko, nok",
    "fehler, fehlgeschlagen, abgebrochen, échec, erreur, fallido, fallida, fallito, fallita, errore, falhou",
    "erro, failedtostart, nogo, maxiterations, toolerror, apierror, exception, dropped, lost, degraded",
)
"""States of something that went wrong, letters only."""

_UNFINISHED = entries(
    "open, pending, queued, running, inprogress, waiting, draft, notstarted, scheduled, blocked, todo, new"
    ", unmerged, paused, suspended, onhold"
)
"""States of something that has not come to its end."""

_UNDONE = keys.UNDONE | entries(
    "error, errors, errored, timeout, timedout, killed, interrupted, mismatch, truncated, incomplete,"
    " corrupt",
    "corrupted, broken, denied, refused, rejected, unreachable, panic, oom, oomkilled, lost, dropped,"
    " failure",
    "failures, failing, exception, unhealthy, invalid, disconnected, expired, stalled, undelivered, aborting",
)
_DENIED = keys.DENIED | entries(
    "pushed, opened, delivered, verified, saved, synced, uploaded, merged, created, sent, published, written",
    "deployed, applied, committed, complete, finished, executed, valid, match, matches, matched, equal,"
    " ready",
    "reachable, available, connected, responded, converged, resolved, restored, installed, built, confirmed",
    "signed, posted, tested, green, renewed, rotated, imported, exported, loaded, accepted, consistent,"
    " intact",
    "alive, up, online, authenticated, authorized, booked, paid, shipped, stored, persisted, received",
    "reconciled, balanced, replied, migrated, updated, indexed, registered, submitted, validated, closed",
    "answered, fixed, copied, moved, started, launched, ran, notified, replicated, archived, downloaded",
    "fetched, rendered, generated, transferred, released, reviewed, compiled, provisioned, enabled, running",
    "correct, mailed, emailed, printed, done, backedup, flushed, acknowledged, acked, reconnected, checked",
)
_OF_THE_RUN = keys.DENIED | entries(
    "valid, verified, match, matches, matched, equal, consistent, intact, green, complete"
)
"""Denials that hold wherever they stand; the others are about the run only near the top."""

LATER = entries(
    "merged, published, released, deployed, closed, archived, reviewed, running, enabled, restored,"
    " notified, updated"
    ", up, online, fixed, moved, created, paid, shipped, booked, connected, imported, exported, fetched,"
    " started"
    ", answered, replied, generated, rendered, indexed, registered, launched, accepted, available, delivered"
)
"""Denials of what may well come after the run,"
" or was not its job; they count where the account claims them."""

_CONDITIONAL = entries(
    "on, if, allow, allowed, ignore, ignored, continue, notify, no, not, without, retry, simulate, expect",
    "expected, was, previous, previously, last, before, handle, skip, show, log, max, enable, test, fix,"
    " fixed",
    "has, should, can, could, would, may, needs, requires, required, alert, fail, stop, wait, auto, never",
)
_LABELS = entries(
    "filter, label, tag, query, event, branch, topic, category, name, title, pattern, reason, type, kind"
)
_ASIDE = _CONDITIONAL | keys.CAUSE | keys.NEXT | _LABELS
_NO_ERROR = re.compile(
    r"\W*(?:(?:none|no|nothing|0|ok|null|n/a|nil|keine?r?|ning[uú]n[oa]?|nenhum|aucune?)\b|なし|无|$)",
    re.IGNORECASE,
)
_LONGEST_STATE = 24  # characters
_NEAR = 1  # depth of a field down to which it is about the run itself; form


class Kind(IntEnum):
    """What a key's value says, by the key's words."""

    OTHER = 0
    EXIT = 1
    HTTP = 2
    STATE = 3
    SIGNAL = 4
    ERROR = 5
    UNDONE = 6
    DENIED = 7
    SEVERITY = 8


class Outcome(NamedTuple):
    """A field that denies success.

    `text` says which, for people, without what stands in it; `near` holds where it is about the run as a
    whole rather than one of many things it looked at, `unfinished` where it has only not come to its end.
    """

    kind: Kind
    text: str
    near: bool
    words: tuple[str, ...]
    unfinished: bool = False

    @property
    def is_error(self) -> bool:
        """Whether a tool itself reports the failure: by a code, a message or a severity."""
        return self.kind in _ERRORS


_ERRORS = frozenset({Kind.EXIT, Kind.HTTP, Kind.SIGNAL, Kind.ERROR, Kind.SEVERITY})


def is_code(words: tuple[str, ...]) -> bool:
    """Whether a key holds a code, as of an exit or an HTTP answer, and so counts nothing."""
    return words[-1:] == ("code",) or _kind(words) in {Kind.EXIT, Kind.HTTP}


@lru_cache(maxsize=4096)
def _kind(words: tuple[str, ...]) -> Kind:
    name = "".join(words)
    if kind := _BY_NAME.get(name):
        return kind
    for tells, kind in _BY_WORDS:
        if words and tells(words):
            return kind
    return Kind.OTHER


def _is_exit(words: tuple[str, ...]) -> bool:
    return words[-1] in {"code", "status"} and words[-2:-1] in {("exit",), ("return",)}


def _is_error(words: tuple[str, ...]) -> bool:
    if words[0] in keys.ERROR:
        return words[-1] in keys.ERROR or words[-1] in _ERROR_TAILS
    return words[-1] in keys.ERROR and _is_unconditional(words) and not _is_error_flag(words)


def _is_error_flag(words: tuple[str, ...]) -> bool:
    return len(words) > 1 and words[0] in _FLAGS and words[-1] in keys.ERROR


def _is_undone(words: tuple[str, ...]) -> bool:
    return (words[-1] in _UNDONE or words[-2:] == ("timed", "out")) and _is_unconditional(words)


def _is_unconditional(words: tuple[str, ...]) -> bool:
    """Whether a key states something, and not when or whether, as `fail_on_error` and `was_ok_before` do."""
    return words[0] in _FLAGS or _CONDITIONAL.isdisjoint(words[:-1])


_FLAGS = frozenset({"is", "has", "had", "was"})
_BY_NAME = {
    **dict.fromkeys(_EXITS, Kind.EXIT),
    **dict.fromkeys(_HTTP, Kind.HTTP),
    **dict.fromkeys(_STATES, Kind.STATE),
    **dict.fromkeys(("severity", "level"), Kind.SEVERITY),
    **dict.fromkeys(("signal", "termsignal", "killsignal"), Kind.SIGNAL),
    **dict.fromkeys(("err", "errmsg"), Kind.ERROR),
}
_BY_WORDS: tuple[tuple[Callable[[tuple[str, ...]], bool], Kind], ...] = (
    (_is_exit, Kind.EXIT),
    (_is_error_flag, Kind.UNDONE),
    (_is_error, Kind.ERROR),
    (lambda words: words[-1] in _STATES and _is_unconditional(words), Kind.STATE),
    (_is_undone, Kind.UNDONE),
    (lambda words: words[-1] in _DENIED and _is_unconditional(words), Kind.DENIED),
)


@lru_cache(maxsize=4096)
def _letters(value: str) -> str:
    return "".join(filter(str.isalpha, value.lower()))


def denials(payload: Payload) -> tuple[Outcome, ...]:
    """Every field that says that something did not come off, unless it is about delivery."""
    about_delivery = {
        leaf.group for leaf in payload.leaves if leaf.value == "delivery" and leaf.words == ("source",)
    }
    found = (
        _denial(leaf)
        for leaf in payload.leaves
        if leaf.value is not None and leaf.group not in about_delivery
    )
    objects = (
        Outcome(Kind.ERROR, f"an object under '{' '.join(one.words)}'", near=True, words=one.words)
        for one in payload.objects
        if one.size and _kind(one.words) is Kind.ERROR
    )
    return (*(outcome for outcome in found if outcome is not None), *objects)


def _denial(leaf: Leaf) -> Outcome | None:
    kind, value = _kind(leaf.words), leaf.value
    if isinstance(value, str):
        if len(value) > _LONGEST_STATE and kind is not Kind.ERROR:
            return None
        return None if leaf.in_list else _in_words(leaf, kind, value)
    if isinstance(value, bool):
        denied = kind in {Kind.UNDONE, Kind.ERROR} if value else kind is Kind.DENIED
        if not denied or leaf.in_list:
            return None
        near = leaf.depth <= _NEAR or leaf.words[-1] in _OF_THE_RUN
        return (
            Outcome(kind, f"'{' '.join(leaf.words)}' is {value}".lower(), near, leaf.words) if near else None
        )
    if isinstance(value, float) and _is_bad_code(kind, leaf.words, value):
        return Outcome(
            kind if kind in _ERRORS else Kind.HTTP,
            f"{' '.join(leaf.words)} {value:g}",
            leaf.depth <= _NEAR,
            leaf.words,
        )
    return None


def _is_bad_code(kind: Kind, words: tuple[str, ...], value: float) -> bool:
    if kind is Kind.EXIT or (kind is Kind.ERROR and words[-1] == "code"):
        return value != 0
    return 400 <= value < 600 and (kind in {Kind.HTTP, Kind.STATE} or words[-1:] == ("code",))


def _in_words(leaf: Leaf, kind: Kind, value: str) -> Outcome | None:
    name, near = " ".join(leaf.words), leaf.depth <= _NEAR
    if kind is Kind.SEVERITY:
        level = value.strip().lower()
        bad = level in {"error", "critical", "fatal"}
        return Outcome(kind, f"an entry of severity {level}", True, leaf.words) if bad else None
    if kind is Kind.ERROR:
        said = "delivery" not in leaf.words and not _NO_ERROR.match(value)
        return Outcome(kind, f"a text under '{name}'", True, leaf.words) if said else None
    if kind is Kind.EXIT:
        code = value.strip()
        return Outcome(kind, f"{name} {code}", near, leaf.words) if code.isdecimal() and int(code) else None
    if kind is Kind.SIGNAL:
        return Outcome(kind, f"the signal {value}", near, leaf.words) if value.startswith("SIG") else None
    state = _letters(value)
    if state in _FAILED or (kind is Kind.STATE and state.startswith("error")):
        return _state(leaf, kind, state)
    if kind is Kind.STATE and state in _UNFINISHED:
        return Outcome(kind, f"'{name}' is '{state}'", leaf.depth <= _NEAR, leaf.words, unfinished=True)
    return None


def _state(leaf: Leaf, kind: Kind, state: str) -> Outcome | None:
    if kind is Kind.OTHER and not _ASIDE.isdisjoint(leaf.words):
        return None
    near = leaf.depth == 0 and kind is Kind.STATE
    return Outcome(kind, f"'{' '.join(leaf.words)}' is '{state}'", near, leaf.words)
