"""A RabbitMQ node of the test's own, which may be killed and started again."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from kombu import Connection
from kombu.exceptions import OperationalError

from support.processes import eventually, free_port


class RabbitMq:
    """One node, by the script `rabbitmq-server`."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program, self._directory = program, directory
        self._port, self._distribution_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"

    def start(self) -> None:
        """Start it, with the messages that it had, and return when it answers."""
        (self._directory / "plugins").write_text("[].", encoding="ascii")
        (self._directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self._port}\n", encoding="ascii"
        )
        env = {
            **os.environ,
            "HOME": str(self._directory),
            "RABBITMQ_NODENAME": f"runlog-{self._port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,  # that of the machine's own node
            "RABBITMQ_CONFIG_FILE": str(self._directory / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._directory),
            "RABBITMQ_LOG_BASE": str(self._directory),
            "RABBITMQ_PID_FILE": str(self._directory / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._directory / "plugins"),
        }
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program], env=env, stdout=log, stderr=log, start_new_session=True
            )
        assert eventually(self._answers), (self._directory / "server.log").read_text(encoding="utf-8")

    def _answers(self) -> bool:
        with suppress(OSError, OperationalError), Connection(self.url, connect_timeout=5) as connection:
            connection.connect()
            return True
        return False

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it and what it has started by SIGKILL; starting it again is possible."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
