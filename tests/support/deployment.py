"""What files under `deploy/` may name of the product: its commands and its settings."""

from collections.abc import Sequence
from pathlib import Path

import typer

from app.cli.main import COMMANDS, make_app
from app.config import Settings
from app.environment import environment_name

DEPLOY = Path(__file__).parents[2] / "deploy"
_SETTINGS = frozenset(map(environment_name, Settings.model_fields))


def check_command(arguments: Sequence[str]) -> None:
    """Parse `runlog ARGUMENTS`, and run nothing. Raises what the command line does where it is wrong."""
    assert arguments[0] in COMMANDS, arguments
    command = typer.main.get_command(make_app([arguments[0]]))
    context = command.make_context("runlog", list(arguments))
    while isinstance(command, typer.core.TyperGroup):
        if not (left := [*context._protected_args, *context.args]):
            break  # a group that does something by itself
        _, command, rest = command.resolve_command(context, left)
        assert command is not None
        context = command.make_context(command.name, rest, parent=context)


def no_settings(names: Sequence[str]) -> list[str]:
    """Those of `names` that set nothing of the product; `NAME_FILE` sets what `NAME` does."""
    return [name for name in names if name.removesuffix("_FILE") not in _SETTINGS and name not in _SETTINGS]
