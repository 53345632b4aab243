"""The interface of channels: they take a message, or say in plain words why not."""

from abc import ABC, abstractmethod

from app.alerts.domain.delivery import Delivery
from app.kit.urls import scrub


class DeliveryError(Exception):
    """The channel did not take the message; the text says why, without secrets.

    `rejected`: it will never take the message as it is. `retry_after`: seconds it asked to wait. `delivered`:
    which of several targets took it all the same.
    """

    def __init__(self, reason: str, *, rejected: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.rejected = rejected
        self.retry_after = retry_after
        self.delivered: frozenset[str] = frozenset()


class Channel(ABC):
    """A destination. `secrets` must never be shown or logged; `timeout` is in seconds."""

    secrets: tuple[str, ...]
    timeout: float

    def scrub(self, text: str) -> str:
        """What others said, without any part of `secrets`. Words of our own are not put through it."""
        return scrub(text, *self.secrets)

    @abstractmethod
    async def send(self, delivery: Delivery) -> str:
        """Deliver, within `timeout`, the form of the message that is due, and return the answer in words.

        Raises `DeliveryError`.
        """
