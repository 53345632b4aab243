"""Countries by their ISO 3166 codes, with or without a subdivision: `DE-BY,US`."""

import re
from functools import cache
from importlib.resources import files

_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,6})?")


def parse_countries(text: str) -> tuple[str, ...]:
    """The codes of a list. Raises `ValueError` for what is none, or for a country without a time zone."""
    codes = tuple(code.strip().upper() for code in text.split(",") if code.strip())
    for code in codes:
        if not _CODE.fullmatch(code) or not zones_of(code[:2]):
            raise ValueError(f"{code} is no country or subdivision by ISO 3166, as DE, DE-BY or US")
    return codes


def zones_of(country: str) -> tuple[str, ...]:
    """The time zones of a country."""
    return _zones().get(country, ())


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), zone)
    return found
