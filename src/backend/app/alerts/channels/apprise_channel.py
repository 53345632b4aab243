"""E-mail, chats and the other services that the library apprise can write to."""

import asyncio
import logging

from apprise import Apprise, NotifyFormat, NotifyType

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.domain.delivery import Delivery

_TYPES = {"opened": NotifyType.WARNING, "reminder": NotifyType.WARNING, "closed": NotifyType.SUCCESS}


class AppriseChannel(Channel):
    """One URL of apprise."""

    def __init__(self, url: str, timeout: float) -> None:
        self.secrets = (url,)
        self.timeout = timeout
        self._url = url

    async def send(self, delivery: Delivery) -> str:
        """Deliver it from a thread, for apprise blocks."""
        return await asyncio.to_thread(self._send, delivery)

    def _send(self, delivery: Delivery) -> str:
        # It logs addresses and what servers say; the outcome says the same, without secrets.
        logger = logging.getLogger("apprise")
        logger.handlers[:], logger.propagate = [logging.NullHandler()], False
        logger.setLevel(logging.DEBUG)
        service = Apprise()
        if not service.add(self._url):
            raise DeliveryError("apprise cannot read this URL")
        result = service.notify(
            title=delivery.message.title,
            body=delivery.message.text,
            body_format=NotifyFormat.TEXT,
            notify_type=_TYPES.get(delivery.kind, NotifyType.INFO),
            interpret_escapes=False,
            timeout=self.timeout,
            log_level=logging.DEBUG,
        )
        if result:
            return "sent"
        said = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
        more = [entry.message for entry in result.logs() if "xception" in entry.message]
        reasons = list(dict.fromkeys([*said, *more]))
        raise DeliveryError("; ".join(reasons) or result.status.name.lower())
