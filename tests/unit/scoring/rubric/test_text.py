"""Words, phrases and negation in a text."""

from app.scoring.rubric.text import Text, Vocabulary, entries

PASSED = Vocabulary(entries("passed, no errors, once and for all"), entries("成功, 問題なし"))


def test_words_and_phrases_are_found_in_any_case() -> None:
    assert Text("All PASSED with No errors").hits(PASSED) == 2
    assert Text("solved once, and\nfor all").hits(PASSED) == 1
    assert Text("passed on once and for allies").hits(PASSED) == 1
    assert Text("errors, no").hits(PASSED) == 0


def test_a_text_behind_another_is_read_as_one_with_it() -> None:
    for before, raw in (("No", "errors, 成功 ΟΔΟΣ"), ("", "passed"), ("完了、 don\u2019t", "")):
        whole, joined = Text(f"{before}\n{raw}"), Text(raw, Text(before))
        assert vars(joined) == vars(whole)
        assert joined.hits(PASSED) == whole.hits(PASSED)


def test_scripts_without_spaces_are_searched_for_fragments() -> None:
    assert Text("処理に成功しました、問題なし").hits(PASSED) == 2


def test_a_negated_word_is_not_affirmed() -> None:
    failed = Vocabulary(entries("failed, errors"))
    assert Text("2 tests failed").affirms(failed)
    assert not Text("0 failed, no errors, without any errors").affirms(failed)


def test_two_characters_of_an_unspaced_script_count_as_a_word() -> None:
    assert Text("three plain words").length == 3
    assert Text("索引再作成 done").length == 3.5


def test_apostrophes_and_hyphens_stay_inside_words() -> None:
    assert Text("don\u2019t use state-of-the-art").words == ["don't", "use", "state-of-the-art"]
