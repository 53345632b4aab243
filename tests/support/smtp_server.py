"""A real SMTP server that a test runs, and may have refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from support.processes import free_port

PASSWORD = "hunter2222"


@dataclass
class Mailbox:
    """Takes mail while `answer` is an acceptance."""

    port: int
    answer: str = "250 taken"
    logins: list[bytes] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The apprise URL that writes to it."""
        ends = "from=runlog@example.com&to=ops@example.com&mode=insecure"
        return f"mailto://mailer:{PASSWORD}@127.0.0.1:{self.port}?{ends}"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Called by aiosmtpd."""
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: Any, auth: Any) -> AuthResult:
        """Called by aiosmtpd."""
        assert isinstance(auth, LoginPassword)
        self.logins.append(auth.password)
        return AuthResult(success=auth.password == PASSWORD.encode())


@contextmanager
def mailbox(port: int | None = None) -> Iterator[Mailbox]:
    """A server on `port`, or a free one."""
    box = Mailbox(port or free_port())
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        authenticator=box.login,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def body_of(mail: EmailMessage) -> str:
    """The text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
