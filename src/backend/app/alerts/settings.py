"""How alerts go out, as the operator wants it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.kit.daily_times import DailyTime, QuietHours
from app.kit.urls import WEBHOOK, named_urls


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Where alerts are sent: the library's `urls` and one signed webhook. `timeout` is in seconds a try."""

    urls: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    timeout: float = 10.0

    @property
    def names(self) -> Sequence[str]:
        """The names of all channels."""
        return [*(named_urls(self.urls) if self.urls else {}), *([WEBHOOK] if self.webhook_url else [])]


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """When alerts go out. `rate` is messages an hour and channel; `url` is where people find the product."""

    channels: ChannelSettings
    reminder_interval: timedelta
    rate: int
    url: str
    quiet_hours: QuietHours | None = None
    digest: DailyTime | None = None
