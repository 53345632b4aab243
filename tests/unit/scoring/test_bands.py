"""What a score means, in words."""

from itertools import pairwise
from pathlib import Path

import pytest

from app.scoring.domain.bands import BANDS, LEGEND, band_of, with_band
from app.scoring.domain.states import scoring_state

PAGE = Path(__file__).parents[3] / "docs/reference/scoring.md"


@pytest.mark.parametrize(
    ("score", "name"),
    [(1.0, "shown"), (0.75, "shown"), (0.7499, "sound"), (0.54, "thin"), (0.25, "poor"), (0.0, "unreliable")],
)
def test_every_score_has_a_band(score: float, name: str) -> None:
    assert band_of(score).name == name
    assert scoring_state({"overall": score}, locked=False)["band"] == name


def test_a_score_is_shown_with_its_word_and_the_words_with_their_scores() -> None:
    assert with_band(0.544) == "0.54 (thin)"
    assert with_band(-0.5) == "-0.50 (unreliable)"
    assert LEGEND == "score: from 0.75 shown, 0.60 sound, 0.45 thin, 0.25 poor, below unreliable"


def test_the_bands_go_down_to_nothing_and_are_documented() -> None:
    assert all(upper.least > lower.least for upper, lower in pairwise(BANDS))
    assert BANDS[-1].least == 0
    page = PAGE.read_text(encoding="utf-8")
    for band in BANDS:
        bound = f"from {band.least:g}" if band.least else "below"
        assert f"| {bound} | {band.name} | {band.meaning} |" in page


@pytest.mark.parametrize("overall", [-3, 7, 10**400])
def test_a_score_out_of_range_has_one_too(overall: int) -> None:
    assert scoring_state({"overall": overall}, locked=False)["band"] in {"shown", "unreliable"}
