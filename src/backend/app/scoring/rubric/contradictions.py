"""Where a report disagrees with itself: its status, its account and its numbers."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from app.scoring.rubric import keys, lexicon
from app.scoring.rubric.account_statements import Prominence, states_plan
from app.scoring.rubric.calibration import CONTRADICTION_WEIGHTS
from app.scoring.rubric.facts import Count, Facts, is_remainder
from app.scoring.rubric.outcomes import LATER, Kind, Outcome
from app.scoring.rubric.output import failure_in

# It begins with digits, to which a search skips what is before them.
_FAILED_COUNT = re.compile(
    r"[1-9](?:(?<=\b[1-9])\d{0,8} (?:tests? )?(?:failed|failures?|errors?|failing"
    r"|fehlgeschlagen|fehler|fallid[oa]s|falharam)\b"
    r"|\d{0,8} ?(?:件失敗|个失败|件のエラー))",
    re.IGNORECASE,
)
_BARE_RATIO = re.compile(r"\s{0,3}(\d{1,9})\s?(?:/|of)\s?(\d{1,9})\s{0,3}")
_NUMBERED_THING = re.compile(r"\b(?=\d)(?<!of )(?<![/\d,.])(\d{1,3}(?:,\d{3}){1,4}|\d{1,12}) ([a-z]{3,30})\b")
_ZERO = frozenset({"0", "none", "nothing", "zero", "no", "not", "never"})


class Contradiction(NamedTuple):
    """`weight` 0..1: how much of the reader's trust it costs; `text` is a sentence for people."""

    weight: float
    text: str


def find(facts: Facts) -> tuple[Contradiction, ...]:
    """Every contradiction, that with the largest weight first."""
    found = [contradiction for rule in _RULES for contradiction in rule(facts)]
    return tuple(sorted(found, key=lambda contradiction: -contradiction.weight))


def _found(kind: str, text: str) -> Contradiction:
    return Contradiction(CONTRADICTION_WEIGHTS[kind], text)


def _success_denied(facts: Facts) -> Iterator[Contradiction]:
    """Status success over an error, a non-zero exit code, a failed state, `healthy: false`."""
    if facts.status != "success":
        return
    idle = facts.declared_noop or facts.headline.hits(lexicon.NOTHING_TO_DO) > 0
    for denial in facts.denials:
        kind = _kind_of_denial(denial, facts, idle)
        if kind:
            verb = "it carries " if denial.is_error else ""
            yield _found(kind, f"reports success although {verb}{denial.text}")


def _kind_of_denial(denial: Outcome, facts: Facts, idle: bool) -> str:
    """The kind of contradiction that a field is to a success; empty where the account allows for it."""
    if denial.unfinished:
        return "success_unfinished" if _claims_the_end(facts) and not facts.admits_limits else ""
    if denial.is_error or (denial.near and denial.kind in {Kind.STATE, Kind.UNDONE}):
        if not denial.near:
            return "" if facts.admits_limits else "success_with_failed_step"
        return "success_with_admitted_error" if facts.admits_limits else "success_with_error"
    if facts.admits_limits or (denial.kind is Kind.DENIED and idle):
        return ""
    if denial.kind is Kind.DENIED:
        claimed = denial.words[-1] in facts.headline.vocabulary
        if not claimed and denial.words[-1] in LATER and not _claims_the_end(facts):
            return ""
        return "success_denied_by_claimed_flag" if claimed else "success_denied_by_flag"
    return "success_with_failed_step"


def _claims_the_end(facts: Facts) -> bool:
    return facts.claims_everything or facts.headline.affirms(lexicon.ENDED)


def _success_against_output(facts: Facts) -> Iterator[Contradiction]:
    """Status success over a tool's own output that tells of a failure."""
    if facts.status != "success" or not facts.printed:
        return
    failure = failure_in(facts.printed)
    if failure and failure not in facts.headline.raw:
        kind = "success_with_admitted_error" if facts.admits_limits else "success_against_output"
        yield _found(kind, f"reports success although its output shows '{failure}'")


def _success_denied_by_account(facts: Facts) -> Iterator[Contradiction]:
    """Status success over an account of a failure, or of what is yet to be done."""
    if facts.status != "success":
        return
    if facts.stated_failure is Prominence.MAIN:
        yield _found("success_with_failure", "reports success while its account describes a failure")
    elif states_plan(facts.headline, facts.languages) is Prominence.MAIN:
        yield _found("success_with_plan", "reports success while its account only says what is to come")


