"""Whether somebody was alerted of a finding, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.alerts.domain.proof import Proof, Sending, Subject, Try, prove

OPENED = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOW = OPENED + timedelta(hours=1)
SECOND = timedelta(seconds=1)
OPEN = Subject(
    opened_at=OPENED, closed_at=None, acknowledged_at=None, alerted_at=OPENED, notified_at=None, muted=False
)
SENT = Sending(
    channel="webhook",
    events=frozenset({"opened"}),
    state="sent",
    created_at=OPENED,
    next_attempt_at=OPENED,
    sent_at=OPENED + 32 * SECOND,
    tries=(
        Try(1, OPENED + 10 * SECOND, False, "HTTP 503", 1.02),
        Try(2, OPENED + 31 * SECOND, True, "HTTP 204", 0.31),
    ),
)


def words(proof: Proof) -> list[str]:
    """What each step says."""
    return [step.words for step in proof.steps]


def test_a_delivery_is_shown_try_by_try() -> None:
    proof = prove(OPEN, [SENT], ["webhook"], NOW)
    assert (proof.level, proof.sentence) == ("delivered", "delivered by webhook, 32 s after it opened")
    assert words(proof) == [
        "webhook: alert queued",
        "webhook: try 1 failed in 1.0 s",
        "webhook: try 2 delivered in 0.3 s",
    ]
    assert [(step.said, step.ok) for step in proof.steps] == [
        (None, None),
        ("HTTP 503", False),
        ("HTTP 204", True),
    ]


def test_the_channel_that_took_it_first_is_named() -> None:
    later = replace(SENT, channel="mailto", sent_at=NOW)
    assert prove(OPEN, [later, SENT], ["mailto", "webhook"], NOW).sentence.startswith("delivered by webhook")


def test_what_waits_says_when_it_is_tried_again() -> None:
    waiting = replace(SENT, state="pending", sent_at=None, tries=SENT.tries[:1], next_attempt_at=NOW + SECOND)
    proof = prove(OPEN, [waiting], ["webhook"], NOW)
    assert (proof.level, proof.sentence) == ("waiting", "not delivered yet: 1 try so far")
    assert (proof.steps[-1].at, proof.steps[-1].words) == (NOW + SECOND, "webhook: next try is due")


def test_a_try_without_an_outcome_is_neither_delivered_nor_failed() -> None:
    lost = replace(SENT, state="pending", sent_at=None, tries=(Try(1, OPENED, None, None, None),))
    assert words(prove(OPEN, [lost], ["webhook"], NOW))[-1] == (
        "webhook: try 1 is under way, or its process was lost"
    )


def test_what_was_given_up_alerted_nobody() -> None:
    given_up = replace(SENT, state="failed", sent_at=None, tries=SENT.tries[:1])
    proof = prove(OPEN, [given_up], ["webhook"], NOW)
    assert (proof.level, proof.sentence) == ("undelivered", "nobody was alerted: given up, 1 try")
    assert words(proof)[-1] == "webhook: given up"


def test_the_end_alone_is_no_proof_that_the_beginning_was_delivered() -> None:
    over = replace(SENT, events=frozenset({"closed"}))
    proof = prove(OPEN, [over], ["webhook"], NOW)
    assert proof.sentence == "delivered that it is over; that it opened was not"
    assert words(proof)[0] == "webhook: message that it is over queued"


NEVER = replace(OPEN, alerted_at=None)


@pytest.mark.parametrize(
    ("subject", "channels", "level", "sentence"),
    [
        (NEVER, [], "undelivered", "nobody was alerted: no channel is set"),
        (replace(NEVER, muted=True), ["webhook"], "undelivered", "nobody was alerted: the agent is muted"),
        (NEVER, ["webhook"], "waiting", "the Auditor's next cycle writes its alert"),
        (
            replace(NEVER, closed_at=NOW),
            ["webhook"],
            "undelivered",
            "nobody was alerted: it was over before an alert was written",
        ),
        (
            replace(NEVER, acknowledged_at=NOW),
            ["webhook"],
            "undelivered",
            "nobody was alerted: it was acknowledged before an alert was written",
        ),
        (
            replace(OPEN, notified_at=OPENED),
            ["webhook"],
            "delivered",
            "delivered; what is older than 90 days is not kept",
        ),
    ],
)
def test_without_a_notification_it_says_why(
    subject: Subject, channels: list[str], level: str, sentence: str
) -> None:
    proof = prove(subject, [], channels, NOW)
    assert (proof.level, proof.sentence, list(proof.steps)) == (level, sentence, [])


def test_tries_that_are_too_old_to_be_kept_are_not_taken_for_none() -> None:
    proof = prove(OPEN, [], ["webhook"], OPENED + timedelta(days=100))
    assert proof.sentence == "an alert was written, and its tries are not kept for more than 90 days"
