"""How Celery is configured for each kind of broker."""

import pytest
from celery import Celery

from app.broker import REDELIVERY_SECONDS, WORKER_QUEUES, celery_settings
from app.errors import ConfigError


@pytest.mark.parametrize("url", ["redis://:p@h:6379/0", "rediss://:p@h:6379/0", "redis+socket:///tmp/v.sock"])
def test_redis_brokers_give_up_soon_and_redeliver_what_a_worker_left(url: str) -> None:
    options = celery_settings(url)["broker_transport_options"]
    assert options["visibility_timeout"] == REDELIVERY_SECONDS
    assert 0 < options["socket_connect_timeout"] <= 5
    assert 0 < options["socket_timeout"] <= 30


@pytest.mark.parametrize("url", ["amqp://u:p@h//", "amqps://u:p@h//"])
def test_amqp_brokers_confirm_and_get_no_options_of_redis(url: str) -> None:
    assert celery_settings(url)["broker_transport_options"] == {"confirm_publish": True}


@pytest.mark.parametrize("url", ["redis://h/0", "rediss://h/0", "amqp://h//", "redis://a;redis://b:1"])
def test_messages_are_json_only_and_results_are_ignored(url: str) -> None:
    settings = celery_settings(url)
    assert settings["broker_url"] == url
    assert (settings["task_serializer"], settings["accept_content"]) == ("json", ["json"])
    assert settings["task_ignore_result"] is True
    assert settings["broker_connection_timeout"] <= 5


@pytest.mark.parametrize(
    "url", ["", "redis", "sqs://", "http://h", "redis://h:port/0", "redis://h/0;kafka://h"]
)
def test_another_url_is_refused_by_the_name_of_its_variable(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^CELERY_BROKER_URL"):
        celery_settings(url)


@pytest.mark.parametrize(
    "url", ["sentinel://a:26379;sentinel://b:26379", "sentinel+ssl://a", "redis://a;sentinel://b"]
)
def test_sentinels_are_refused_by_a_sentence_that_says_what_to_give(url: str) -> None:
    with pytest.raises(ConfigError, match="Sentinel is not supported; give one address"):
        celery_settings(url)


def test_celery_knows_every_setting() -> None:
    app = Celery(set_as_current=False)
    assert set(celery_settings("redis://h/0")) <= set(app.conf.keys())


@pytest.mark.parametrize("url", ["redis://h/0", "amqp://h//"])
def test_neither_an_alert_nor_an_audit_queues_behind_scores(url: str) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(url))
    tasks = (
        "app.tasks.alert_tasks.deliver_alerts",
        "app.tasks.audit_tasks.run_audit",
        "app.tasks.rlhf_tasks.score_agent_run",
    )
    queues = [app.amqp.router.route({}, task)["queue"].name for task in tasks]
    assert queues == ["runlog.alerts", "runlog.audit", "runlog"]
    app.amqp.queues.select(WORKER_QUEUES)
    assert list(app.amqp.queues.consume_from) == queues
