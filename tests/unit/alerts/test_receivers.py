"""How much room each service has for a message."""

import pytest
from apprise import Apprise, NotifyBase

from app.alerts.channels.apprise_channel import _room
from app.alerts.domain.room import utf8_bytes, utf16_units

DISCORD = "1234567890/abcdefghijklmnop"


@pytest.mark.parametrize(
    ("url", "most", "length"),
    [
        (f"discord://{DISCORD}", 1_900, utf16_units),
        (f"https://discord.com/api/webhooks/{DISCORD}", 1_900, utf16_units),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", 3_000, utf16_units),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", 4_000, utf16_units),
        ("ntfy://topic", 3_900, utf8_bytes),
        ("https://ntfy.sh/topic", 3_900, utf8_bytes),
        ("workflows://host:443/workflow1a2b/signature1a2b", 3_000, utf16_units),
        ("rockets://aaaa/bbbb@host/#ops", 3_000, utf16_units),
        ("matrixs://user:pass@host/#room", 3_000, utf8_bytes),
        (f"pover://{'u' * 30}@{'a' * 30}", 1_024, utf8_bytes),
        ("sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/wmNsdjJQ/us-west-2/+12223334444", 160, utf8_bytes),
        ("pagerduty://abcde0123456789abcd0@abcde0123456789abcdefg", 1_024, utf8_bytes),
    ],
)
def test_a_message_fits_its_receiver(url: str, most: int, length: object) -> None:
    service = Apprise.instantiate(url)
    assert isinstance(service, NotifyBase)
    room = _room(service)
    assert (room.most, room.length) == (most, length)


@pytest.mark.parametrize("url", ["mailto://u:p@example.com?to=x@example.com", "mailtos://u:p@example.com"])
def test_a_mail_is_as_long_as_it_is(url: str) -> None:
    service = Apprise.instantiate(url)
    assert isinstance(service, NotifyBase)
    assert _room(service).most > 1_000_000
