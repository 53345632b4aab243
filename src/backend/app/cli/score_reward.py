"""`runlog score train`, `models` and `rollback`: the reward model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json_lines, run_on_database
from app.db.session import transaction
from app.errors import NotFoundError, RunLogError
from app.kit.text import at, counted, printable
from app.scoring import reward_models, reward_training
from app.scoring.reward_rollout import roll_back
from app.scoring.wire import RewardModelOut

_MAX_SHOWN = 1_000
_STYLES = {"promoted": "green", "withdrawn": "yellow", "rejected": "dim"}
_OTHERS = {"rubric": "the rubric", "in_force": "the model in force"}


def train(as_json: bool) -> None:
    """Train now and print the new version. Raises `NotFoundError` where there are too few ratings."""
    version = run_on_database(_train())
    if as_json:
        print_json_lines([version.model_dump()])
        return
    typer.echo(f"version {version.version}: {version.state}")
    for name, figures in version.report["against"].items():
        typer.echo(_compared(name, figures))
    typer.echo("what moves its scores most:")
    for feature, weight in version.report["features"].items():
        typer.echo(f"  {weight:+.3f} {printable(feature)}")


def models(as_json: bool) -> None:
    """Print the versions, newest first."""
    found = run_on_database(_models())
    if as_json:
        print_json_lines(version.model_dump() for version in found)
    elif found:
        console().print(_table(found))
    else:
        typer.echo("No reward model so far; the rubric scores runs")


def rollback(version: int | None) -> None:
    """Withdraw the version in force, or all after `version`."""
    in_force = run_on_database(_roll_back(version))
    if in_force is None:
        typer.echo("no reward model is in force now; the rubric scores runs")
    else:
        typer.echo(f"version {in_force} is in force now")


async def _train() -> RewardModelOut:
    async with transaction() as session:
        if not await reward_training.lock_training(session):
            raise RunLogError("another training is under way")
        trained = await reward_training.train_now(session)
        if trained is None:
            raise NotFoundError("there are too few ratings to learn from so far")
        return RewardModelOut.of(trained)


async def _models() -> list[RewardModelOut]:
    async with transaction() as session:
        return [RewardModelOut.of(row) for row in await reward_models.versions(session, limit=_MAX_SHOWN)]


async def _roll_back(version: int | None) -> int | None:
    async with transaction() as session:
        return await roll_back(session, version)


def _compared(name: str, figures: Mapping[str, Any]) -> str:
    other, pairs = _OTHERS[name], figures["pairs"]
    if not pairs:
        return f"no pairs of runs left out to compare it with {other}"
    return (
        f"agrees with people on {figures['candidate']:.1%} of {counted(pairs, 'pair')} left out, {other}"
        f" on {figures['other']:.1%}: a gain of {figures['gain']:+.3f}, at least {figures['at_least']:+.3f}"
    )


def _table(found: Sequence[RewardModelOut]) -> Table:
    """The versions, each with the share of pairs that it and the rubric put in people's order."""
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "when", "state", "learned from", "agrees", "rubric", "gain ≥"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "when")
    now = datetime.now(UTC)
    for version in found:
        against = version.report["against"]["rubric"]
        sources = (("rating", version.ratings), ("rater", version.raters), ("run", version.runs))
        table.add_row(
            str(version.version),
            at(version.trained_at, now),
            Text(version.state, style=_STYLES[version.state]),
            "\n".join(counted(count, noun) for noun, count in sources),
            f"{against['candidate']:.3f}",
            f"{against['other']:.3f}",
            f"{against['at_least']:+.3f}",
        )
    return table
