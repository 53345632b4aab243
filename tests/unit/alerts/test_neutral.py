"""Words of agents mention no one and format nothing, and can still be read."""

import re
import unicodedata
from dataclasses import replace

import pytest
from apprise import Apprise, NotifyBase, NotifyFormat
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.domain.digest import Digest, digest_message
from app.alerts.domain.message import Message, alert_message
from app.alerts.domain.neutral import neutral
from unit.alerts.test_message import NOW, STOPPED, URL

ACTIVE = [
    "@everyone",
    "@here",
    "@channel",
    "@all",
    "@room",
    "\uff20everyone",
    "<@&123456789>",
    "<@123456789>",
    "<@!123456789>",
    "<#123456789>",
    "<!channel>",
    "<!here>",
    "<!subteam^S123|ops>",
    "<users/all>",
    "<at>all</at>",
    "<a href='https://example.com'>log in</a>",
    "<https://example.com|log in>",
    "<b>bold</b>",
    "[log in](javascript:alert(1))",
    "![image](https://example.com/x.png)",
    "[log in][1]",
    "**bold** *italic*",
    "__bold__ _italic_",
    "~~struck~~",
    "||hidden||",
    "`code`",
    "```code```",
    ":rotating_light:",
]
# What chats look for, each in any of them.
PATTERNS = [
    r"[@\uff20]\w",
    r"<[@!#/\w]",
    r"\]\s*[(\[]",
    r"\*|`",
    r"(?<!\w)_\w|\w_(?!\w)",
    r"~~|\|\|",
    r":[a-z_]+:",
]
URLS = {
    "discord": "discord://1234567890/abcdefghijklmnop",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
    "telegram": "tgram://123456789:abcdefg_hijklmnop/12315544",
    "teams": "workflows://host:443/workflow1a2b/signature1a2b",
    "google chat": "gchat://workspace/key/token",
    "rocket chat": "rockets://aaaa/bbbb@host/#ops",
    "mattermost": "mmosts://host/3ccdd113474722377935511fc85d3dd4",
    "matrix": "matrixs://user:pass@host/#room",
}


def seen(text: str) -> str:
    """`text` as it is read: without invisible characters, look-alikes as what they look like."""
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return visible.replace("\u2217", "*").replace("\u02cb", "`")


@pytest.mark.parametrize("words", ACTIVE)
def test_what_a_chat_would_act_on_is_broken_and_can_be_read(words: str) -> None:
    text = neutral(f"backup {words} failed")
    assert not any(re.search(pattern, text) for pattern in PATTERNS)
    assert seen(text) == f"backup {words} failed"


@pytest.mark.parametrize(
    "words", ["nightly_backup_2", "a < b > c", "12:30:45", "ops & co", "5 | 6", "[1]", "f(x)"]
)
def test_plain_words_are_left_alone(words: str) -> None:
    assert neutral(words) == words


@given(st.text(alphabet="@<>![](){}*_`~|:#abc \n", max_size=40))
def test_nothing_that_is_put_together_is_active(words: str) -> None:
    text = neutral(words)
    assert not any(re.search(pattern, text) for pattern in PATTERNS[:4])
    assert seen(text) == words


def messages(words: str) -> list[Message]:
    named = replace(STOPPED, agent=words, agent_id=words, message=words, acknowledged_by=words)
    named = replace(named, evidence={"last_output": {"summary": words, "status": words}})
    digest = Digest(NOW, NOW, [named], 1, [replace(named, closed_at=NOW)], {}, None, None)
    return [
        alert_message("id", [named], NOW, URL),
        alert_message("id", [named] * 6, NOW, URL),
        digest_message("id", digest, URL),
    ]


@pytest.mark.parametrize("words", ACTIVE)
def test_no_part_of_a_message_is_active(words: str) -> None:
    for message in messages(words):
        for text in (message.title, message.text, *message.lines):
            said = "\n".join(line for line in text.splitlines() if not line.startswith("Look: "))
            assert not any(re.search(pattern, said) for pattern in PATTERNS)
        assert message.data["findings"][0]["agent"] == words


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "words", ["<b>x</b>", "<a href='x'>y</a>", "@everyone", "<!channel>", "<at>all</at>"]
)
def test_no_tag_or_mention_comes_out_of_the_library(name: str, words: str) -> None:
    service = Apprise.instantiate(URLS[name])
    assert isinstance(service, NotifyBase)
    for message in messages(words):
        [call] = service._build_send_calls(
            body=message.text, title=message.title, body_format=NotifyFormat.TEXT
        )
        sent = (call["title"] + call["body"]).replace(f"<b>{message.title}</b>", "")
        assert not re.search(r"@[a-z]|<(b>x|a |!|at>)", sent), sent
        assert "Look: " in sent.replace("\\", "")


def test_a_title_is_one_line_of_a_mail() -> None:
    words = "nova\r\nBcc: all@example.com\u2028x\x0by\x85z"
    for message in messages(words):
        assert message.title.splitlines() == [message.title]
        assert "\r" not in message.title
