"""What a reader could look up: paths, URLs, commits, tickets, names in code, and figures.

The patterns look at form, not language, so a report in Japanese or Spanish is read like one in
English. Every quantifier is bounded and every pattern starts at a boundary, which keeps the scan
linear in the length of the text; long runs are possessive, so that nothing is tried twice.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.scoring.rubric.calibration import (
    FIGURE_WEIGHT,
    PERFECT_FIGURE,
    ROUND_FIGURE,
    UNIT_WEIGHT,
    YEAR_FIGURE,
)

_EXTENSIONS = (
    "py|pyi|js|jsx|ts|tsx|mjs|json|jsonl|ndjson|ya?ml|toml|ini|cfg|conf|env|lock|csv|tsv|parquet|avro|sql|md|rst|txt"
    "|log|html?|css|scss|vue|xml|pdf|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|webp|mp3|mp4|webm|wav|zip|tar|t?gz|zst|bz2"
    "|dump|bak|hprof|pcap|ipynb|sh|ps1|go|rs|java|kt|swift|rb|php|c|cc|cpp|h|hpp|cs|scala|ex|exs|lua|tf|tfvars|hcl"
    "|proto|graphql|diff|patch|whl|jar|deb|rpm|iso|img|eml|ics|service|socket|properties|gradle|mod|sum"
)
_SCAN = re.compile(
    r"""
    (?P<numbered>\b(?:PR|MR|run|build|job|ticket|issue|order|pull|revision|batch|case|invoice|change)
        \ \#?\d{2,9}\b)
    # A plain word is none of what follows; passed over with what is behind it, it is not tried at for each.
    |(?P<word>\b[A-Za-z][a-z]{0,40}[ \n,;]++)
    |(?P<url>\b[A-Za-z][A-Za-z0-9+.-]{1,11}://[^\s"'<>(){}\[\]|\\^`]{3,300})
    |(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)
    |(?P<date>\b(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:?[0-5]\d(?::?\d\d)?Z?)?(?![\w./-]\w))
    |(?P<path>(?<![\w./<])(?:~/|\.{1,2}/|/)?(?:[\w.@+*:=-]{1,64}+/){1,12}[\w.@*+-]{0,64}|(?<![\w./<\[])/[\w.@+-]{2,64}\b)
    |(?P<file>\b[\w-]{1,64}+(?:\.[\w-]{1,32}+){0,3}\.(?:"""
    + _EXTENSIONS
    + r""")\b(?::\d{1,6})?)
    |(?P<sha>\b(?=[a-fA-F]{0,40}\d)(?=\d{0,40}[a-fA-F])(?:[0-9a-f]{7,64}|[0-9A-F]{7,64})\b)
    |(?P<ticket>\b[A-Z][A-Z0-9]{0,9}(?:-[A-Z]{2,8}){0,2}-\d{1,9}\b|(?<![\w&])[\#!]\d{2,9}\b)
    |(?P<version>\bv?\d{1,4}\.\d{1,4}\.\d{1,6}(?:[-.][\w.]{1,20})?\b|\bv\d{1,4}(?:\.\d{1,4})?\b)
    |(?P<name>\b[A-Za-z][A-Za-z0-9]{0,30}(?:_{1,2}[A-Za-z0-9]{1,30}){1,8}\b
        |\b[A-Za-z_]\w{1,40}(?:\.[a-z_]\w{1,40}){1,6}\b(?:\(\))?
        |\b[A-Za-z_]\w{2,40}\(\))
    |(?P<host>\b[a-z]{1,20}(?:-[a-z0-9]{1,20}){0,4}-(?=[a-z]{0,20}\d)[a-z0-9]{1,20}\b)
    |(?P<camel>\b[A-Z][a-z0-9]{1,20}(?:[A-Z][a-z0-9]{1,20}){1,5}\b|\b[a-z][a-z0-9]{1,20}(?:[A-Z][a-z0-9]{1,20}){1,5}\b)
    |(?P<handle>(?<![\w/&])[@\#][a-z][\w-]{2,40})
    |(?P<clock>\b[0-2]?\d:[0-5]\d(?::[0-5]\d)?\b)
    |(?P<ratio>\b(?:\d{1,3}(?:,\d{3}){1,3}|\d{1,9})
        (?:\s?/\s?|\ (?:of|out\ of|von|de|di|dos|van|av|af|of\ the|of\ all)\ )
        (?:\d{1,3}(?:,\d{3}){1,3}|\d{1,9})\b(?![./:]\d))
    |(?P<figure>(?<![\w.])[+\-~±]?[€$£¥]?\d{1,15}(?:[.,'\u202f]\d{1,12}){0,5}
        (?:\s?(?:ms|us|ns|s|sec|seconds|min|minutes|h|hours|d|days|[kKmMgGtT]i?[bB]|k|K|M|x|px|USD|EUR|GBP|Hz|rps|qps)\b
           |\s?[%€$])?)
    """,
    re.VERBOSE | re.ASCII,
)

_BRANCHES = frozenset(
    {"feat", "feature", "fix", "bugfix", "hotfix", "release", "chore", "refactor", "origin"}
)
"""What a branch is called by, before a slash."""

_PLACEHOLDER = re.compile(
    r"""
    (?:https?://)?(?:www\.)?(?:example\.(?:com|org|net)|your-?\w{1,20}\.\w{2,10}|test\.com|foo\.bar|localhost)\b
    |(?:[\w.-]{0,64}/){0,6}(?:path/to|foo|bar|baz|your[-_]\w{1,20})(?:[/.]|$)
    |(?:abc|def|xyz|foo|bar|test)[-_]?\d{1,6}$
    |(?:0?123456?7?8?9?|0{6,}|1{6,}|a{6,}|f{6,}|deadbeef|cafebabe|abcdef\d{0,6}|abc123\d?|1234567\w{0,60}|0123456789\w{0,60})$
    |(?:\#|[A-Z]{1,10}-|PR\ \#?|MR\ \#?|issue\ \#?|ticket\ \#?)(?:1234?5?6?7?|0+|9999?|X+)$
    |(?:file|doc|document|image|img|script|module|test|sample|example|foo|bar|temp|tmp|untitled|my[-_]?file)[-_]?\d{0,4}\.\w{1,8}$
    |(?:log|logs|output|screenshot|evidence|proof|data)\.\w{1,8}$
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)

# Names of norms and rankings contain numbers that measure nothing: ISO 27001, Top 10, p < 0.05.
_NORM = re.compile(
    r"\b(?:(?:ISO|IEC|SOC|NIST|PCI|RFC|WCAG|EN|DIN|OWASP|SANS|CIS|HTTP|TLS|SHA|UTF|UTC|GMT|AES|RSA|COVID|GPT"
    r"|OAuth)"
    r"(?:[- ]?(?:DSS|CSF|Top|level|v))?[- ]?\d{1,6}(?:[.:-]\d{1,4})?\b"
    r"|[Tt]op[- ]\d{1,3}\b|24/7\b|p\s?[<=>]\s?0?\.\d{1,5}|[Ss]tep \d{1,3}\b|[Ss]chritt \d{1,3}\b)",
)
_NORM_WORDS = (
    *("ISO", "IEC", "SOC", "NIST", "PCI", "RFC", "WCAG", "EN", "DIN", "OWASP", "SANS", "CIS", "HTTP", "TLS"),
    *("SHA", "UTF", "UTC", "GMT", "AES", "RSA", "COVID", "GPT", "OAuth", "op ", "op-", "24/7", "<", "=", ">"),
    *("tep ", "chritt "),
)
"""Each of `_NORM` has one of them, so most texts are spared the search."""
# "11 clienti su 14": what is counted stands between.
_OF_WORDS = (" sur ", " su ", " z ", " ze ", " из ", " із ")
_OF = re.compile(r"(?<![\d.,/])(\d{1,9}) (?:[^\s\d]{2,20} )?(?:sur|su|z|ze|из|із) (\d{1,9})(?![\d.,/:])")
# "14 件中 11 件": the whole comes first.
_WHOLE_FIRST = re.compile(r"(?<!\d)(\d{1,9})\s?[^\s\d,.]{0,8}\s?[中중]\s?[^\s\d]{0,8}\s?(\d{1,9})(?![\d.,])")
_NO_DIGIT = re.compile(r"\D")
_NO_NUMBER = re.compile(r"[^\d.,]")
_WHOLE = re.compile(r"\d[\d,]*", re.ASCII)


class Reference(NamedTuple):
    """Something that can be looked up; `kind` is a key of `calibration.REFERENCE_WEIGHTS`."""

    kind: str
    text: str
    placeholder: bool


class Figure(NamedTuple):
    """A number in prose: `weight` 0..1 says how much it pins down, `percent` whether it is a percentage."""

    text: str
    value: float
    weight: float
    percent: bool


class Ratio(NamedTuple):
    """`done` of `total`, as in "3 of 5" or "7/12"."""

    done: int
    total: int


def scan(text: str) -> Iterator[Reference | Figure | Ratio]:
    """Everything in the text that could be looked up or counted, in order."""
    for match in _SCAN.finditer(_prepared(text)):
        kind = match.lastgroup or ""
        if kind == "word":
            continue
        found = match.group().rstrip(".,:;")
        if kind == "figure":
            yield _figure(found)
        elif kind == "ratio":
            yield _ratio(found)
        elif kind == "path" and not _is_path(found):
            yield from _slashed(found)
        else:
            yield Reference(kind, found, _PLACEHOLDER.match(found) is not None)


def _prepared(text: str) -> str:
    """The text with ratios in one form, and without the numbers in names of norms."""
    if any(map(text.__contains__, _OF_WORDS)):
        text = _OF.sub(r"\1/\2", text)
    if not text.isascii():
        text = _WHOLE_FIRST.sub(r"\2/\1 ", text)
    return _NORM.sub(" ", text) if any(map(text.__contains__, _NORM_WORDS)) else text


def _is_path(found: str) -> bool:
    """Whether slashes mean a path, and not "and/or" or "46/46"."""
    if not any(c.isalpha() for c in found):
        return False
    last = found.rsplit("/", 1)[-1]
    if found.partition("/")[0] in _BRANCHES:
        return True
    return found[0] in "/~." or found.endswith("/") or found.count("/") > 1 or "." in last


def _slashed(found: str) -> Iterator[Reference | Figure | Ratio]:
    """Words or numbers with a slash between them that are no path."""
    left, _, right = found.partition("/")
    if left.isdecimal() and right.isdecimal() and len(left) < 10 and len(right) < 10:
        yield Ratio(int(left), int(right))
        return
    for part in (left, right):
        yield from scan(part.replace("/", " "))


def _ratio(found: str) -> Ratio:
    done, total = _WHOLE.findall(found)
    return Ratio(int(done.replace(",", "")), int(total.replace(",", "")))


def _figure(found: str) -> Figure:
    percent = found.endswith("%")
    digits = _NO_DIGIT.sub("", found)
    number = _NO_NUMBER.sub("", found)
    value = _value(number)
    has_unit = not found[-1].isdigit()
    return Figure(found, value, _weight(digits, number, value, percent, has_unit), percent)


def _value(number: str) -> float:
    """Read 48,209 and 213.440,17 and 38.20 alike: a last group of three digits is thousands."""
    groups = number[:40].replace(",", ".").split(".")
    if len(groups) > 1 and len(groups[-1]) != 3:
        return float("".join(groups[:-1])[:18] + "." + groups[-1])
    return float("".join(groups)[:18] or 0)


def _weight(digits: str, number: str, value: float, percent: bool, has_unit: bool) -> float:
    """How much a figure pins down: perfect and round ones little, measured ones much."""
    if value in {0.0, 1.0} or (percent and value >= 100):
        return PERFECT_FIGURE
    if len(number) == 4 and 1900 <= value < 2100 and not has_unit:
        return YEAR_FIGURE
    significant = len(digits.strip("0")) or 1
    if significant == 1 and value >= 1000:
        return ROUND_FIGURE
    return min(1.0, FIGURE_WEIGHT + FIGURE_WEIGHT * significant + (UNIT_WEIGHT if has_unit else 0.0))