def _claim_against_field(facts: Facts) -> Iterator[Contradiction]:
    """ "All 41 tests pass" beside `"tests_run": 0`, "Sent all 44 letters" beside `"sent": 41`."""
    if facts.status == "failed" or facts.stated_failure or not facts.counts:
        return
    words = facts.headline.vocabulary
    figures = {figure.value for figure in facts.in_headline.figures}
    figures.update(float(part) for ratio in facts.in_headline.ratios for part in ratio)
    none = not _ZERO.isdisjoint(words) or 0.0 in figures
    for count in facts.counts:
        named = next((word for word in count.words if word in words), None)
        if named is None or count.value in figures or is_remainder(count.words):
            continue
        if count.value == 0 and not (none or count.is_length) and (facts.claims_everything or figures):
            yield _found("claim_against_zero", f"speaks of '{named}' although '{count.name}' is 0")
        elif count.words[-1] == named and named in keys.DONE and (number := _number_behind(facts, named)):
            text = f"speaks of {number:g} {named} where its fields hold {count.value:g}"
            yield _found("account_against_field", text)


def _number_behind(facts: Facts, word: str) -> float:
    """The number that follows the word within two others, as in "sent all 44"; 0 where there is none."""
    match = re.search(
        rf"\b{re.escape(word)}\b (?:[a-z]{{1,12}} ){{0,2}}(\d[\d,]{{0,12}})\b", facts.headline.lower
    )
    return float(match[1].replace(",", "")) if match else 0.0


def _whole_with_remainder(facts: Facts) -> Iterator[Contradiction]:
    """ "All rotated" over a list of skipped hosts; or a success whose account leaves its failures out."""
    if facts.status == "failed" or not facts.remainders or facts.admits_limits:
        return
    worst = max(facts.remainders, key=lambda count: count.value)
    if facts.claims_everything:
        text = f"claims everything is done, yet lists {worst.value:g} under '{worst.name}'"
        yield _found("everything_with_remainder", text)
    elif facts.status == "success" and not _mentions(facts, worst):
        text = f"does not mention the {worst.value:g} under '{worst.name}' in its account"
        yield _found("remainder_not_mentioned", text)


def _whole_with_smaller_count(facts: Facts) -> Iterator[Contradiction]:
    """ "All tests passed" where 3 of 5 did."""
    unqualified = facts.claims_everything and not facts.admits_limits
    for total, done in _totals(facts.counts):
        if done.value > total.value:
            text = f"counts {done.value:g} as '{done.name}' out of only {total.value:g}"
            yield _found("more_done_than_total", text)
        elif done.value < total.value and unqualified:
            text = f"claims everything is done, yet only {done.value:g} of {total.value:g} are"
            yield _found("everything_with_smaller_count", text)
    if unqualified:
        yield from (
            _found(
                "everything_with_smaller_ratio",
                f"claims everything is done, yet only {ratio.done} of {ratio.total} are",
            )
            for ratio in facts.in_headline.ratios
            if ratio.done < ratio.total
        )


def _whole_with_partial_field(facts: Facts) -> Iterator[Contradiction]:
    """ "All pods are healthy" beside `"pods_ready": "7/12"`."""
    if not facts.claims_everything:
        return
    for leaf in facts.payload.leaves:
        match = _BARE_RATIO.fullmatch(leaf.value) if isinstance(leaf.value, str) else None
        if match and int(match[1]) < int(match[2]):
            text = f"claims everything is done, yet '{' '.join(leaf.words)}' is {match[0].strip()}"
            yield _found("everything_with_partial_field", text)


def _whole_with_failed_count(facts: Facts) -> Iterator[Contradiction]:
    """ "All tests passed" beside a runner's "3 failed"."""
    if facts.status == "failed":
        return
    match = _FAILED_COUNT.search(facts.body.raw) or _FAILED_COUNT.search(facts.raw.raw)
    if match is None or (match[0] in facts.printed and not failure_in(facts.printed)):
        return
    if facts.claims_everything and not facts.admits_limits:
        yield _found("everything_with_failed_count", f"claims everything is done, yet reports '{match[0]}'")
    elif facts.status == "success" and match[0] not in facts.headline.raw:
        yield _found("success_with_failed_count", f"reports success although '{match[0]}'")


