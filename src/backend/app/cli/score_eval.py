"""`runlog score eval`: how well the rubric agrees with people, without a database."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json_lines
from app.errors import InputFileError
from app.kit.text import printable
from app.scoring.rubric import RunReport
from app.scoring.rubric.evaluation import SCORERS, Evaluation, Pair, ScoredPair, evaluate

_Word = Annotated[str, Meta(pattern=r"\S", max_length=255)]


class _Earlier(Struct):
    status: Literal["success", "partial", "failed"]
    actions_taken: dict[str, Any]


class _Report(_Earlier, kw_only=True):
    agent_id: _Word


class _Line(Struct):
    id: _Word
    category: _Word
    better: _Report
    worse: _Report
    history: list[_Earlier] = []


def evaluate_scorer(file: Path, as_json: bool) -> None:
    """Print how the rubric and its baselines do on the pairs of a file."""
    pairs = list(read_pairs(file))
    results = {name: evaluate(pairs, scorer) for name, scorer in SCORERS.items()}
    if as_json:
        print_json_lines([*map(_wrong_as_json, results["rubric"].wrong), _figures(results)])
        return
    out = console()
    out.print(_accuracy(results))
    if wrong := results["rubric"].wrong:
        out.print()
        out.print(_wrong(wrong))


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a file. Raises `InputFileError` naming the first line that is none."""
    decode = msgspec.json.Decoder(_Line).decode
    found = False
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                try:
                    yield _pair(decode(line))
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                    raise InputFileError(f"{path}, line {number}: no pair ({error})") from error
                found = True
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror}") from error
    if not found:
        raise InputFileError(f"{path} holds no pairs")


def _pair(line: _Line) -> Pair:
    agent_id = line.better.agent_id
    return Pair(
        id=line.id,
        category=line.category,
        better=RunReport(agent_id, line.better.status, line.better.actions_taken),
        worse=RunReport(line.worse.agent_id, line.worse.status, line.worse.actions_taken),
        history=tuple(RunReport(agent_id, run.status, run.actions_taken) for run in line.history),
    )


def _figures(results: Mapping[str, Evaluation]) -> dict[str, Any]:
    rubric = results["rubric"]
    return {
        "pairs": len(rubric.scored),
        "accuracy": round(rubric.accuracy, 4),
        "by_category": {name: round(value, 4) for name, value in rubric.by_category.items()},
        "baselines": {
            name: round(result.accuracy, 4) for name, result in results.items() if result is not rubric
        },
    }


def _wrong_as_json(scored: ScoredPair) -> dict[str, Any]:
    pair = scored.pair
    return {"id": pair.id, "category": pair.category, "better": scored.better, "worse": scored.worse}


def _accuracy(results: Mapping[str, Evaluation]) -> Table:
    table = Table(box=None, pad_edge=False, show_footer=True)
    categories = [scored.pair.category for scored in results["rubric"].scored]
    table.add_column("category", footer="all")
    table.add_column("pairs", justify="right", footer=str(len(categories)))
    for name, result in results.items():
        heading = name if name == "rubric" else f"{name} only"
        table.add_column(heading, justify="right", footer=f"{result.accuracy:.3f}")
    for category in results["rubric"].by_category:
        shares = (f"{result.by_category[category]:.3f}" for result in results.values())
        table.add_row(Text(printable(category)), str(categories.count(category)), *shares)
    return table


def _wrong(wrong: tuple[ScoredPair, ...]) -> Table:
    table = Table(box=None, pad_edge=False, title="Judged wrong", title_justify="left", title_style="bold")
    table.add_column("pair", overflow="fold")
    table.add_column("category", overflow="fold")
    table.add_column("better", justify="right")
    table.add_column("worse", justify="right")
    for scored in wrong:
        pair = scored.pair
        table.add_row(
            Text(printable(pair.id)),
            Text(printable(pair.category)),
            f"{scored.better:.4f}",
            f"{scored.worse:.4f}",
        )
    return table
