"""Where the text of a setting comes from: its variable, the settings file, or a running `runlog up`.

The settings file is `settings.env` in the data directory, a line `NAME=value` for each setting. In both it
and the environment `NAME_FILE` names a file that holds the value instead.

It loads no third-party package but platformdirs, and that only where no data directory is set: a command
that needs the server's URL alone starts at once.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.errors import ConfigError

UNPREFIXED = ("database_url", "celery_broker_url")
RUNTIME_FILE = "runtime.json"
SETTINGS_FILE = "settings.env"
DEFAULT_URL = "http://127.0.0.1:8000"


def environment_name(field: str) -> str:
    """The environment variable that sets `field`."""
    return field.upper() if field in UNPREFIXED else f"RUNLOG_{field.upper()}"


def is_given(field: str) -> bool:
    """Whether the environment or the settings file gives `field`, rather than a running `runlog up`.

    Raises as `read_settings` does.
    """
    name = environment_name(field)
    sources = (os.environ, read_settings_file(data_directory()))
    return any(source.get(name) or source.get(f"{name}_FILE") for source in sources)


def data_directory(data_dir: Path | None = None) -> Path:
    """Where settings and the running `runlog up` are looked for: `data_dir` or what the environment names.

    Raises as `read_settings` does.
    """
    return Path(data_dir or _given("data_dir", os.environ) or default_data_dir())


def read_settings(fields: Iterable[str], data_dir: Path | None = None) -> dict[str, str]:
    """The text of each of `fields` that is set: by variable, settings file, or a running `runlog up`.

    `data_dir` is where the latter two are looked for, unless the environment names a directory.
    Raises `ConfigError` naming a `…_FILE` that cannot be read, or a line of the settings file that is none.
    """
    directory = data_directory(data_dir)
    return _read(fields, directory, read_settings_file(directory))


def read_url() -> str:
    """The server's URL, as `Settings.url` has it.

    A settings file with a mistake in it keeps no run from being reported. Raises `ConfigError` naming a
    `…_FILE` that cannot be read.
    """
    directory = data_directory()
    try:
        filed = read_settings_file(directory)
    except ConfigError:
        filed = {}
    return _read(["url"], directory, filed).get("url", DEFAULT_URL)


def read_settings_file(directory: Path) -> dict[str, str]:
    """What the settings file of the data directory sets, by names of variables; nothing where there is none.

    A line is `NAME=value`, with `export` before it or quotes around the value as a shell has them; empty
    lines and those that begin with `#` say nothing. Raises `ConfigError` naming the line that is none of
    these, or saying that the file cannot be read.
    """
    path = directory / SETTINGS_FILE
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the settings in {path}: {error}") from error
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip().isidentifier():
            raise ConfigError(f"{path}, line {number}: this is no NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return found


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


def _read(fields: Iterable[str], directory: Path, filed: Mapping[str, str]) -> dict[str, str]:
    found = read_runtime(directory)
    for field in fields:
        # The file cannot say where it is itself.
        sources = (os.environ,) if field == "data_dir" else (os.environ, filed)
        texts = (_given(field, source) for source in sources)
        text = next((each for each in texts if each is not None), None)
        if text is not None:
            found[field] = text
    return found


def _given(field: str, source: Mapping[str, str]) -> str | None:
    """The text of the field's variable in `source`, or of the file that `…_FILE` names there."""
    name = environment_name(field)
    if name in source:
        return source[name]
    path = source.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: cannot read {path}: {error}") from error


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
