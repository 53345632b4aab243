"""`runlog config`."""

import typer
from pydantic import SecretStr
from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json_lines
from app.cli.setting_warnings import warn_of_settings
from app.config import Settings, get_settings
from app.environment import BESIDE_DATABASE_URL, SETTINGS_FILE, UNPREFIXED, data_directory, environment_name
from app.kit.secrets import redact
from app.kit.urls import mask_login, mask_urls


def config(as_json: bool) -> None:
    """Print every setting, secrets masked, and where the settings file is; warnings go to stderr."""
    settings = get_settings()
    warn_of_settings()
    values = {
        environment_name(field): _shown(field, getattr(settings, field)) for field in Settings.model_fields
    }
    if as_json:
        print_json_lines([values])
        return
    table = Table(box=None)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in values.items():
        table.add_row(name, Text("-" if value is None else str(value)))
    console().print(table)
    path = data_directory() / SETTINGS_FILE
    typer.echo(f"settings file: {path}" + ("" if path.exists() else "\n(there is none yet)"))


def _shown(field: str, value: object) -> object:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
        # The addresses of chats and hooks are secrets themselves.
        if field not in (*UNPREFIXED, *BESIDE_DATABASE_URL):
            return mask_urls(value)
    return value if isinstance(value, int | float | None) else redact(mask_login(str(value)))
