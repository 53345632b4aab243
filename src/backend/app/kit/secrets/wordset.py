"""Which of many words occur in a text, found in one pass."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

_END = ""


class WordSet:
    """Words to be looked for. One that begins another is found with it."""

    def __init__(self, words: Iterable[str]) -> None:
        known = sorted(words)
        self._longest = max(map(len, known))
        self._implied = {word: [other for other in known if word.startswith(other)] for word in known}
        root: dict[str, Any] = {}
        for word in known:
            node = root
            for char in word:
                node = node.setdefault(char, {})
            node[_END] = {}
        # A tree of prefixes: at each place of the text few branches are tried. Words may overlap.
        self._pattern = re.compile(f"(?=({_alternatives(root)}))")

    def in_(self, text: str, stretch: slice) -> Iterator[str]:
        """The words that begin in a `stretch` of `text`, each once."""
        found = set(self._pattern.findall(text, stretch.start, stretch.stop + self._longest))
        return iter({word for longest in found for word in self._implied[longest]})

    def places(self, text: str) -> Iterator[int]:
        """Where in `text` one of the words begins."""
        return (match.start() for match in self._pattern.finditer(text))


def _alternatives(node: dict[str, Any]) -> str:
    branches = [re.escape(char) + _alternatives(rest) for char, rest in node.items() if char != _END]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + ("?" if _END in node else "")
