"""What is said where a receiver does not take what is posted to it, be it a checkpoint or a question."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.checkpoints import CheckpointWebhook
from app.alerts.channels.timestamps import TimestampAuthority
from app.alerts.domain.delivery import Delivery
from app.alerts.domain.message import Message
from support.receiver import receiving

pytestmark = pytest.mark.anyio

CHECKPOINT = Delivery(
    UUID(int=1), "checkpoint", "url", None, datetime(2026, 11, 30, tzinfo=UTC), 1, Message("", "log\n1\n", {})
)


async def refusal(channel: Channel) -> str:
    with pytest.raises(DeliveryError) as refused:
        await channel.send(CHECKPOINT)
    return str(refused.value)


@pytest.mark.parametrize("kind", [CheckpointWebhook, TimestampAuthority])
async def test_no_answer_in_time_and_an_error_are_said_alike(
    kind: type[CheckpointWebhook] | type[TimestampAuthority],
) -> None:
    with receiving() as receiver:
        receiver.release.clear()
        assert await refusal(kind(receiver.url, 0.2)) == "no answer within 0.2 s"
        receiver.release.set()
        receiver.status = 503
        assert await refusal(kind(receiver.url, 60)) == "HTTP 503"


async def test_of_an_endless_stamp_no_more_is_read_than_one_may_have() -> None:
    with receiving() as receiver:
        receiver.status, receiver.body = 200, b"\0" * 10_000_000
        said = await refusal(TimestampAuthority(receiver.url, 60))
    assert said == "the answer is no time stamp: it is too long"
