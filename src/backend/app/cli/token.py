"""`runlog token`, and the token that a server makes when it is first needed."""

import secrets
from pathlib import Path

import typer

from app.config import Settings, get_settings
from app.environment import TOKEN_FILE
from app.errors import ConfigError
from app.private_files import write_private

_BYTES = 32  # as many as a key of SHA-256


def token(*, renew: bool) -> None:
    """Print the token; make one where there is none, or another one to `renew` it."""
    settings = get_settings()
    if renew and settings.token and not (settings.data_dir / TOKEN_FILE).exists():
        raise ConfigError("the token is set by RUNLOG_TOKEN: change it there")
    if renew or settings.token is None:
        typer.echo(_make(settings.data_dir))
        if renew:
            typer.echo("a running server takes it when it is started again", err=True)
    else:
        typer.echo(settings.token.get_secret_value())


def require_token(settings: Settings) -> None:
    """Make and show a token where the settings have none; `get_settings` has it then."""
    if settings.token is None:
        made = _make(settings.data_dir)
        typer.echo(f"the token of the internal routes is {made} (`runlog token` shows it again)", err=True)
        get_settings.cache_clear()


def _make(data_dir: Path) -> str:
    """A new token in the data directory, for this user alone. Raises `ConfigError` where none can be kept."""
    made, path = secrets.token_urlsafe(_BYTES), data_dir / TOKEN_FILE
    try:
        write_private(path, f"{made}\n")
    except OSError as error:
        raise ConfigError(
            f"cannot keep a token in {path}: {error.strerror}; set RUNLOG_TOKEN instead"
        ) from error
    return made
