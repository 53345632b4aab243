"""A time stamp authority (RFC 3161), asked about checkpoints."""

from hashlib import sha256

from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    decode_timestamp_response,
)

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.posting import post
from app.alerts.domain.delivery import Delivery

_MOST_BYTES = 100_000
"""Of an answer: with a chain of certificates they have some 10,000."""


class TimestampAuthority(Channel):
    """Has the text of a message stamped; `response` is the last answer that holds, in DER.

    Whether a trusted authority has signed it is for who verifies: only they know whom they trust.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.secrets = (url,)
        self.timeout = timeout
        self.response = b""
        self._url = url

    async def send(self, delivery: Delivery) -> str:
        """Ask for a stamp (RFC 3161, 2.4 and 3.4), and check that the answer is one of this text."""
        content = delivery.message.text.encode()
        request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
        answer = await self._ask(request.as_bytes())
        self._check(answer, request, sha256(content).digest())
        self.response = answer
        return "stamped"

    async def _ask(self, query: bytes) -> bytes:
        headers = {"content-type": "application/timestamp-query"}
        answer = await post(self, self._url, query, headers, most_bytes=_MOST_BYTES)
        if len(answer.body) > _MOST_BYTES:
            raise DeliveryError("the answer is no time stamp: it is too long")
        return answer.body

    def _check(self, answer: bytes, request: TimeStampRequest, digest: bytes) -> None:
        try:
            response = decode_timestamp_response(answer)
            status = PKIStatus(response.status)
            if status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
                said = self.scrub("; ".join(response.status_string))
                raise DeliveryError(f"the authority answered {status.name.lower()}: {said}")
            stamped = response.tst_info
        except ValueError as error:
            raise DeliveryError(f"the answer is no time stamp: {error}") from error
        if stamped.message_imprint.message != digest or stamped.nonce != request.nonce:
            raise DeliveryError("the time stamp is of something else")
