"""What a report states, extracted once for all dimensions."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.runs.silence import is_silent
from app.scoring.rubric import keys, lexicon
from app.scoring.rubric.calibration import (
    FEW_CAPITALS,
    FIELD_NUMBER,
    FIGURES_A_NAME,
    FIGURES_A_REFERENCE,
    FIGURES_WITHOUT_REFERENCE,
    GERMAN_CAPITALS,
    LONGEST_NAME,
    MOST_FIELD_NUMBERS,
    MOST_NAMES,
    NAME,
    PART_RATIO_WEIGHT,
    RAW_LINES,
    REFERENCE_WEIGHTS,
    SHORT_TEXT,
    TOP_MARK,
    WHOLE_RATIO_WEIGHT,
)
from app.scoring.rubric.payload import Leaf, Payload
from app.scoring.rubric.references import Figure, Ratio, Reference, scan
from app.scoring.rubric.text import Text
from app.silent_texts import QUIET_REPLIES

_RAW = re.compile(r"\x1b\[|Traceback \(most recent|\n\s{1,40}at \S|\n\s{1,40}File \"|\r[^\s\r]")
_NO_ERROR = re.compile(
    r"\W*(?:(?:none|no|nothing|0|ok|null|n/a|nil|keine?r?|ning[uú]n[oa]?|nenhum|aucune?)\b|なし|无|$)",
    re.IGNORECASE,
)
_PROPER = re.compile(
    r"(?<=[a-z,;:0-9(] )[A-Z][\w&-]{1,40}"
    r"|(?<=\()[A-Z][\w&-]{1,40}|(?<![\w'])'[^'\n]{2,60}'(?!\w)|\"[^\"\n]{2,60}\""
)
_TOP_MARKS = frozenset(
    {"high", "very high", "maximum", "max", "perfect", "excellent", "strong", "full", "alta", "高"}
)


class Count(NamedTuple):
    """A number in the payload, or the length of an array; `group` is shared by siblings."""

    words: tuple[str, ...]
    value: float
    group: int
    is_length: bool

    @property
    def name(self) -> str:
        """The key in words, as a reader would say it."""
        return " ".join(self.words)


class Found(NamedTuple):
    """References, figures and ratios in one piece of text, each once."""

    references: tuple[Reference, ...]
    figures: tuple[Figure, ...]
    ratios: tuple[Ratio, ...]

    @property
    def reference_weight(self) -> float:
        """The sum of `REFERENCE_WEIGHTS` over the references that are no placeholders."""
        return sum(
            REFERENCE_WEIGHTS[reference.kind] for reference in self.references if not reference.placeholder
        )

    @property
    def figure_weight(self) -> float:
        """How much the figures pin down, summed; N of N says less than a share."""
        shares = sum(
            WHOLE_RATIO_WEIGHT if ratio.done == ratio.total else PART_RATIO_WEIGHT for ratio in self.ratios
        )
        return shares + sum(figure.weight for figure in self.figures)


class Facts(NamedTuple):
    """One report, read.

    `headline` is the readable account (`declared` when it stands under a usual key), `body` all prose
    with it, each string once, `raw` what a tool printed. `in_headline` and `in_rest` are what can be
    looked up there, each reference in one of them. `silent` also holds for a quiet reply that only the
    scheduler's own fields surround. `errors` says where the payload itself speaks of an error, `named`
    how many array elements are names, `stated` how many concrete things are said (references and figures
    in prose by their weight, numbers and names in fields), `self_ratings` how many top marks the agent
    gives itself. The account `claims_everything` by a word for the whole, by 100 % or by N of N; it
    `admits_limits` by naming a remainder or a failure, in words or as 3 of 5.
    """

    status: str
    silent: bool
    declared_noop: bool
    payload: Payload
    headline: Text
    declared: bool
    body: Text
    raw: Text
    in_headline: Found
    in_rest: Found
    counts: tuple[Count, ...]
    remainders: tuple[Count, ...]
    errors: tuple[str, ...]
    named: int
    stated: float
    self_ratings: int
    claims_everything: bool
    admits_limits: bool

    @property
    def density(self) -> float:
        """Concrete things stated for each word."""
        return self.stated / max(SHORT_TEXT, self.body.length)

    @property
    def texts(self) -> tuple[Text, ...]:
        """All prose, and what a tool printed where it printed anything."""
        return (self.body, self.raw) if self.raw.raw else (self.body,)

    @property
    def references(self) -> tuple[Reference, ...]:
        """Everything in the prose that could be looked up, placeholders included."""
        return self.in_headline.references + self.in_rest.references


def extract(status: str, actions: Mapping[str, Any], payload: Payload) -> Facts:
    """The facts of a report: its status, what its agent sent, and the `payload` that was read of that.

    1. Find the account; divide the other texts into prose and tools' output.
    2. Find references, figures and ratios, first in the account, then in the rest.
    3. Count the numbers and arrays in fields, and what of them is left over.
    4. Derive what the account claims and admits, and how much the report states.
    """
    strings = [leaf for leaf in payload.leaves if isinstance(leaf.value, str) and leaf.value.strip()]
    head = _headline(strings)
    headline = Text(str(head.value) if head else "")
    others = [leaf for leaf in strings if leaf.value != headline.raw]
    raw: dict[str, None] = {}
    stated: dict[str, None] = {}
    for leaf in others:
        (raw if _is_raw(leaf) else stated)[str(leaf.value)] = None
    rest = "\n".join([*payload.data_keys, *stated])
    in_headline = _find(headline.raw, set())
    in_rest = _find(rest, {reference.text for reference in in_headline.references})
    counts = _counts(payload)
    quiet = headline.raw.strip() in QUIET_REPLIES
    everything = _claims_everything(headline, in_headline)
    named = sum(1 for leaf in strings if leaf.in_list and not _is_raw(leaf) and _is_name(str(leaf.value)))
    return Facts(
        status=status,
        silent=is_silent(actions)
        or (quiet and not in_rest.references and not any(count.value for count in counts)),
        declared_noop=_declares_noop(actions),
        payload=payload,
        headline=headline,
        declared=head is not None and not head.in_list and " ".join(head.words) in keys.SUMMARY,
        body=Text(f"{headline.raw}\n{rest}"),
        raw=Text("\n".join(raw)),
        in_headline=in_headline,
        in_rest=in_rest,
        counts=counts,
        remainders=_remainders(counts),
        errors=_errors(payload),
        named=named,
        stated=_stated((in_headline, in_rest), counts, named + _proper_names(headline)),
        self_ratings=sum(_rates_itself(leaf.words) and _is_top_mark(leaf.value) for leaf in payload.leaves),
        claims_everything=everything,
        admits_limits=headline.affirms(lexicon.LIMIT) or (not everything and _has_part(in_headline.ratios)),
    )


def is_remainder(words: tuple[str, ...]) -> bool:
    """Whether a key names what failed or is left over, and not what was done about it."""
    left = keys.REMAINDER.intersection(words)
    if left == {"open"} and not keys.RESOURCES.isdisjoint(words):
        return False
    return bool(left) and keys.HANDLED.isdisjoint(words)


def _remainders(counts: tuple[Count, ...]) -> tuple[Count, ...]:
    """What is left over; not a figure after the work that stands beside a higher one before it."""
    before = {tuple(word for word in count.words if word != "before"): count.value for count in counts}
    found = []
    for count in counts:
        measured = tuple(word for word in count.words if word != "after")
        improved = len(measured) < len(count.words) and before.get(measured, 0.0) > count.value
        if count.value > 0 and is_remainder(count.words) and not improved:
            found.append(count)
    return tuple(found)


def _headline(strings: list[Leaf]) -> Leaf | None:
    """The readable account: under the usual keys at the top, else the longest prose there or below."""
    top = {" ".join(leaf.words): leaf for leaf in reversed(strings) if leaf.depth == 0}
    for key in keys.SUMMARY:
        if key in top:
            return top[key]
    written = [leaf for leaf in top.values() or strings if not _is_raw(leaf)]
    return max(written, key=lambda leaf: len(str(leaf.value)), default=None)


def _claims_everything(headline: Text, found: Found) -> bool:
    if headline.affirms(lexicon.EVERYTHING) or headline.hits(lexicon.ABSOLUTE):
        return True
    if any(figure.percent and figure.value == 100 for figure in found.figures):
        return True
    return any(ratio.done == ratio.total > 1 for ratio in found.ratios)


def _has_part(ratios: tuple[Ratio, ...]) -> bool:
    return any(ratio.done < ratio.total for ratio in ratios)


def _proper_names(account: Text) -> int:
    """How many different things are called by a name of their own.

    Such a name stands in quotation marks, or has a capital inside a sentence; capitals are not counted where
    every noun has one, as in German.
    """
    names = set(_PROPER.findall(account.raw))
    capitals = sum(1 for name in names if name[0].isalpha())
    every_noun = capitals > max(FEW_CAPITALS, GERMAN_CAPITALS * len(account.words))
    return len(names) - capitals if every_noun else len(names)


def _stated(prose: tuple[Found, ...], counts: tuple[Count, ...], named: int) -> float:
    pointed = sum(found.reference_weight for found in prose)
    figures = sum(found.figure_weight for found in prose)
    # Numbers with nothing named that they belong to pin down only so much.
    most = FIGURES_WITHOUT_REFERENCE + FIGURES_A_REFERENCE * pointed + FIGURES_A_NAME * named
    in_prose = {figure.value for found in prose for figure in found.figures}
    fields = sum(FIELD_NUMBER for count in counts if count.value > 1 and count.value not in in_prose)
    return pointed + min(figures, most) + min(MOST_FIELD_NUMBERS, fields) + min(MOST_NAMES, NAME * named)


def _is_raw(leaf: Leaf) -> bool:
    text = str(leaf.value)
    if _RAW.search(text) or not keys.TRACE.isdisjoint(leaf.words):
        return True
    return text.count("\n") >= RAW_LINES and not keys.RAW.isdisjoint(leaf.words)


def _is_name(text: str) -> bool:
    """Whether an array element names a thing: one word, or something with a digit in it."""
    return len(text) <= LONGEST_NAME and (text.split() == [text] or any(map(str.isdigit, text)))


def _find(text: str, known: set[str]) -> Found:
    references: dict[str, Reference] = {}
    figures: dict[str, Figure] = {}
    ratios: dict[Ratio, None] = {}
    for item in scan(text):
        if isinstance(item, Figure):
            figures.setdefault(item.text, item)
        elif isinstance(item, Ratio):
            ratios.setdefault(item)
        elif item.text not in known:
            references.setdefault(item.text, item)
    return Found(tuple(references.values()), tuple(figures.values()), tuple(ratios))


def _counts(payload: Payload) -> tuple[Count, ...]:
    numbers = [
        Count(leaf.words, leaf.value, leaf.group, is_length=False)
        for leaf in payload.leaves
        if isinstance(leaf.value, float) and not leaf.in_list and not _rates_itself(leaf.words)
        if leaf.words[-1:] != ("code",)
    ]
    lengths = [Count(array.words, float(array.size), array.group, is_length=True) for array in payload.arrays]
    return (*numbers, *lengths)


def _errors(payload: Payload) -> tuple[str, ...]:
    """Error messages, exit codes and entries of that severity, unless they are about delivery."""
    about_delivery = {leaf.group for leaf in payload.leaves if leaf[:2] == (("source",), "delivery")}
    messages = (_error(leaf) for leaf in payload.leaves if leaf.group not in about_delivery)
    return tuple(message for message in messages if message)


def _error(leaf: Leaf) -> str:
    """How a leaf states an error, without its text, which may hold anything; empty when it states none."""
    value = leaf.value
    if leaf.words == ("exit", "code") and isinstance(value, float) and value:
        return f"exit code {value:g}"
    if not isinstance(value, str) or not leaf.words or leaf.in_list:
        return ""
    if leaf.words in {("severity",), ("level",)}:
        level = value.strip().lower()
        return f"an entry of severity {level}" if level in {"error", "critical", "fatal"} else ""
    if leaf.words[-1] in keys.ERROR and "delivery" not in leaf.words and not _NO_ERROR.match(value):
        return f"a text under '{' '.join(leaf.words)}'"
    return ""


def _rates_itself(words: tuple[str, ...]) -> bool:
    return bool(words) and (words[0] in keys.SELF_RATING or words[-1] in keys.SELF_RATING)


def _is_top_mark(value: str | float | bool | None) -> bool:
    if isinstance(value, str):
        answer = value.strip().lower()
        return answer in _TOP_MARKS or answer in {"100", "100%", "100 %", "10/10", "5/5", "1.0", "a+"}
    if not isinstance(value, float):
        return False
    return TOP_MARK <= value <= 1 or value == 10 or 100 * TOP_MARK <= value <= 100


def _declares_noop(actions: Mapping[str, Any]) -> bool:
    reason = actions.get("reason")
    return actions.get("no_op") is True and isinstance(reason, str) and bool(reason.strip())
