"""A server of an older major version of PostgreSQL, where the machine has the package of one."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from app.embedded import postgres, programs
from app.embedded.identity import unprivileged
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.server import environment

PASSWORD = "a-password"


def older_binaries() -> Path:
    """The programs of PostgreSQL 15, the oldest that is supported; skips the test where there are none."""
    found = Path("/usr/lib/postgresql/15/bin")
    if not (found / "initdb").exists():
        pytest.skip("needs the package postgresql-15")
    return found


def made_by_older(directory: Path, *, locale: str = "C.UTF-8") -> Postgres:
    """A stopped server in `directory` whose data PostgreSQL 15 made, as `Postgres` would have by it."""
    binaries = older_binaries()
    directory.mkdir(mode=0o700, parents=True)
    server = Postgres(directory, password=PASSWORD, port=free_port())
    identity = unprivileged(directory, server.data, binaries / "postgres")
    password_file = directory / "password"
    password_file.write_text(PASSWORD)
    identity.own(password_file)
    made = subprocess.run(
        [
            *(binaries / "initdb", "-D", server.data, "-U", "postgres", "-E", "UTF8", f"--locale={locale}"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
        ],
        env=environment(),
        cwd="/",
        preexec_fn=identity.enter,
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    password_file.unlink()
    subprocess.run(
        [binaries / "postgres", "--single", "-D", server.data, "template1"],
        input=b"CREATE DATABASE runlog\n",
        env=environment(),
        cwd="/",
        preexec_fn=identity.enter,
        capture_output=True,
        check=True,
    )
    return server


def by_older(name: str) -> Path:
    """Where a program of PostgreSQL 15 is."""
    return older_binaries() / name


@contextmanager
def run_by_older(server: Postgres) -> Iterator[None]:
    """Run it by PostgreSQL 15 for the time of the block."""
    with patch.object(programs, "binary", by_older), patch.object(postgres, "binary", by_older):
        server.start()
    try:
        yield
    finally:
        server.stop()


def remove(server: Postgres) -> None:
    """Delete its directory."""
    shutil.rmtree(server.directory)
