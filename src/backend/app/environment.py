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
BESIDE_DATABASE_URL = ("schema_database_url", "replica_database_url")
"""Other ways to the same database, which are of no use with another `DATABASE_URL` than their own."""
RUNTIME_FILE = "runtime.json"
RUNNING = "running"
"""In the default data directory: a link to every other one that this user's `runlog up` runs on."""
SETTINGS_FILE = "settings.env"
TOKEN_FILE = "token"  # noqa: S105  # its name
"""In the data directory: the token that a server made when it first needed one."""
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client, when it is imported, learns where processes count together."""
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
    """Where settings and the running `runlog up` are looked for.

    It is `data_dir`, else what the environment names, else where this user's only `runlog up` runs, else the
    default directory. A `runlog up` on the default one is preferred; of several others none is chosen, and a
    command that needs one says so. Raises as `read_settings` does.
    """
    if data_dir or _given("data_dir", os.environ):
        return new_data_dir(data_dir)
    running = running_directories()
    return running[0] if len(running) == 1 else default_data_dir()


def one_data_dir(data_dir: Path | None = None) -> Path:
    """As `data_directory`, but raises `ConfigError` where several `runlog up` run and none is chosen."""
    if data_dir is None and not _given("data_dir", os.environ) and len(running_directories()) > 1:
        raise ConfigError(nothing_runs())
    return data_directory(data_dir)


def new_data_dir(data_dir: Path | None = None) -> Path:
    """Where a new `runlog up` is to run: on `data_dir`, else what the environment names, else the default.

    Raises as `read_settings` does.
    """
    return Path(data_dir or _given("data_dir", os.environ) or default_data_dir())


def running_directories() -> list[Path]:
    """Where this user's `runlog up` runs: the default directory alone if it does there, else all linked ones.

    A link or a `runtime.json` that another user made is not followed.
    """
    default = default_data_dir()
    if read_runtime(default):
        return [default]
    try:
        links = sorted((default / RUNNING).iterdir())
    except OSError:
        return []
    return [link.readlink() for link in links if _is_ours(link) and read_runtime(link)]


def use_running(data_dir: Path) -> None:
    """Use the `runlog up` on `data_dir` in this process and those it starts, whatever the environment has.

    Raises `ConfigError` where none runs there.
    """
    if not read_runtime(data_dir):
        raise ConfigError(f"no `runlog up` is running on {data_dir}: start it with --data-dir {data_dir}")
    for field in ("url", "token", *UNPREFIXED, *BESIDE_DATABASE_URL):
        for name in (environment_name(field), f"{environment_name(field)}_FILE"):
            os.environ.pop(name, None)
    os.environ[environment_name("data_dir")] = str(data_dir.absolute())


def nothing_runs() -> str:
    """Why no running `runlog up` gives a setting, and what to do about it: the end of an error message."""
    running = [] if _given("data_dir", os.environ) else running_directories()
    if len(running) > 1:
        names = ", ".join(map(str, running))
        return f"several `runlog up` are running, on {names}: say which by --data-dir or RUNLOG_DATA_DIR"
    return "no `runlog up` is running here: start it with `runlog up`, or name its directory with --data-dir"


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
    `…_FILE` that cannot be read, or the several `runlog up` of which none is chosen.
    """
    directory = data_directory()
    url = _read(["url"], directory, _filed_or_nothing(directory)).get("url")
    if url is None and not _given("data_dir", os.environ) and len(running_directories()) > 1:
        raise ConfigError(f"RUNLOG_URL is not set and {nothing_runs()}")
    return url or DEFAULT_URL


def names_database() -> bool:
    """Whether the log is read from the database of `DATABASE_URL`, not from the server at `read_url()`.

    Of the environment and the settings file the first that gives either of both decides; where it gives
    both, the database does. Raises as `read_settings` does.
    """
    for source in (os.environ, read_settings_file(data_directory())):
        if _given("database_url", source):
            return True
        if _given("url", source):
            return False
    return False


def read_token() -> str | None:
    """The token to send to the server at `read_url()`: that of a data directory goes to no other server.

    Raises as `read_url` does.
    """
    directory = data_directory()
    filed = _filed_or_nothing(directory)
    given = [{field: _given(field, source) for field in ("url", "token")} for source in (os.environ, filed)]
    if token := next((source["token"] for source in given if source["token"] is not None), None):
        return token
    is_own = all(source["url"] is None for source in given)
    return stored_token(directory).get("token") if is_own else None


def _filed_or_nothing(directory: Path) -> dict[str, str]:
    try:
        return read_settings_file(directory)
    except ConfigError:
        return {}


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


def stored_token(data_dir: Path) -> dict[str, str]:
    """The `token` that is kept in the data directory; `{}` where there is none that we may read."""
    try:
        return {"token": (data_dir / TOKEN_FILE).read_text(encoding="ascii").strip()}
    except (OSError, UnicodeDecodeError):
        return {}


def _is_ours(link: Path) -> bool:
    """Whether we made the link to a data directory, and what its `runlog up` says of itself."""
    try:
        owners = {link.lstat().st_uid, (link / RUNTIME_FILE).stat().st_uid}
    except OSError:
        return False
    return link.is_symlink() and owners == {os.geteuid()}


def _read(fields: Iterable[str], directory: Path, filed: Mapping[str, str]) -> dict[str, str]:
    found = read_runtime(directory)
    if "token" in fields:
        found |= stored_token(directory)
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
