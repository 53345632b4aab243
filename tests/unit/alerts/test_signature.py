"""Signatures, by the example that the specification's own libraries are tested with."""

import pytest

from app.kit.signature import sign, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_the_published_example() -> None:
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_plain_secret_is_the_key_itself() -> None:
    assert signing_key("hunter2") == b"hunter2"


def test_a_damaged_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        signing_key("whsec_*")
