"""What every channel is: something that takes a message, or says in plain words why not."""

from abc import ABC, abstractmethod

from app.alerts.domain.delivery import Delivery


class DeliveryError(Exception):
    """The channel did not take the message; the text says why."""


class Channel(ABC):
    """A way out. `secrets` are what may never be seen of it; `timeout` is in seconds."""

    secrets: tuple[str, ...]
    timeout: float

    @abstractmethod
    async def send(self, delivery: Delivery) -> str:
        """Deliver, within `timeout`, and say what the other side said.

        Raises `DeliveryError`.
        """
