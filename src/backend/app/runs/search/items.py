"""What a search can ask of a run, as numbers: its agent, and all pieces of its texts."""

from collections.abc import Iterable
from zlib import crc32

GRAM = 4
"""Characters of a piece. Shorter ones are in most blocks: three hexadecimal digits, as ids and commits have,
are 4,096 values."""

_NUMBERS = 1 << 16
_DOT_ABOVE = "\u0307"
# `lower()` makes of I with a dot, by locale, i or i with another dot, and of I one without: all are i here.
_ONE_I = {ord("\u0130"): "i", ord("\u0131"): "i", ord(_DOT_ABOVE): None}


def folded(text: str) -> str:
    """`text` so that whatever PostgreSQL's `lower()` makes the same is the same, whatever its locale.

    It is done character by character: of a text that contains another one, the result contains the other's.
    """
    return text.lower() if text.isascii() else text.translate(_ONE_I).casefold().translate(_ONE_I)


def grams_of(*texts: str | None) -> set[str]:
    """All pieces of `GRAM` characters that the folded texts have."""
    grams: set[str] = set()
    for fold in map(folded, filter(None, texts)):
        grams.update([fold[start : start + GRAM] for start in range(len(fold) - GRAM + 1)])
    return grams


def items_of(grams: Iterable[str], agent_ids: Iterable[str]) -> list[int]:
    """The items of pieces and agents, ascending: 16 bits of their CRC-32, as PostgreSQL's smallint.

    Two may have the same number: a search then looks through runs in vain.
    """
    hashes = [crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams]
    hashes += [crc32(b"agent\0" + agent_id.encode()) for agent_id in agent_ids]
    return [number - _NUMBERS // 2 for number in sorted({each % _NUMBERS for each in hashes})]
