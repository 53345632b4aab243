"""E-mail, chats and the other services that the library apprise can write to."""

import asyncio
import contextvars
import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType, OverflowMode
from apprise.exception import AppriseException

from app.alerts.channels.answers import Answer
from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.http_watch import watching
from app.alerts.channels.targets import skipping
from app.alerts.domain.calibration import CHAT_LENGTH, COUNT_UTF16, RECEIVER_LENGTH
from app.alerts.domain.delivery import Delivery
from app.alerts.domain.room import Room, form_of, utf8_bytes, utf16_units

_TYPES = {"opened": NotifyType.WARNING, "reminder": NotifyType.WARNING, "closed": NotifyType.SUCCESS}
_MAIL = frozenset({"mailto"})
# How an SMTP server says that a mail is too large (RFC 1870, 6; RFC 3463, 3.3 and 3.4). 552 also is of a
# mailbox that is full (5.2.2), which takes the same mail later.
_MAIL_TOO_LARGE = re.compile(r"\b552\b(?!.{0,9}5\.2\.2)|\b5\.3\.4\b|\b5\.2\.3\b")

_said: ContextVar[list[str] | None] = ContextVar("apprise_said", default=None)


class _Said(logging.Handler):
    """Keeps why apprise fails, where a delivery in this context wants to know."""

    def emit(self, record: logging.LogRecord) -> None:
        said = _said.get()
        if said is None:
            return
        if record.levelno >= logging.WARNING or "xception" in record.getMessage():
            said.append(record.getMessage())


_HANDLER = _Said()


class AppriseChannel(Channel):
    """One URL of apprise."""

    def __init__(self, url: str, timeout: float) -> None:
        self.secrets = (url,)
        self.timeout = timeout
        self._url = url

    async def send(self, delivery: Delivery) -> str:
        """Deliver it from a thread, for apprise blocks."""
        return await _in_thread(lambda: self._send(delivery))

    def _service(self) -> NotifyBase:
        _silence()
        service = Apprise.instantiate(self._url, asset=AppriseAsset(http_redirects=False))
        if not isinstance(service, NotifyBase):
            raise DeliveryError("apprise cannot read this URL")
        # Whatever the URL says. The message has been made to fit: what is split could arrive in part.
        service.redirects = False
        service.overflow_mode = OverflowMode.UPSTREAM
        service.socket_connect_timeout = min(service.socket_connect_timeout, self.timeout)
        service.socket_read_timeout = min(service.socket_read_timeout, self.timeout)
        # Between its targets it waits, by default longer than the time there is.
        pause = self.timeout / (2 * max(1, len(service)))
        service.request_rate_per_sec = min(service.request_rate_per_sec, pause)
        return service

    def _send(self, delivery: Delivery) -> str:
        service = self._service()
        message = form_of(delivery.message, _room(service), delivery.rejections)
        said: list[str] = []
        _said.set(said)
        with watching(self.timeout) as watch, skipping(delivery.delivered) as targets:
            try:
                taken = service.notify(
                    title=message.title,
                    body=message.text,
                    body_format=NotifyFormat.TEXT,
                    notify_type=_TYPES.get(delivery.kind, NotifyType.INFO),
                )
            except AppriseException as error:
                raise DeliveryError(self.scrub(str(error))) from error
        refusal = self._refusal(watch.answers, taken)
        if refusal is None and not taken:
            reasons = "; ".join(dict.fromkeys(watch.failures)) or self.scrub("; ".join(dict.fromkeys(said)))
            # An answer of 2xx that the plugin knows to be none, or one without HTTP.
            rejected = watch.answers[-1].status < 300 if watch.answers else _is_too_large(service, reasons)
            refusal = DeliveryError(reasons or "it was not taken", rejected=rejected)
        if refusal is None:
            return "sent" if message is delivery.message else "sent, shortened"
        # A plugin that took a failure under 200 for success would skip that target for ever.
        if not any(answer.status < 300 and answer.error(self.scrub) for answer in watch.answers):
            refusal.delivered = frozenset(targets.digests)
        raise refusal

    def _refusal(self, answers: Sequence[Answer], taken: bool) -> DeliveryError | None:
        """Why the receiver last refused the message, if it was not `taken` or was wrongly thought to be.

        A plugin may ask for more than it needs and do without what it does not get: where it takes the
        message for delivered, only the last answer can show that it was not.
        """
        considered = answers[-1:] if taken else answers[::-1]
        return next((error for answer in considered if (error := answer.error(self.scrub))), None)


def _is_too_large(service: NotifyBase, reasons: str) -> bool:
    """Whether a mail server refused a mail for its size, by what it was logged to say."""
    return bool(_schemes(service) & _MAIL and _MAIL_TOO_LARGE.search(reasons))


def _room(service: NotifyBase) -> Room:
    """What `RECEIVER_LENGTH` says, or else the library and `CHAT_LENGTH`; mail may be of any length."""
    schemes = _schemes(service)
    if schemes & _MAIL:
        return Room(title=service.title_maxlen)
    known = [length for scheme, length in RECEIVER_LENGTH.items() if scheme in schemes]
    return Room(
        most=known[0] if known else min(service.body_maxlen, CHAT_LENGTH),
        title=service.title_maxlen or CHAT_LENGTH,
        length=utf16_units if schemes & COUNT_UTF16 else utf8_bytes,
    )


def _schemes(service: NotifyBase) -> frozenset[str]:
    """The schemes of the service's URLs; one that was given as https:// is known by no other sign."""
    found: set[str] = set()
    for names in (service.protocol, service.secure_protocol):
        found.update([names] if isinstance(names, str) else names or ())
    return frozenset(found)


def _silence() -> None:
    # It logs addresses and what servers say; the outcome says the same, without secrets.
    logger = logging.getLogger("apprise")
    logger.handlers[:], logger.propagate = [_HANDLER], False
    logger.setLevel(logging.DEBUG)


async def _in_thread(work: Callable[[], str]) -> str:
    """Run `work` in a thread of its own: one that hangs delays neither another channel nor the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def finish(result: str | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result or "")

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001
            failure = error
        try:
            loop.call_soon_threadsafe(finish, result, failure)
        except RuntimeError:
            return  # the loop has ended, and nothing waits for it

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    return await done
