"""Where checkpoints go beside the channels of alerts: a URL, and a file that grows."""

import asyncio
import os
from errno import ENOSPC
from pathlib import Path

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.posting import post
from app.alerts.domain.delivery import Delivery


class CheckpointWebhook(Channel):
    """POSTs the checkpoint as plain text. What is not answered with 2xx is not delivered."""

    def __init__(self, url: str, timeout: float) -> None:
        self.secrets = (url,)
        self.timeout = timeout
        self._url = url

    async def send(self, delivery: Delivery) -> str:
        """Deliver it; no redirect is followed, and the body of the answer is not read."""
        headers = {"content-type": "text/plain; charset=utf-8"}
        answer = await post(self, self._url, delivery.message.text.encode(), headers)
        return f"HTTP {answer.status}"


class CheckpointFile(Channel):
    """Appends the checkpoint, and an empty line, to a file. It is on the disk when that is said."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.secrets = ()
        self.timeout = timeout
        self._path = path

    async def send(self, delivery: Delivery) -> str:
        """Deliver it, in one write."""
        try:
            await asyncio.to_thread(self._append, f"{delivery.message.text}\n".encode())
        except OSError as error:
            raise DeliveryError(f"cannot append to {self._path}: {error.strerror}") from error
        return "appended"

    def _append(self, content: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before = os.fstat(file).st_size
            if os.write(file, content) < len(content):
                os.ftruncate(file, before)  # half a checkpoint would spoil all
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)
