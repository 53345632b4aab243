"""Where the text of a setting comes from: its variable, else a file, else a running `runlog up`.

It loads no third-party package but platformdirs, and that only where no data directory is set: a command
that needs the server's URL alone starts at once.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from app.errors import ConfigError

UNPREFIXED = ("database_url", "celery_broker_url")
RUNTIME_FILE = "runtime.json"
DEFAULT_URL = "http://127.0.0.1:8000"


def environment_name(field: str) -> str:
    """The environment variable that sets `field`."""
    return field.upper() if field in UNPREFIXED else f"RUNLOG_{field.upper()}"


def is_given(field: str) -> bool:
    """Whether the environment gives `field`, rather than the file that another `runlog up` left."""
    name = environment_name(field)
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def read_settings(fields: Iterable[str], data_dir: Path | None = None) -> dict[str, str]:
    """The text of each of `fields` that is set: by variable, by `…_FILE`, or by a running `runlog up`.

    `data_dir` is where a running `runlog up` is looked for, unless the environment names a directory.
    Raises `ConfigError` naming a `…_FILE` that cannot be read.
    """
    running = read_runtime(Path(data_dir or _given("data_dir") or default_data_dir()))
    given = {field: _given(field) for field in fields}
    return running | {field: text for field, text in given.items() if text is not None}


def read_url() -> str:
    """The server's URL, as `Settings.url` has it. Raises as `read_settings` does."""
    return read_settings(["url"]).get("url", DEFAULT_URL)


def default_data_dir() -> Path:
    """The platform's data directory for this user, where `runlog up` keeps its servers."""
    import platformdirs

    return Path(platformdirs.user_data_dir("agent-run-log", appauthor=False))


def read_runtime(data_dir: Path) -> dict[str, str]:
    """The `database_url`, `celery_broker_url` and `url` of the `runlog up` alive on `data_dir`, else `{}`."""
    try:
        runtime = json.loads((data_dir / RUNTIME_FILE).read_text(encoding="utf-8"))
        os.kill(runtime.pop("pid"), 0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}  # it is not there, or damaged, or its process has ended
    return {str(key): str(value) for key, value in runtime.items()}


def _given(field: str) -> str | None:
    """The text of the field's variable, or of the file that `…_FILE` names."""
    name = environment_name(field)
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: cannot read {path}: {error}") from error
