"""What the scan finds in a text."""

import pytest

from app.scoring.rubric.references import Figure, Ratio, Reference, scan


def kinds(text: str) -> list[tuple[str, str]]:
    return [(item.kind, item.text) for item in scan(text) if isinstance(item, Reference)]


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("see https://git.acme.test/p/1.", "url", "https://git.acme.test/p/1"),
        ("in s3://lake/a.ndjson,", "url", "s3://lake/a.ndjson"),
        ("fix in src/api/orders.py:71", "path", "src/api/orders.py"),
        ("endpoint /v1/export now", "path", "/v1/export"),
        ("wrote notes.md today", "file", "notes.md"),
        ("since 77ab0d4 red", "sha", "77ab0d4"),
        ("コミット e77b3d0、", "sha", "e77b3d0"),
        ("went to BUG-541.", "ticket", "BUG-541"),
        ("ticket #88213", "numbered", "ticket #88213"),
        ("now on 1.18.0", "version", "1.18.0"),
        ("fails in test_refund_twice", "name", "test_refund_twice"),
        ("in ImportJob.resolve_skus", "name", "ImportJob.resolve_skus"),
        ("host vpn-gw-1 is", "host", "vpn-gw-1"),
        ("got AccessDenied", "camel", "AccessDenied"),
        ("on 2026-03-11 at", "date", "2026-03-11"),
        ("at 05:12 again", "clock", "05:12"),
    ],
)
def test_a_reference_is_found(text: str, kind: str, found: str) -> None:
    assert (kind, found) in kinds(text)


@pytest.mark.parametrize(
    "text", ["and/or", "read/write access", "e.g. this", "plain words only", "ISO 27001", "Top 10"]
)
def test_words_are_no_references(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("3 of 5 suites", Ratio(3, 5)),
        ("46/46 ok", Ratio(46, 46)),
        ("940 of 1,000", Ratio(940, 1000)),
        ("7 von 9", Ratio(7, 9)),
    ],
)
def test_a_ratio_is_found(text: str, ratio: Ratio) -> None:
    assert ratio in list(scan(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("48,209 rows", 48209),
        ("213.440,17 EUR", 213440.17),
        ("38.20s", 38.2),
        ("91%", 91),
        ("€4,118.20", 4118.2),
    ],
)
def test_a_figure_is_read_in_any_notation(text: str, value: float) -> None:
    figures = [item for item in scan(text) if isinstance(item, Figure)]
    assert [figure.value for figure in figures] == [value]


def test_measured_figures_weigh_more_than_perfect_or_round_ones() -> None:
    measured, perfect, rounded, nought, year = (
        next(item.weight for item in scan(text) if isinstance(item, Figure))
        for text in ("48209 rows", "100%", "1000000 rows", "0 errors", "in 2026")
    )
    assert measured > rounded > max(perfect, nought, year)
