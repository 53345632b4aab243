"""Names that stand for others, in a setting."""

import pytest

from app.kit.name_pairs import name_pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("main=sage", {"main": "sage"}),
        (" main = sage , ops=nova,", {"main": "sage", "ops": "nova"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_pairs(text: str, pairs: dict[str, str]) -> None:
    assert name_pairs(text) == pairs


@pytest.mark.parametrize("text", ["main", "=sage", "main=", "main=sage,ops", "main=\u200b", "x" * 256 + "=y"])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(ValueError, match="pairs of names"):
        name_pairs(text)
