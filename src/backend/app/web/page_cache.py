"""A page that many readers look at is made once for them, while nothing of it has changed."""

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import NamedTuple

MOST_PAGES = 32
"""Pages kept, of about 100 kilobytes each."""

MOST_SECONDS = 30.0
"""For which a page is kept though nothing has changed: what it says of the time grows old."""


class _Kept(NamedTuple):
    made_at: float
    versions: Mapping[str, str]
    text: str


class PageCache:
    """Pages by what they depend on besides the log, the least recently used dropped first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(self, key: Hashable, versions: Mapping[str, str], staleness: float) -> str | None:
        """The page made of these `versions`, or of others up to `staleness` seconds ago.

        Without versions, nobody looks for changes, and no page is kept.
        """
        kept = self._pages.get(key)
        if not versions or kept is None:
            return None
        age = time.monotonic() - kept.made_at
        if age > (MOST_SECONDS if kept.versions == versions else staleness):
            return None
        self._pages.move_to_end(key)
        return kept.text

    def put(self, key: Hashable, versions: Mapping[str, str], text: str) -> None:
        """Keep a page that was made of at least these versions."""
        if not versions:
            return
        self._pages[key] = _Kept(time.monotonic(), versions, text)
        self._pages.move_to_end(key)
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)
