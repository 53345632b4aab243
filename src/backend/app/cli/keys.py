"""`runlog keys`: the file of the keys that sign checkpoints."""

import typer

from app.config import get_settings
from app.errors import ConfigError, NotFoundError
from app.proof.keys import add_signing_key, read_signing_keys, write_signing_keys


def show() -> None:
    """Print the public keys. Raises `ConfigError`, also where there are none."""
    path = get_settings().signing_keys_path
    keys = read_signing_keys(path)
    if not keys:
        raise ConfigError(f"there is no signing key in {path}: the worker makes the first one")
    for key in keys:
        typer.echo(str(key.verifier))


def add() -> None:
    """Make another key. Raises `ConfigError`."""
    typer.echo(str(add_signing_key(get_settings().signing_keys_path).verifier))


def retire(key: str) -> None:
    """Take a key out of the file. Raises `NotFoundError`, and `ConfigError` for the last one."""
    path = get_settings().signing_keys_path
    keys = read_signing_keys(path)
    left = [each for each in keys if str(each.verifier) != key]
    if len(left) == len(keys):
        raise NotFoundError(f"no key in {path} has this public part")
    if not left:
        raise ConfigError("this is the only key: add another one, and let both sign a checkpoint first")
    write_signing_keys(path, left)
    typer.echo("retired: a running worker signs without it from its next checkpoint on")
