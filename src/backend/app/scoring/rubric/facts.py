"""What a report states, extracted once for all dimensions."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from app.runs.silence import declares_no_op, is_silent
from app.scoring.rubric import keys, lexicon
from app.scoring.rubric.account_statements import Prominence, states_failure
from app.scoring.rubric.calibration import (
    FEW_CAPITALS,
    FIELD_NUMBER,
    FIELDS_A_THING,
    FIGURES_A_NAME,
    FIGURES_A_REFERENCE,
    FIGURES_OF_ACTIVITY,
    FIGURES_WITHOUT_REFERENCE,
    FREE_FIELDS,
    GERMAN_CAPITALS,
    LONGEST_NAME,
    MANY_NUMBERS,
    MOST_FIELD_NUMBERS,
    MOST_NAMES,
    NAME,
    NEXT_OF_A_KIND,
    PART_RATIO_WEIGHT,
    RAW_LINES,
    REFERENCE_WEIGHTS,
    SHORT_TEXT,
    SOLID_REFERENCE,
    TOP_MARK,
    WHOLE_RATIO_WEIGHT,
)
from app.scoring.rubric.languages import Language, activity, spoken
from app.scoring.rubric.outcomes import Outcome, denials, is_code
from app.scoring.rubric.payload import Leaf, Payload
from app.scoring.rubric.references import Figure, Ratio, Reference, scan
from app.scoring.rubric.text import Text

_RAW = re.compile(r"\x1b\[|Traceback \(most recent|\n\s{1,40}at \S|\n\s{1,40}File \"|\r[^\s\r]")
# Each way begins with the character itself, to which a search skips what is before it.
_PROPER = re.compile(
    r"[A-Z](?:(?<=[a-z,;:0-9(] [A-Z])|(?<=\([A-Z]))[\w&-]{1,40}"
    r"|'(?<![\w']')[^'\n]{2,60}'(?!\w)|\"[^\"\n]{2,60}\""
)
_DATES = frozenset({("date",), ("day",)})  # which day a run is about tells two runs apart, and proves nothing
_NO_TEXT = Text("")
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
    """References, figures and ratios in one piece of text, each once.

    `reference_weight` is how much the references let a reader check, each further one of a kind less (see
    `points_of`), `whole_weight` the same with each counted in full, `figure_weight` how much the figures pin
    down; N of N says less than a share.
    """

    references: tuple[Reference, ...]
    figures: tuple[Figure, ...]
    ratios: tuple[Ratio, ...]
    reference_weight: float
    whole_weight: float
    figure_weight: float


class _Texts(NamedTuple):
    """Prose and tools' output, each text once, and all that a tool printed or answered."""

    written: dict[str, None]
    raw: dict[str, None]
    printed: list[str]


