"""Whether messages wait at the broker, for a worker that may end a delay for them."""

from celery import Celery

from app.broker import URGENT_QUEUES, are_waiting, celery_settings
from support.brokers import Broker


def test_messages_wait_until_they_are_taken_and_no_broker_has_none(broker: Broker) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(broker.url))
    assert not are_waiting(app, URGENT_QUEUES)
    app.send_task("app.tasks.rlhf_tasks.score_agent_run", ["id"])
    assert not are_waiting(app, URGENT_QUEUES)
    app.send_task("app.tasks.seal_tasks.seal_log")
    assert are_waiting(app, URGENT_QUEUES)
    with broker.client() as client:
        client.delete(*URGENT_QUEUES)
    assert not are_waiting(app, URGENT_QUEUES)
    app.send_task("app.tasks.alert_tasks.deliver_alerts")
    broker.kill()
    assert not are_waiting(app, URGENT_QUEUES)
