"""The interface of channels: they take a message, or say in plain words why not."""

from abc import ABC, abstractmethod

from app.alerts.domain.delivery import Delivery


class DeliveryError(Exception):
    """The channel did not take the message; the text says why."""


class Channel(ABC):
    """A destination. `secrets` must never be shown or logged; `timeout` is in seconds."""

    secrets: tuple[str, ...]
    timeout: float

    @abstractmethod
    async def send(self, delivery: Delivery) -> str:
        """Deliver, within `timeout`, and return the answer in words.

        Raises `DeliveryError`.
        """
