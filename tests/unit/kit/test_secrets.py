"""The catalogue of secrets: what each kind finds, masks and leaves, and that hostile text costs little."""

import re
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.secrets import (
    CATALOGUE,
    MASK,
    PERSONAL,
    Kind,
    find_leak,
    find_secrets,
    public_text,
    redact,
    redact_json,
)
from app.kit.secrets.catalogue import MOST_PLACES
from app.kit.secrets.kind import Effort
from app.kit.secrets.wordset import WordSet
from app.kit.text import folded
from support.secret_examples import LIVE, NEAR_MISSES, NOT_PERSONAL, PERSONAL_DATA, POSSIBLE, Sample

# No run of a pattern may be longer, so that what it costs at one place is bounded.
_LONGEST_RUN = 20_000


ALL = (*LIVE, *POSSIBLE)


@given(st.lists(st.text("ab c\n"), max_size=20))
def test_the_words_in_a_text_are_found_whatever_was_read_before(texts: list[str]) -> None:
    words = {"ab", "abc", "c", "b a", "a ", "\nb"}
    searched = WordSet(words)
    for text in (*texts, *texts):
        found = set(searched.in_(text, slice(0, len(text))))
        assert {word for word in words if word in text} <= found
        assert all(word in text for word in found if word.isalpha())


def test_what_is_remembered_of_texts_is_bounded() -> None:
    searched = WordSet(["token"])
    for number in range(40_000):
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:05}")
        assert not [*searched.in_(f"{letters} done.", slice(0, 11))]
    assert len(searched._without) <= 8_192
    assert [*searched.in_("done. the token", slice(0, 15))] == ["token"]


@pytest.mark.parametrize("context", ["{}", "Deployed it.\n{}", "{}\nnext line"])
def test_the_secret_is_masked_and_all_around_it_stays(context: str) -> None:
    for sample in ALL:
        text = context.replace("{}", sample.text)
        assert redact(text) == text.replace(sample.secret, MASK), sample


def test_its_own_kind_finds_it() -> None:
    assert [sample for sample in ALL if sample.kind not in {s.kind for s in find_secrets(sample.text)}] == []


def test_what_is_live_is_a_leak_until_it_is_masked() -> None:
    assert [sample for sample in LIVE if not find_leak(sample.text)] == []
    assert [sample for sample in LIVE if find_leak(redact(sample.text))] == []


def test_what_is_only_possible_is_no_leak() -> None:
    assert [sample for sample in POSSIBLE if find_leak(sample.text)] == []


def test_masking_again_changes_nothing() -> None:
    assert [sample for sample in ALL if redact(redact(sample.text)) != redact(sample.text)] == []


def test_a_near_miss_is_neither_masked_nor_a_leak() -> None:
    assert [miss for miss in NEAR_MISSES if redact(miss[1]) != miss[1]] == []
    assert [miss for miss in NEAR_MISSES if find_leak(miss[1])] == []


def test_every_kind_has_a_name_of_its_own_examples_and_words_in_lower_case() -> None:
    assert len({kind.name for kind in CATALOGUE}) == len(CATALOGUE)
    for kind in CATALOGUE:
        assert kind.examples or kind.possible, kind.name
        assert all(word == folded(word) for word in kind.words), kind.name


@given(st.text(max_size=200), st.sampled_from(LIVE))
def test_no_text_before_it_hides_a_secret_on_a_line_of_its_own(before: str, sample: Sample) -> None:
    assert sample.secret not in redact(f"{before}\n\n{sample.text}") or sample.secret in before


def test_personal_data_is_masked_for_the_public_and_is_no_leak() -> None:
    for sample in PERSONAL_DATA:
        assert public_text(sample.text, 400) == sample.text.replace(sample.secret, MASK), sample
        assert redact(sample.text) == sample.text
    assert [sample for sample in PERSONAL_DATA if find_leak(sample.text)] == []


def test_what_only_looks_like_personal_data_stays() -> None:
    assert [text for text in NOT_PERSONAL if public_text(text, 400) != text] == []


@pytest.mark.parametrize("kind", [*CATALOGUE, *PERSONAL], ids=lambda kind: kind.name)
def test_no_pattern_has_an_unbounded_run(kind: Kind) -> None:
    """Tried only where a word begins, a pattern of bounded runs makes the search linear in the text."""
    assert (
        _longest_run(_parser.parse(kind.pattern.compiled.pattern, kind.pattern.compiled.flags))
        <= _LONGEST_RUN
    )


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)
def test_twice_the_text_is_tried_at_no_more_than_twice_the_places(kind: Kind) -> None:
    for word in kind.words[:5]:
        once, twice = (_places_tried(kind, f"{word}= " * count, word) for count in (50, 100))
        assert 0 < twice <= 2 * once


def test_a_value_is_masked_whole_however_long_it_is() -> None:
    secret = "Zx9q7LmT2vKw8RtY" * 500
    assert redact(f"token={secret} next") == f"token={MASK} next"
    assert redact(f"Authorization: Bearer {secret} next") == f"Authorization: Bearer {MASK} next"