class Facts(NamedTuple):
    """One report, read.

    `headline` is the readable account (`declared` when it stands under a usual key), of which a phrase of
    `languages` may be part, `body` all prose with it, each string once, `raw` what a tool printed.
    `in_headline` and `in_rest` are what can be looked up there, each reference in one of them. `denials` are
    the fields that speak of an error or a failure, `printed` is what a tool printed or answered, also in one
    line; `stated_failure` says how prominently the account states a failure, `named` how many array elements
    are names, `in_account` how many concrete things the account says, `stated` how many the whole report does
    (references and figures in prose by their weight, numbers and names in fields), each further one of a kind
    less; `concrete` counts all in full, `self_ratings` how many top marks the agent gives itself. The account
    `claims_everything` by a word for the whole, by 100 % or by N of N; it `admits_limits` by naming a
    remainder or a failure, in words or as 3 of 5. It is `only_activity` when it counts what was looked at and
    handled, and gives nothing that came of it.
    """

    status: str
    silent: bool
    declared_noop: bool
    payload: Payload
    headline: Text
    languages: tuple[Language, ...]
    declared: bool
    body: Text
    raw: Text
    in_headline: Found
    in_rest: Found
    counts: tuple[Count, ...]
    remainders: tuple[Count, ...]
    denials: tuple[Outcome, ...]
    printed: str
    stated_failure: Prominence
    named: int
    in_account: float
    stated: float
    concrete: float
    self_ratings: int
    claims_everything: bool
    only_activity: bool
    admits_limits: bool

    @property
    def errors(self) -> tuple[str, ...]:
        """Where a tool itself reports a failure, in plain words."""
        return tuple(denial.text for denial in self.denials if denial.is_error)

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
    others = [leaf for leaf in strings if leaf.value != headline.raw and leaf.words not in _DATES]
    texts = _divided(others)
    rest = "\n".join([*payload.data_keys, *texts.written])
    in_headline = _find(headline.raw, set())
    in_rest = _find(rest, {reference.text for reference in in_headline.references})
    counts = _counts(payload)
    everything = _claims_everything(headline, in_headline)
    languages = spoken(headline)
    failure = states_failure(headline, languages) if status != "failed" else Prominence.NONE
    named = sum(1 for leaf in strings if leaf.in_list and not _is_raw(leaf) and _is_name(str(leaf.value)))
    busy = _is_only_activity(headline, in_headline, counts)
    names = _proper_names(headline)
    said = _said(in_headline, names, busy)
    whole, concrete = _things((in_headline, in_rest), counts, named + names)
    return Facts(
        status=status,
        silent=is_silent(actions),
        declared_noop=declares_no_op(actions),
        payload=payload,
        headline=headline,
        languages=languages,
        declared=head is not None and not head.in_list and " ".join(head.words) in keys.SUMMARY,
        body=Text(rest, headline) if rest else headline,
        raw=Text("\n".join(texts.raw)) if texts.raw else _NO_TEXT,
        in_headline=in_headline,
        in_rest=in_rest,
        counts=counts,
        remainders=_remainders(counts),
        denials=denials(payload),
        printed="\n".join(texts.printed),
        stated_failure=failure,
        named=named,
        in_account=said,
        # What only fields hold counts as far as the account bears it.
        stated=said if busy else min(whole, said + FREE_FIELDS + FIELDS_A_THING * said),
        concrete=concrete,
        self_ratings=sum(_rates_itself(leaf.words) and _is_top_mark(leaf.value) for leaf in payload.leaves),
        claims_everything=everything,
        only_activity=busy,
        admits_limits=_admits_limits(headline, failure, in_headline, everything),
    )


def points_of(references: Iterable[Reference], worth: dict[str, float]) -> float:
    """The sum of `REFERENCE_WEIGHTS` over the references that are no placeholders, falling within a kind.

    Ten paths prove little more than three. `worth` holds what the next reference of each kind is worth.
    """
    points = 0.0
    for reference in references:
        if not reference.placeholder:
            next_one = worth.get(reference.kind, REFERENCE_WEIGHTS[reference.kind])
            points += next_one
            worth[reference.kind] = next_one * NEXT_OF_A_KIND
    return points


@lru_cache(maxsize=4096)
def is_remainder(words: tuple[str, ...]) -> bool:
    """Whether a key names what failed or is left over, and not what was done about it."""
    left = keys.REMAINDER.intersection(words)
    if left == {"open"} and not keys.RESOURCES.isdisjoint(words):
        return False
    return bool(left) and keys.HANDLED.isdisjoint(words)


def tells_faults(words: tuple[str, ...]) -> bool:
    """Whether a key counts what went wrong, of which there should be none, rather than what was done."""
    return is_remainder(words) or not keys.WARNINGS.isdisjoint(words)


def _remainders(counts: tuple[Count, ...]) -> tuple[Count, ...]:
    """What is left over; not a figure after the work that stands beside a higher one before it."""
    left = [count for count in counts if count.value > 0 and is_remainder(count.words)]
    if any("after" in count.words for count in left):
        before = {_without("before", count.words): count.value for count in counts}
        left = [
            count
            for count in left
            if "after" not in count.words or before.get(_without("after", count.words), 0.0) <= count.value
        ]
    return tuple(left)


def _without(left_out: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word != left_out)


def _divided(leaves: Iterable[Leaf]) -> _Texts:
    texts = _Texts({}, {}, [])
    for leaf in leaves:
        text, is_raw = str(leaf.value), _is_raw(leaf)
        (texts.raw if is_raw else texts.written)[text] = None
        if is_raw or not keys.PRINTED.isdisjoint(leaf.words):
            texts.printed.append(text)
    return texts


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
    if any(figure.percent and figure.value == 100 for figure in found.figures) and not _has_part(
        found.ratios
    ):
        return True
    return any(ratio.done == ratio.total > 1 for ratio in found.ratios)


