"""Of several representations the client gets the one it wants most."""

import pytest

from app.api.negotiation import preferred

JSON, MARKDOWN = "application/json", "text/markdown"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/markdown", MARKDOWN),
        ("TEXT/Markdown", MARKDOWN),
        ("text/*", MARKDOWN),
        ("text/markdown; charset=utf-8", MARKDOWN),
        ("text/markdown;variant=GFM;q=0.9, application/json;q=0.8", MARKDOWN),
        ("application/json, text/markdown", JSON),
        ("text/markdown, application/json", JSON),
        ("application/json;q=0.5, text/markdown", MARKDOWN),
        ("application/json;q=0.5,text/markdown;q=0.501", MARKDOWN),
        ("text/html, text/markdown;q=0.1", MARKDOWN),
        ("text/markdown;q=0, */*", JSON),
        ("*/*;q=0.1, application/json;q=0", MARKDOWN),
        ("text/*;q=0.9, text/markdown;q=0.1, application/json;q=0.5", JSON),
        ("text/markdown ; Q=1.000", MARKDOWN),
        ("text/html", None),
        ("text/plain, image/*", None),
        ("*/*;q=0", None),
        ("application/json;q=0, text/markdown;q=0.0", None),
        # What is no range is passed over.
        ("nonsense", JSON),
        ("nonsense, text/markdown", MARKDOWN),
        ("text/markdown;q=2, application/json;q=0.1", JSON),
        ("text/markdown;q=-1", JSON),
        (", ,", JSON),
        ("text/markdown" + ";" * 5_000, MARKDOWN),
    ],
)
def test_the_wanted_type(accept: str, wanted: str | None) -> None:
    assert preferred(accept, (JSON, MARKDOWN)) == wanted
