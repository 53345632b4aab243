"""How a worker survives the loss of its broker."""

from celery.worker import consumer
from kombu.transport import virtual


class Consumer(consumer.Consumer):
    """Celery's consumer, which forgets the messages it has not acknowledged when the connection is lost."""

    class Blueprint(consumer.Consumer.Blueprint):
        """Celery's parts without the one that makes 28 queues for delayed messages, of which none is sent."""

        default_steps = tuple(
            step for step in consumer.Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        )

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Called before it reconnects.

        With Redis, Kombu would restore unacknowledged messages, and acknowledge tasks that end meanwhile,
        over the channel that is gone, and either ends the worker. The broker itself delivers these tasks
        again after `REDELIVERY_SECONDS`, and each may be done twice.
        """
        channel = getattr(self.task_consumer, "channel", None)
        if isinstance(channel, virtual.Channel):
            channel.do_restore = False
            for name in ("basic_ack", "basic_reject"):
                setattr(channel, name, _nothing)
        super().on_connection_error_after_connected(exc)


def _nothing(*_: object, **__: object) -> None:
    pass
