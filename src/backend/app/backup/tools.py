"""PostgreSQL's `pg_dump`, `pg_restore` and `psql`: which of this machine's fit a server, and running them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from app.db.engine import libpq_url
from app.embedded.process import EmbeddedServerError
from app.embedded.programs import binary
from app.embedded.server import environment
from app.errors import BackupError

PROGRAMS = ("pg_dump", "pg_restore", "psql")
# Where Debian's and Red Hat's packages put what is not on PATH.
_PACKAGED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
# Options of a URL that libpq itself knows, of those that `libpq_url` leaves; it refuses others.
_LIBPQ_OPTIONS = frozenset(
    (
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "options",
        "application_name",
        "sslmode",
        "sslkey",
        "sslcert",
        "sslrootcert",
        "sslcrl",
        "sslpassword",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "target_session_attrs",
        "service",
    )
)


@dataclass(frozen=True)
class Tools:
    """The programs in `directory`, of one major version of PostgreSQL."""

    directory: Path
    major: int

    def path(self, program: str) -> Path:
        """Where one of `PROGRAMS` is."""
        return self.directory / program


@dataclass(frozen=True)
class Database:
    """A database as the tools reach it: nothing secret is among their arguments, which any user may read."""

    url: str
    """Without the password."""
    password: str
    embedded: bool

    @property
    def environment(self) -> dict[str, str]:
        """What the tools are run with; for other servers the machine's own settings count."""
        base = environment() if self.embedded else {**os.environ, "LC_ALL": "C"}
        return base | {"PGCONNECT_TIMEOUT": "10"} | ({"PGPASSWORD": self.password} if self.password else {})

    @classmethod
    def at(cls, url: str, *, embedded: bool) -> "Database":
        """The database at `url`, in any form that `DATABASE_URL` may have. Raises `ConfigError`."""
        split = urlsplit(libpq_url(url))
        login, at, hosts = split.netloc.rpartition("@")
        user, _, password = login.partition(":")
        options = dict(parse_qsl(split.query, keep_blank_values=True))
        password = options.pop("password", unquote(password))
        settings = [f"-c {name}={value}" for name, value in options.items() if name not in _LIBPQ_OPTIONS]
        known = {name: value for name, value in options.items() if name in _LIBPQ_OPTIONS}
        if settings:
            known["options"] = " ".join([*settings, *([known["options"]] if "options" in known else [])])
        base = f"postgresql://{user}{at}{hosts}{split.path}"
        query = urlencode(known, quote_via=quote)
        return cls(f"{base}?{query}" if query else base, password, embedded)


def find_tools(server: int, at_least: int = 0, *, embedded: bool) -> Tools:
    """The tools for a server of major version `server`, which read what those of `at_least` wrote.

    They are the bundled ones for an embedded server, else the machine's, and the bundled ones where there are
    none that fit: those have no TLS. They are of the server's version where there are such, else of the next.
    Raises `BackupError`.
    """
    needed = max(server, at_least)
    found = list(_bundled() if embedded else _installed())
    fitting = [tools for tools in found if tools.major >= needed]
    if not fitting:
        seen = ", ".join(f"{tools.major} in {tools.directory}" for tools in found) or "none"
        raise BackupError(
            f"{', '.join(PROGRAMS)} of PostgreSQL {needed} or later are needed, and found were: {seen};"
            f" install the client programs of PostgreSQL {needed}"
        )
    return min(fitting, key=lambda tools: tools.major)


def newest_tools(*, embedded: bool) -> Tools:
    """The tools that read the most backups. Raises `BackupError` where there are none."""
    found = list(_bundled() if embedded else _installed())
    if not found:
        raise BackupError(f"{', '.join(PROGRAMS)} are needed, and not found: install PostgreSQL's programs")
    return max(found, key=lambda tools: tools.major)


def _bundled() -> Iterator[Tools]:
    try:
        yield from _in_directories([binary("pg_dump").parent])
    except EmbeddedServerError:
        return


def _installed() -> Iterator[Tools]:
    on_path = shutil.which("pg_dump")
    packaged = (path for pattern in _PACKAGED for path in sorted(Path("/").glob(pattern.removeprefix("/"))))
    yield from _in_directories([*([Path(on_path).parent] if on_path else []), *packaged])
    yield from _bundled()


def _in_directories(directories: Iterable[Path]) -> Iterator[Tools]:
    for directory in directories:
        if not all((directory / program).exists() for program in PROGRAMS):
            continue
        said = run([directory / "pg_dump", "--version"]).stdout
        if found := re.search(rb"\b(\d+)[.\w]*\b", said.partition(b")")[2]):
            yield Tools(directory, int(found[1]))


def run(argv: list[str | Path], database: Database | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run a tool to its end. Raises `BackupError` with what it said where it fails."""
    try:
        env = database.environment if database else environment()
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise BackupError(f"{argv[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise BackupError(failure(argv[0], done.returncode, done.stderr))
    return done


def failure(program: str | Path, status: int, stderr: bytes) -> str:
    """What a tool that ended with `status` said, in one line."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if re.search(r"\b(error|ERROR|FATAL|fatal):", line)] or lines
    said = "; ".join(line.strip() for line in errors[:3]) or "without a word"
    return f"{Path(program).name} ended with status {status}: {said}"
