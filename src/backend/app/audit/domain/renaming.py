"""Agents that did not stop but go by another name now."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

from app.audit import calibration
from app.audit.domain.finding import Finding
from app.kit.text import at, printable

_PART = re.compile(r"[^\W\d_]+|\d+")


def similar_names(names: Iterable[str], among: Iterable[str]) -> dict[str, list[str]]:
    """For each of `names`, the others with the same words and more, or fewer: `sage` and `Sage-v2`."""
    wanted = {name: parts for name in names if 0 < len(parts := _parts(name)) <= calibration.NAME_PARTS}
    # In a large fleet most parts, such as numbers, are of other names alone.
    telling = frozenset[str]().union(*wanted.values())
    by_part: dict[str, set[str]] = defaultdict(set)
    by_all: dict[frozenset[str], set[str]] = defaultdict(set)
    for name in among:
        parts = _parts(name)
        shared = parts & telling
        if shared == parts:
            by_all[parts].add(name)
        for part in shared:
            by_part[part].add(name)
    found = {}
    for name, parts in wanted.items():
        more = set.intersection(*sorted((by_part[part] for part in parts), key=len))
        subsets = (frozenset(some) for count in range(1, len(parts)) for some in combinations(parts, count))
        less = {other for subset in subsets for other in by_all.get(subset, ())}
        if similar := sorted((more | less) - {name}):
            found[name] = similar
    return found


def _parts(name: str) -> frozenset[str]:
    return frozenset(_PART.findall(name.casefold()))


def name_successor(finding: Finding, first_reports: Mapping[str, datetime], now: datetime) -> Finding:
    """The finding of an agent that stopped, and who of these began afterwards, and may be the same one."""
    stopped_at = finding.last_run_at
    later = {name: began for name, began in first_reports.items() if stopped_at and began > stopped_at}
    if not later:
        return finding
    successor = min(later, key=lambda name: (later[name], name))
    began = later[successor].astimezone(UTC)
    message = f"{finding.message}; {printable(successor)} began to report {at(began, now)}: was it renamed?"
    renamed = {"perhaps_renamed_to": successor, "successor_began_at": began.isoformat()}
    return replace(finding, message=message, evidence=finding.evidence | renamed)