def _admits_limits(headline: Text, failure: Prominence, found: Found, everything: bool) -> bool:
    if headline.affirms(lexicon.LIMIT) or failure is Prominence.ASIDE:
        return True
    return not everything and _has_part(found.ratios)


def _has_part(ratios: tuple[Ratio, ...]) -> bool:
    return any(ratio.done < ratio.total for ratio in ratios)


def _proper_names(account: Text) -> int:
    """How many different things are called by a name of their own.

    Such a name stands in quotation marks, or has a capital inside a sentence; capitals are not counted where
    every noun has one, as in German.
    """
    names = set(_PROPER.findall(account.raw)) - lexicon.CALENDAR
    capitals = sum(1 for name in names if name[0].isalpha())
    many = capitals > max(FEW_CAPITALS, GERMAN_CAPITALS * len(account.words))
    every_noun = many or not lexicon.GERMAN.isdisjoint(account.vocabulary)
    return len(names) - capitals if every_noun else len(names)


def _is_only_activity(account: Text, found: Found, counts: tuple[Count, ...]) -> bool:
    """Whether the account counts what was looked at and handled, and gives nothing that came of it."""
    numbers = len(found.figures) + len(found.ratios) + sum(1 for count in counts if count.value > 1)
    if numbers < MANY_NUMBERS or found.reference_weight >= SOLID_REFERENCE:
        return False
    return account.hits(activity()) > 0 and account.hits(lexicon.FINDING) == 0


def _said(account: Found, names: int, busy: bool) -> float:
    """How many things the account itself states."""
    pointed = account.reference_weight
    most = FIGURES_OF_ACTIVITY if busy else FIGURES_WITHOUT_REFERENCE + FIGURES_A_REFERENCE * pointed
    return pointed + min(account.figure_weight, most + FIGURES_A_NAME * names) + min(MOST_NAMES, NAME * names)


def _things(prose: tuple[Found, ...], counts: tuple[Count, ...], named: int) -> tuple[float, float]:
    """How many things the whole report states: each further reference of a kind less, and all in full."""
    figures = sum(found.figure_weight for found in prose)
    in_prose = {figure.value for found in prose for figure in found.figures}
    fields = sum(FIELD_NUMBER for count in counts if count.value > 1 and count.value not in in_prose)
    others = min(MOST_FIELD_NUMBERS, fields) + min(MOST_NAMES, NAME * named)

    def with_references(pointed: float) -> float:
        # Numbers with nothing named that they belong to pin down only so much.
        most = FIGURES_WITHOUT_REFERENCE + FIGURES_A_REFERENCE * pointed + FIGURES_A_NAME * named
        return pointed + min(figures, most) + others

    falling = with_references(sum(found.reference_weight for found in prose))
    return falling, with_references(sum(found.whole_weight for found in prose))


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
    real = [one for one in references.values() if not one.placeholder]
    shares = [WHOLE_RATIO_WEIGHT if one.done == one.total else PART_RATIO_WEIGHT for one in ratios]
    return Found(
        tuple(references.values()),
        tuple(figures.values()),
        tuple(ratios),
        reference_weight=points_of(real, {}),
        whole_weight=sum([REFERENCE_WEIGHTS[one.kind] for one in real]),
        figure_weight=sum(shares) + sum([figure.weight for figure in figures.values()]),
    )


def _counts(payload: Payload) -> tuple[Count, ...]:
    numbers = [
        Count(leaf.words, leaf.value, leaf.group, is_length=False)
        for leaf in payload.leaves
        if isinstance(leaf.value, float) and not leaf.in_list and not _rates_itself(leaf.words)
        if not is_code(leaf.words)
    ]
    lengths = [Count(array.words, float(array.size), array.group, is_length=True) for array in payload.arrays]
    return (*numbers, *lengths)


def _rates_itself(words: tuple[str, ...]) -> bool:
    return bool(words) and (words[0] in keys.SELF_RATING or words[-1] in keys.SELF_RATING)


def _is_top_mark(value: str | float | bool | None) -> bool:
    if isinstance(value, str):
        answer = value.strip().lower()
        return answer in _TOP_MARKS or answer in {"100", "100%", "100 %", "10/10", "5/5", "1.0", "a+"}
    if not isinstance(value, float):
        return False
    return TOP_MARK <= value <= 1 or value == 10 or 100 * TOP_MARK <= value <= 100
