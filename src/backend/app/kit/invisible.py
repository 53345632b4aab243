"""Characters that cannot be seen, in names and ids."""

import re
import unicodedata

# Spaces and separators, controls, and formats: zero widths, bidirectional marks, tags.
_UNSEEN_CATEGORIES = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
# What of Unicode's Default_Ignorable_Code_Point is in other categories, and braille without a dot.
_UNSEEN_OTHERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_visible(text: str) -> bool:
    """Whether there is anything to be seen in `text`."""
    return "!" <= text[:1] <= "~" or any(not is_unseen(character) for character in text)


def is_unseen(character: str) -> bool:
    """Whether nothing is to be seen of it: a space of any kind, a control, a mark of zero width."""
    if "!" <= character <= "~":
        return False
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or bool(_UNSEEN_OTHERS.match(character))


def require_visible(text: str) -> str:
    """`text` itself. Raises `ValueError` where nothing of it can be seen."""
    if not is_visible(text):
        raise ValueError("must hold a character that can be seen")
    return text
