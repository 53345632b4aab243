"""The keys that checkpoints are signed with: a file of them, for its owner alone."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from app.errors import ConfigError, ProofFormatError
from app.private_files import write_private
from app.proof.domain.note import SigningKey

_SEED_BYTES = 32  # of an Ed25519 key
_NAME_BYTES = 8  # random: no two logs have one name


def read_signing_keys(path: Path) -> list[SigningKey]:
    """The keys in a file, one a line; none where there is no file. All have one name, the log's origin.

    Raises `ConfigError`, whose text has nothing of a key.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the signing keys in {path}: {error}") from error
    try:
        keys = [SigningKey.parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    except ProofFormatError as error:
        raise ConfigError(f"{path}: {error}") from error
    if len({key.name for key in keys}) > 1:
        raise ConfigError(f"{path}: the keys of a log have one name")
    return keys


def add_signing_key(path: Path) -> SigningKey:
    """Make a key and append it to the file, which is made where there is none. Raises `ConfigError`."""
    known = read_signing_keys(path)
    name = known[0].name if known else f"agent-run-log/{secrets.token_hex(_NAME_BYTES)}"
    key = SigningKey(name, os.urandom(_SEED_BYTES))
    write_signing_keys(path, [*known, key])
    return key


def write_signing_keys(path: Path, keys: Sequence[SigningKey]) -> None:
    """Replace the file. Raises `ConfigError`."""
    try:
        write_private(path, "".join(f"{key.private_text()}\n" for key in keys))
    except OSError as error:
        raise ConfigError(f"cannot keep signing keys in {path}: {error.strerror}") from error
