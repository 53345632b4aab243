"""What is probably a mistake in the settings, said by the commands that stay, and by `runlog config`."""

import os
import stat
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import typer

from app.config import Settings
from app.environment import SETTINGS_FILE, data_directory, environment_name, read_settings_file
from app.kit.text import printable

_PREFIX = "RUNLOG_"
_OF_TESTS = "RUNLOG_TEST_"  # variables of the product's own tests (CONTRIBUTING.md)
# What agents' shells have: which run is under way, and where what cannot be reported now is kept.
_OF_RUNS = frozenset({"RUNLOG_RUN_KEY", "RUNLOG_AGENT_ID", "RUNLOG_ACTIONS_FILE", "RUNLOG_SPOOL_DIR"})
# Set for the processes that a command starts: what it has said of their settings is said once.
_SAID = "_RUNLOG_SETTINGS_WARNED"


def warn_of_settings() -> None:
    """Print each warning on stderr, unless the command that started this one has done so."""
    if os.environ.get(_SAID):
        return
    for warning in setting_warnings():
        typer.echo(f"runlog: {warning}", err=True)
    os.environ[_SAID] = "1"


def setting_warnings() -> Iterator[str]:
    """A sentence for each name that is no setting, and for a settings file that others may read.

    Raises `ConfigError` as `read_settings_file` does.
    """
    directory = data_directory()
    path, filed = directory / SETTINGS_FILE, read_settings_file(directory)
    yield from _unknown(filed, f" in {path}")
    data_dir = environment_name("data_dir")
    if data_dir in filed or f"{data_dir}_FILE" in filed:
        yield f"{data_dir} in {path} has no effect: that file is looked for in the data directory"
    yield from _unknown({name: "" for name in os.environ if name.startswith(_PREFIX)}, "")
    if filed and _is_open(path):
        yield f"{path} may be read by others: chmod 600 {path}"


def _unknown(names: Mapping[str, str], where: str) -> Iterator[str]:
    settings = [environment_name(field) for field in Settings.model_fields]
    known = [*settings, *(f"{name}_FILE" for name in settings)]
    for name in sorted(set(names) - set(known)):
        if name.startswith(_OF_TESTS) or name in _OF_RUNS:
            continue
        close = get_close_matches(name.upper(), known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        yield f"{printable(name)}{where} is no setting{meant}"


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
