"""The times in which agents could not report lately, by kind."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.audit.cadence import Outage, Outages


class KnownOutages(NamedTuple):
    """The times in which agents could not report lately: those that are over, and all, with one that lasts.

    Of the one that lasts nothing can be learned yet. `excused` are those of single agents, which were missing
    together with others; `holidays` are those that agents may keep, with those of the coming days. At
    `unreachable` times, all and shorter ones, a report may have got lost on its way.
    """

    over: Outages
    all: Outages
    excused: Mapping[str, Sequence[Outage]]
    holidays: Sequence[Outage] = ()
    unreachable: Outages = Outages()

    def given(self, silence: Outage | None) -> "KnownOutages":
        """With the time up to now in which hardly any agent reports; with None, as some go on, without."""
        if silence is None:
            return self._replace(all=self.over)
        return self._replace(all=self.all.joined(silence), unreachable=self.unreachable.joined(silence))
