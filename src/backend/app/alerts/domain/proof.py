"""The proof of a finding's alerts: what was queued and tried for it, when, and whether it was delivered."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.alerts.domain.calibration import GIVE_UP_AFTER, KEPT
from app.kit.text import in_words

_EVENTS = {"opened": "alert", "reminder": "reminder", "closed": "message that it is over"}
"""What is sent of each event, in the order in which they happen."""

Level = Literal["delivered", "waiting", "undelivered"]


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver. `ok` is None while it is under way, or where its process was lost."""

    number: int
    started_at: datetime
    ok: bool | None
    outcome: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Sending:
    """A notification as far as it is about the finding: its `events` of that, and every try."""

    channel: str
    events: frozenset[str]
    state: str
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    tries: Sequence[Try]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened, or is due: `words` are the product's own, `said` is a receiver's answer."""

    at: datetime
    words: str
    said: str | None = None
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the finding. `alerted_at` is when an alert was last written, `notified_at` sent."""

    opened_at: datetime
    closed_at: datetime | None
    acknowledged_at: datetime | None
    alerted_at: datetime | None
    notified_at: datetime | None
    muted: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether somebody was alerted, in one sentence, and every step of it in order."""

    level: Level
    sentence: str
    steps: Sequence[Step]


def prove(subject: Subject, sendings: Sequence[Sending], channels: Collection[str], now: datetime) -> Proof:
    """The proof at `now`, where `channels` are those that are set.

    Notifications are kept for `KEPT`: of an older finding only its own moments are known.
    """
    steps = sorted((step for each in sendings for step in _steps(each, now)), key=lambda step: step.at)
    if delivered := _first_delivery(sendings):
        channel, at = delivered
        after = in_words(at - subject.opened_at) if at >= subject.opened_at else "at once"
        return Proof("delivered", f"delivered by {channel}, {after} after it opened", steps)
    if sendings:
        level, sentence = _undelivered(sendings)
        return Proof(level, sentence, steps)
    level, sentence = _without_record(subject, channels, now)
    return Proof(level, sentence, steps)


def _steps(sending: Sending, now: datetime) -> Iterable[Step]:
    what = " and ".join(words for event, words in _EVENTS.items() if event in sending.events)
    yield Step(sending.created_at, f"{sending.channel}: {what or 'message'} queued")
    for each in sending.tries:
        yield _of_try(sending.channel, each)
    if sending.state == "sent" and sending.sent_at and not any(each.ok for each in sending.tries):
        yield Step(sending.sent_at, f"{sending.channel}: delivered", ok=True)
    elif sending.state == "failed":
        given_up = max(
            (each.started_at for each in sending.tries), default=sending.next_attempt_at + GIVE_UP_AFTER
        )
        yield Step(given_up, f"{sending.channel}: given up", ok=False)
    elif sending.state == "pending" and sending.next_attempt_at > now:
        yield Step(sending.next_attempt_at, f"{sending.channel}: next try is due")


def _of_try(channel: str, found: Try) -> Step:
    took = "" if found.seconds is None else f" in {found.seconds:.1f} s"
    if found.ok is None:
        words = "is under way, or its process was lost"
    elif found.ok:
        words = f"delivered{took}"
    else:
        words = f"failed{took}"
    return Step(found.started_at, f"{channel}: try {found.number} {words}", found.outcome, found.ok)


def _first_delivery(sendings: Iterable[Sending]) -> tuple[str, datetime] | None:
    """By which channel and when it was first delivered that the finding opened, or is open still."""
    took = [
        (each.sent_at, each.channel)
        for each in sendings
        if each.state == "sent" and each.sent_at and each.events != {"closed"}
    ]
    if not took:
        return None
    at, channel = min(took)
    return channel, at


def _undelivered(sendings: Sequence[Sending]) -> tuple[Level, str]:
    tries = sum(len(each.tries) for each in sendings)
    said = f"{tries} tries so far" if tries != 1 else "1 try so far"
    if any(each.state == "pending" for each in sendings):
        return "waiting", f"not delivered yet: {said}"
    if any(each.state == "sent" for each in sendings):
        return "delivered", "delivered that it is over; that it opened was not"
    return "undelivered", f"nobody was alerted: given up, {said.removesuffix(' so far')}"


def _without_record(subject: Subject, channels: Collection[str], now: datetime) -> tuple[Level, str]:
    if subject.notified_at:
        return "delivered", f"delivered; what is older than {in_words(KEPT)} is not kept"
    if subject.alerted_at and now - subject.alerted_at > KEPT - timedelta(days=1):
        return (
            "undelivered",
            f"an alert was written, and its tries are not kept for more than {in_words(KEPT)}",
        )
    if subject.muted:
        return "undelivered", "nobody was alerted: the agent is muted"
    if not channels:
        return "undelivered", "nobody was alerted: no channel is set"
    if subject.closed_at:
        return "undelivered", "nobody was alerted: it was over before an alert was written"
    if subject.acknowledged_at:
        return "undelivered", "nobody was alerted: it was acknowledged before an alert was written"
    return "waiting", "the Auditor's next cycle writes its alert"
