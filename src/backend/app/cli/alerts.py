"""`runlog alerts`: try the channels, and see what went out."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import typer
from rich.table import Table
from rich.text import Text

from app.alerts.channels.sending import make_channels, send
from app.alerts.delivery import notifications, record_test
from app.alerts.domain.delivery import Delivery, Outcome
from app.alerts.domain.message import test_message
from app.alerts.wire import AlertOut
from app.cli.output import console, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.errors import ConfigError
from app.kit.text import at, printable
from app.wiring import channel_settings

_STYLES = {"sent": "green", "pending": "yellow", "failed": "red"}


def try_channels(wanted: Sequence[str] | None) -> None:
    """Send a test message by the channels named, or by all; raises `typer.Exit` where one failed."""
    done = run_on_database(_send_tests(wanted))
    if not all(outcome.ok for outcome in done):
        raise typer.Exit(1)


async def _send_tests(wanted: Sequence[str] | None) -> list[Outcome]:
    channels = make_channels(channel_settings(get_settings()))
    if not channels:
        raise ConfigError("no channel is set: RUNLOG_ALERT_URLS or RUNLOG_ALERT_WEBHOOK_URL names one")
    if unknown := [name for name in wanted or () if name not in channels]:
        raise ConfigError(f"there is no channel {unknown[0]}; there is {', '.join(channels)}")
    deliveries = [_test(name) for name in wanted or channels]
    outcomes = await asyncio.gather(*(send(channels[each.channel], each) for each in deliveries))
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        verdict = "ok" if outcome.ok else "failed"
        typer.echo(f"{delivery.channel}: {verdict} in {outcome.seconds:.1f} s: {printable(outcome.text)}")
    async with transaction() as session:
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            await record_test(session, delivery, outcome)
    return outcomes


def _test(channel: str) -> Delivery:
    test_id = uuid4()
    message = test_message(str(test_id), channel, get_settings().pages_url)
    return Delivery(test_id, "test", channel, None, datetime.now(UTC), 1, message)


def show(limit: int, as_json: bool) -> None:
    """Print the newest alerts, at most `limit`."""
    found = run_on_database(_notifications(limit))
    if as_json:
        print_json_lines(alert.model_dump() for alert in found)
    elif found:
        console().print(_table(found))
    else:
        typer.echo("No alerts so far")


async def _notifications(limit: int) -> list[AlertOut]:
    async with transaction() as session:
        found = await notifications(session, limit=limit)
    return [AlertOut.of(row, attempts) for row, attempts in found]


def _table(found: Sequence[AlertOut]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("written", "channel", "state", "tries"):
        table.add_column(heading, overflow="fold", min_width=len(heading))
    table.add_column("alert, and how the last try went", overflow="fold")
    now = datetime.now(UTC)
    for alert in found:
        last = alert.attempts[-1] if alert.attempts else None
        outcome = printable(last.outcome or "no outcome") if last else "not tried yet"
        table.add_row(
            at(alert.created_at, now),
            alert.channel,
            Text(alert.state, style=_STYLES[alert.state]),
            str(len(alert.attempts)),
            Text.assemble(alert.title or alert.kind, "\n", (outcome, "dim")),
        )
    return table
