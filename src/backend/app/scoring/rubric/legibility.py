"""Whether a report can be read at all: by a person, and by key."""

import re
from functools import lru_cache

from app.scoring.rubric import keys
from app.scoring.rubric.calibration import LEGIBILITY, MANY_LOG_LINES, MOSTLY_OPAQUE, MUCH_MARKUP
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment
from app.scoring.rubric.payload import MAX_STRING

_MARKUP = re.compile(r"\x1b\[|</?[a-zA-Z][a-zA-Z0-9]{0,12}(?: [^<>]{0,300})?/?>")
_CUT = re.compile(
    r"[\[(](?:\.{3}|\u2026)? ?truncated|\.{3} ?truncated"
    r"|\b(?:bytes|chars|characters|lines) (?:omitted|truncated)\b"
    r"|\ufffd|\[(?:\.{3}|\u2026)\]|<snip>",
    re.IGNORECASE,
)
_CUT_MARKS = ("truncated", "omitted", "\ufffd", "[...]", "[\u2026]", "<snip>")
_LOG_LINE = re.compile(
    r"^[ \t\[]{0,4}(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|DEBUG\b|INFO\b|WARN|ERROR\b|\$ )", re.MULTILINE
)
_TABLE = re.compile(r"\|[^|\n]{0,60}\|[^|\n]{0,60}\|[^\n]{0,80}(?:\||\\n)")
_LEAST_BLOB = 80  # characters
_BLOB = re.compile(r"(?=[A-Za-z0-9+/=]{80})(?=[^A-Z]{0,80}[A-Z])(?=[^a-z]{0,80}[a-z])")


def assess(facts: Facts) -> Assessment:
    """A factor on what is said: 1 for a readable account under a usual key, less for what hides it.

    Hiding places are a missing account, a JSON document escaped into a string, terminal codes, markup,
    pasted logs or encoded data in place of an account, text that breaks off, and keys that say nothing.
    """
    head = facts.headline.raw
    flaws = (
        (not head, "no_account", "has no account in words"),
        (not facts.declared and bool(head), "no_summary", "has no summary"),
        (_is_serialised(head), "serialised", "hides its content in a string of JSON"),
        (_has_markup(head), "markup", "gives terminal codes or markup for an account"),
        (_is_log(head), "log", "pastes a log for an account"),
        (_has_table(head), "table", "gives a table in one line for an account"),
        (_has_blob(head), "blob", "gives encoded data for an account"),
        (_breaks_off(facts), "breaks_off", "breaks off"),
        (_opaque_share(facts) > MOSTLY_OPAQUE, "opaque_keys", "uses keys that say nothing"),
    )
    factor = 1.0
    for applies, flaw, _ in flaws:
        if applies:
            factor *= LEGIBILITY[flaw]
    return Assessment(factor, tuple(reason for applies, _, reason in flaws if applies))


def _has_markup(head: str) -> bool:
    return ("<" in head or "\x1b" in head) and len(_MARKUP.findall(head)) > MUCH_MARKUP


def _is_log(head: str) -> bool:
    return head.count("\n") >= MANY_LOG_LINES and len(_LOG_LINE.findall(head)) > MANY_LOG_LINES


def _has_table(head: str) -> bool:
    return "|" in head and _TABLE.search(head) is not None


def _has_blob(head: str) -> bool:
    return any(len(part) >= _LEAST_BLOB and _BLOB.search(part) for part in head.split())


def _is_serialised(head: str) -> bool:
    text = head.strip()
    return text[:1] in {"{", "["} and ('":' in text or "':" in text)


def _breaks_off(facts: Facts) -> bool:
    head = facts.headline.raw.rstrip()
    # What was cut by us for its length breaks off through no fault of its own.
    unclosed = head.count("(") > head.count(")") and len(head) < MAX_STRING
    if unclosed or head.endswith((",", "(", " -", "[", "{")):
        return True
    return any(text.contains_any(_CUT_MARKS) and _CUT.search(text.raw) is not None for text in facts.texts)


def _opaque_share(facts: Facts) -> float:
    named = {leaf.words for leaf in facts.payload.leaves} | {array.words for array in facts.payload.arrays}
    opaque = sum(1 for words in named if _are_opaque(words))
    return opaque / len(named) if len(named) > (1 if facts.declared else 0) else 0.0


@lru_cache(maxsize=4096)
def _are_opaque(words: tuple[str, ...]) -> bool:
    return all(map(_is_opaque, words))


def _is_opaque(word: str) -> bool:
    return word in keys.OPAQUE or (word.isdecimal() and len(word) < 3) or (len(word) == 1 and word.isascii())
