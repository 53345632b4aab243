import re

from hypothesis import given
from hypothesis import strategies as st

from app.kit.text import folded


@given(
    st.text(
        alphabet=st.characters(codec="utf-8") | st.sampled_from("\u0130\u0131\u017f\u212aSIk"), max_size=40
    )
)
def test_a_place_in_folded_text_is_the_same_place_in_the_text(text: str) -> None:
    assert len(folded(text)) == len(text)


def test_folded_text_has_the_letters_that_a_pattern_ignoring_case_takes_for_ascii_ones() -> None:
    for code in range(0x250):
        for letter in "abcdefghijklmnopqrstuvwxyz":
            alike = re.fullmatch(letter, chr(code), re.IGNORECASE) is not None
            assert alike == (folded(chr(code)) == letter), hex(code)