def _whole_with_missing_names(facts: Facts) -> Iterator[Contradiction]:
    """ "Green in every browser" over two of the three that were requested."""
    if facts.status == "failed" or not facts.claims_everything or facts.admits_limits:
        return
    names: dict[tuple[str, ...], set[object]] = {}
    for leaf in facts.payload.leaves:
        if leaf.in_list:
            names.setdefault(leaf.words, set()).add(leaf.value)
    for wanted, whole in names.items():
        if keys.TOTAL.isdisjoint(wanted):
            continue
        for part, done in names.items():
            if done < whole:
                yield _found(
                    "everything_with_missing_names",
                    f"claims everything is done, yet '{' '.join(part)}' holds {len(done)} of the"
                    f" {len(whole)} under '{' '.join(wanted)}'",
                )


def _sums(facts: Facts) -> Iterator[Contradiction]:
    """Done and left over must make the total."""
    for total, done in _totals(facts.counts):
        rest = [
            c for c in facts.counts if c.group == total.group and not c.is_length and is_remainder(c.words)
        ]
        if len(rest) == 1 and done.value <= total.value != done.value + rest[0].value:
            parts = f"{done.value:g} and {rest[0].value:g}"
            text = f"its numbers do not add up: {parts} do not make {total.value:g}"
            yield _found("sum_differs", text)


def _account_against_field(facts: Facts) -> Iterator[Contradiction]:
    """ "Sent 40 mails" beside `"mails": 12`: the account counts a thing otherwise than its field."""
    counted: dict[str, set[float]] = {}
    for count in facts.counts:
        if len(count.words) == 1 and not count.is_length:
            counted.setdefault(count.words[0], set()).add(count.value)
    if not any(map(facts.headline.lower.__contains__, counted)):
        return
    claimed: dict[str, set[float]] = {}
    for number, thing in _NUMBERED_THING.findall(facts.headline.lower):
        claimed.setdefault(thing, set()).add(float(number.replace(",", "")))
    for thing, numbers in claimed.items():
        fields = counted.get(thing, set())
        if fields and not fields & numbers and len(numbers) == 1:
            text = f"speaks of {numbers.pop():g} {thing} where its fields hold {min(fields):g}"
            yield _found("account_against_field", text)


def _failed_but_done(facts: Facts) -> Iterator[Contradiction]:
    """Status failed over an account in which nothing fails."""
    if facts.status != "failed" or facts.headline.hits(lexicon.FAILURE) or facts.admits_limits:
        return
    explains = facts.headline.hits(lexicon.CAUSE) or facts.headline.hits(lexicon.NEXT_STEP)
    done = facts.headline.hits(lexicon.DONE) and not facts.errors
    if done or (facts.claims_everything and not explains):
        yield _found("failed_but_done", "is marked failed while its account says that the work is done")


def _partial_but_whole(facts: Facts) -> Iterator[Contradiction]:
    """Status partial over an account in which everything is done."""
    if (
        facts.status == "partial"
        and facts.claims_everything
        and not (facts.remainders or facts.admits_limits)
        and not facts.headline.hits(lexicon.SHORT_OF)
    ):
        text = "is marked partial while its account says that everything is done"
        yield _found("partial_but_whole", text)


_RULES: tuple[Callable[[Facts], Iterator[Contradiction]], ...] = (
    _success_denied,
    _success_against_output,
    _success_denied_by_account,
    _claim_against_field,
    _whole_with_remainder,
    _whole_with_smaller_count,
    _whole_with_partial_field,
    _whole_with_failed_count,
    _whole_with_missing_names,
    _sums,
    _account_against_field,
    _failed_but_done,
    _partial_but_whole,
)


def _totals(counts: tuple[Count, ...]) -> Iterator[tuple[Count, Count]]:
    """Siblings that are the total and the done part of one thing: `tests_run` and `tests_passed`."""
    numbers = [count for count in counts if not count.is_length and not is_remainder(count.words)]
    totals = [count for count in numbers if not keys.TOTAL.isdisjoint(count.words)]
    parts = [c for c in numbers if keys.TOTAL.isdisjoint(c.words) and not keys.DONE.isdisjoint(c.words)]
    for total in totals:
        for done in parts:
            if done.group == total.group and _same_thing(total, done):
                yield total, done


def _same_thing(total: Count, done: Count) -> bool:
    """Whether two keys count the same things: their other words agree, or one of them has none."""
    things = set(total.words) - keys.TOTAL
    of_these = set(done.words) - keys.DONE
    return not things or not of_these or not things.isdisjoint(of_these)


def _mentions(facts: Facts, count: Count) -> bool:
    return f"{count.value:g}" in facts.headline.vocabulary or not facts.headline.vocabulary.isdisjoint(
        count.words
    )
