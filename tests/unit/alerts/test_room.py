"""How long a message may be, and its shorter forms."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.alerts.domain.message import Message, alert_message
from app.alerts.domain.message import test_message as message_of_a_test
from app.alerts.domain.room import Room, form_of, utf8_bytes, utf16_units
from unit.alerts.test_message import NOW, STOPPED, URL, fleet

EMOJI = "\U0001f600"
LINK = "https://runlog.example.com/audit"


def size(message: Message, room: Room) -> int:
    return room.length(message.title) + 2 + room.length(message.text)


def test_lengths_are_those_of_receivers() -> None:
    assert utf16_units(f"a{EMOJI}ü") == len(f"a{EMOJI}ü".encode("utf-16-le")) / 2
    assert utf8_bytes(f"a{EMOJI}ü") == len(f"a{EMOJI}ü".encode())
    assert utf8_bytes("\ud800") == 1


def test_what_fits_is_sent_as_it_is() -> None:
    message = alert_message("id", fleet(4), NOW, URL)
    assert form_of(message, Room(most=10_000), 0) is message
    assert form_of(message, Room(), 0) is message


def test_what_does_not_fit_is_a_line_for_each_finding_and_says_what_is_left_out() -> None:
    long = [replace(each, message="x" * 800) for each in fleet(4)]
    message = alert_message("4c9d", long, NOW, URL)
    brief = form_of(message, Room(most=1_000), 0)
    assert brief.title == message.title
    assert brief.text == (
        "\n".join(f"HIGH A{n}: stopped reporting, since 10:00 UTC" for n in range(4))
        + f"\n\nLook: {LINK}\nNotification 4c9d"
    )
    short = form_of(message, Room(most=225), 0)
    assert short.text.startswith("HIGH A0: stopped reporting, since 10:00 UTC\nand 3 more that this message")
    assert short.text.endswith(f"Look: {LINK}\nNotification 4c9d")


def test_a_long_title_alone_costs_no_text() -> None:
    message = alert_message("id", [replace(each, agent=EMOJI * 255) for each in fleet(3)], NOW, URL)
    form = form_of(message, Room(title=250), 0)
    assert form.text == message.text
    assert utf8_bytes(form.title) <= 250
    assert form.title.startswith("HIGH: stopped reporting, 3 agents: ")


def test_each_rejection_makes_it_shorter_down_to_a_line() -> None:
    message = alert_message("4c9d", fleet(30), NOW, URL)
    forms = [form_of(message, Room(), rejections) for rejections in range(6)]
    sizes = [len(form.text) for form in forms]
    assert sizes == sorted(sizes, reverse=True)
    assert forms[-1] == forms[-2]
    assert forms[-1].text == f"30 findings: {LINK}"
    assert forms[-1].data == {"findings": [], "findings_left_out": 30}
    assert forms[1].data["findings_left_out"] == 17


def test_an_sms_says_how_many_and_where() -> None:
    message = alert_message("4c9d", fleet(30), NOW, URL)
    form = form_of(message, Room(most=160, title=3_000), 0)
    assert f"30 findings: {LINK}" in form.text
    assert form.title.startswith("HIGH: stopped reporting, 30 agents")
    assert size(form, Room()) <= 160


def test_an_alert_of_an_earlier_release_can_be_shortened() -> None:
    stored = Message(title="HIGH: Nova", text="HIGH: nova failed\n" * 50 + "\nLook: here", data={})
    form = form_of(stored, Room(most=200), 0)
    assert form.text.startswith("HIGH: nova failed\n")
    assert size(form, Room()) <= 200


def test_a_long_name_is_cut_for_people_alone() -> None:
    name = EMOJI * 255
    message = alert_message("id", [replace(STOPPED, agent=name, agent_id=name)], NOW, URL)
    assert len(message.title) < 200
    assert f"Look: {LINK}" in message.text
    assert message.data["findings"][0]["agent"] == name


@settings(max_examples=60)
@given(
    st.text(alphabet=[EMOJI, "ü", "a", " ", "_", "@", "<"], min_size=1, max_size=255),
    st.integers(1, 60),
    st.integers(0, 5),
    st.sampled_from([160, 500, 1_000, 1_900, 4_000]),
    st.sampled_from([60, 250, 4_000]),
    st.sampled_from([utf16_units, utf8_bytes, len]),
)
def test_every_form_fits(
    name: str, count: int, rejections: int, most: int, title: int, length: object
) -> None:
    room = Room(most, title, length)  # type: ignore[arg-type]
    found = [
        replace(each, agent=name, agent_id=f"{name}{n}", message=name * 9)
        for n, each in enumerate(fleet(count))
    ]
    form = form_of(alert_message("4c9d", found, NOW, URL), room, rejections)
    assert room.fits(form)
    assert form.text


@pytest.mark.parametrize("most", [20, 60, 160])
def test_a_test_fits_anywhere(most: int) -> None:
    form = form_of(message_of_a_test("id", "sns", URL), Room(most=most), 0)
    assert size(form, Room()) <= most
    assert form.text