def test_what_is_behind_all_that_is_looked_at_is_masked() -> None:
    quiet, hostile = "Moved 3 jobs. " * 50_000, "token " * MOST_PLACES
    assert redact(quiet) == quiet
    shown = redact(f"{quiet}{hostile}ends with Kanu!tt88")
    assert shown.startswith(f"{quiet}token token")
    assert shown.endswith(MASK)
    assert f"{quiet}{hostile}".startswith(shown.removesuffix(MASK))
    assert redact_json([quiet, hostile, "Moved 3 jobs.", {"Kanu!tt88": 17}])[2:] == [MASK, MASK]


def test_a_name_of_letters_that_only_look_other_is_one_of_secrets_too() -> None:
    for name in ("AP\u0130_KEY", "ap\u0131_key", "pa\u017f\u017fword"):
        assert redact(f"{name}=Kanu!tt88") == f"{name}={MASK}"


@pytest.mark.parametrize(("text", "places"), [("AKIA is a prefix", 1), ("AKIAQWERTYUIOPASDFGH", 2)])
def test_a_match_that_is_weighed_takes_one_place_more(text: str, places: int) -> None:
    key_id = next(kind for kind in CATALOGUE if "akia" in kind.words)
    effort = Effort(10)
    list(key_id.spans(text, slice(0, len(text)), text.lower(), "akia", effort))
    assert effort.places == 10 - places


def test_a_secret_that_goes_on_takes_places_by_its_length() -> None:
    short, long = Effort(100), Effort(100)
    list(find_secrets(f"token={'Zx9q7LmT' * 100}", short))
    list(find_secrets(f"token={'Zx9q7LmT' * 100_000}", long))
    assert long.places < 0 < short.places


@pytest.mark.parametrize("place", range(16_384 - 40, 16_384 + 3, 3))
def test_a_secret_is_found_wherever_it_begins(place: int) -> None:
    for secret in (
        "token=Kanu!tt88",
        "4111 1111 1111 1111",
        "a:Tr0ub4dor99@db.test",
        "ghp_Zx9q7LmT2vKw8RtY4u",
    ):
        assert MASK in redact(f"{'. ' * place}"[: place - 1] + f" {secret} "), secret


@pytest.mark.parametrize(
    ("field", "masked"),
    [
        ({"password": "Kanu!tt88"}, {"password": MASK}),
        ({"dbPassword": "Kanu!tt88"}, {"dbPassword": MASK}),
        ({"hasło": "Lato2026!"}, {"hasło": MASK}),
        ({"mot de passe": "Ete2026!x"}, {"mot de passe": MASK}),
        ({"motDePasse": "Ete2026!x"}, {"motDePasse": MASK}),
        ({"密码": "Xiatian2026!"}, {"密码": MASK}),
        ({"smtp_pass": "q8Zr71LmPx02"}, {"smtp_pass": MASK}),
        ({"Authorization": "Basic YWRhOnNlY3JldA=="}, {"Authorization": MASK}),
        ({"Cookie": "remember=q8Zr71LmPx02aBcD"}, {"Cookie": MASK}),
        ({"name": "DB_PASSWORD", "value": "q8Zr71LmPx02"}, {"name": "DB_PASSWORD", "value": MASK}),
        ({"pin": {"secret": 12345678}}, {"pin": {"secret": MASK}}),
    ],
)
def test_a_field_is_masked_for_its_name(field: dict[str, Any], masked: dict[str, Any]) -> None:
    assert redact_json(field) == masked


@pytest.mark.parametrize(
    "field",
    [
        {"tokens_used": 5123, "total_tokens": 150_000, "token_count": "150000"},
        {"password": None, "secret": False, "api_key": ""},
        {"api_key": "********", "password": "${DB_PASS_1}", "token": "tok"},
        {"password_changed_at": "2026-10-03T10:00:00Z", "token_type": "bearer-v2"},
        {"secret_name": "prod/db-7", "secretArn": "arn:aws:secretsmanager:eu:1:secret:db1"},
        {"key": "orders-2026-10", "author": "lindqvist22", "session_id": "b7d0a8c2-51ee"},
        {"name": "LOG_LEVEL", "value": "debug2verbose"},
    ],
)
def test_a_field_that_tells_of_secrets_stays(field: dict[str, Any]) -> None:
    assert redact_json(field) == field


def _places_tried(kind: Kind, text: str, word: str) -> int:
    places: list[int] = []

    class Counting:
        def match(self, _: str, start: int) -> None:
            places.append(start)

    counted = Kind(kind.name, kind.words, Counting(), ())  # type: ignore[arg-type]
    assert not list(counted.spans(text, slice(0, len(text)), text, word, Effort(10_000)))
    return len(places)


def _longest_run(parsed: Any) -> int:
    """The highest upper bound of a repeat in a parsed pattern."""
    longest = 0
    for op, argument in parsed:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            longest = max(longest, int(argument[1]), _longest_run(argument[2]))
        elif op is ops.BRANCH:
            longest = max(longest, *map(_longest_run, argument[1]))
        elif op is ops.SUBPATTERN:
            longest = max(longest, _longest_run(argument[3]))
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            longest = max(longest, _longest_run(argument[1]))
    return longest


def test_the_measure_of_runs_sees_an_unbounded_one() -> None:
    assert _longest_run(_parser.parse(r"a(?:b|(?=c+))", re.NOFLAG)) > _LONGEST_RUN
