"""The channels' names, and that no part of their URLs is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.urls import mask_urls, named_urls, scrub

URL_TEXT = st.text("abcXYZ019-_.%", min_size=6, max_size=20)


def test_channels_are_named_by_scheme_and_number() -> None:
    text = "mailto://u:p@h/?to=a@h,b@h, slack://a/b/c\nMailto://u:q@h"
    assert named_urls(text) == {
        "mailto": "mailto://u:p@h/?to=a@h,b@h",
        "slack": "slack://a/b/c",
        "mailto-2": "Mailto://u:q@h",
    }


def test_another_password_keeps_the_name() -> None:
    assert list(named_urls("mailto://u:old@h")) == list(named_urls("mailto://u:new@h"))


@pytest.mark.parametrize("text", ["", "  ", " , "])
def test_nothing_is_no_channel(text: str) -> None:
    assert named_urls(text) == {}


@pytest.mark.parametrize("text", ["me@example.com", "slack://a/b me@example.com", "://x"])
def test_what_is_no_url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^number \d is no URL") as raised:
        named_urls(text)
    assert "me@" not in str(raised.value)


def test_urls_are_shown_by_their_schemes_alone() -> None:
    assert mask_urls("slack://a/b/c,mailto://me:pass@h?to=x") == "slack://[redacted], mailto://[redacted]"
    assert mask_urls("hunter2") == "[redacted]"


@given(st.lists(URL_TEXT, min_size=1, max_size=4), st.text(max_size=50))
def test_no_part_of_a_url_is_left(parts: list[str], said: str) -> None:
    url = f"slack://{'/'.join(parts)}"
    masked = scrub(f"{said} {url} {' '.join(parts)} {parts[-1].upper()} {said}", url)
    for part in parts:
        assert part not in masked.replace("[redacted]", "")


@pytest.mark.parametrize("name", ["RUNLOG_ALERT_WEBHOOK_SECRET", "RUNLOG_ALERT_URLS_FILE", "DATABASE_URL"])
def test_the_name_of_a_variable_is_left_and_its_value_is_not(name: str) -> None:
    url = "https://example.com/runlog/webhook/secret/alert/database"
    assert scrub(f"{name} is not set", url, "hunter2222") == f"{name} is not set"
    assert scrub(f"{name}=hunter2222 secret", url, "hunter2222") == f"{name}=[redacted] [redacted]"
    assert scrub(f"{name} hunter2222", name) == f"{name} hunter2222"


def test_what_is_no_secret_is_left() -> None:
    assert scrub("HTTP 500\nfrom  there", "https://example.com/hook") == "HTTP 500 from there"
