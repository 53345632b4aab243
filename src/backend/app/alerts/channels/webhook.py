"""The signed JSON webhook, in the form of the Standard Webhooks specification."""

import json
import time
from dataclasses import replace

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.posting import post
from app.alerts.domain.delivery import Delivery
from app.alerts.domain.room import Room, form_of
from app.kit.signature import sign


class Webhook(Channel):
    """POSTs to one URL. What is not answered with 2xx is not delivered; no redirect is followed."""

    def __init__(self, url: str, secret: str | None, timeout: float) -> None:
        self.secrets = (url, secret or "")
        self.timeout = timeout
        self._url, self._secret = url, secret

    async def send(self, delivery: Delivery) -> str:
        """Deliver it, signed with the present time."""
        if not self._secret:
            raise DeliveryError("RUNLOG_ALERT_WEBHOOK_SECRET is not set")
        message = form_of(delivery.message, Room(), delivery.rejections)
        body, message_id = _body(replace(delivery, message=message)), str(delivery.id)
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret, message_id, timestamp, body),
        }
        answer = await post(self, self._url, body, headers)
        return f"HTTP {answer.status}" + ("" if message is delivery.message else ", shortened")


def _body(delivery: Delivery) -> bytes:
    return json.dumps(
        {
            "type": f"alert.{delivery.kind}",
            "timestamp": delivery.created_at.isoformat(),
            "data": {
                "id": str(delivery.id),
                "severity": delivery.severity,
                "title": delivery.message.title,
                "text": delivery.message.text,
                **delivery.message.data,
            },
        },
        ensure_ascii=False,
    ).encode()
