"""A gateway of OpenClaw as npm has it, with a home of its own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from app.embedded.ports import free_port

PLUGIN_ID = "agent-run-log"
NODE_VERSION = "26.10.0"
OPENCLAW_VERSION = "2026.9.6"
START_SECONDS = (
    300  # a gateway takes 15 s on a machine of its own, and was seen to take a minute on a busy one
)
STOP_SECONDS = 60
_TOKEN = "trial-gateway"  # noqa: S105 - of a gateway that only this machine reaches, for minutes


class Installation(NamedTuple):
    """Where node and openclaw are installed."""

    node: Path
    openclaw: Path

    @property
    def program(self) -> str:
        """The command `openclaw`."""
        return str(self.openclaw / "node_modules/.bin/openclaw")

    @property
    def search_path(self) -> str:
        """PATH with this node before any other."""
        return f"{self.node / 'node_modules/node/bin'}{os.pathsep}{os.environ['PATH']}"


def install(cache: Path) -> Installation:
    """Install both from npm below `cache`, unless they are there.

    Node goes first and is on PATH when openclaw is installed, whose own check refuses an older one.
    Raises CalledProcessError when npm fails, FileNotFoundError without npm.
    """
    installed = Installation(cache / f"node-{NODE_VERSION}", cache / f"openclaw-{OPENCLAW_VERSION}")
    _npm_install(installed.node, f"node@{NODE_VERSION}", os.environ["PATH"])
    _npm_install(installed.openclaw, f"openclaw@{OPENCLAW_VERSION}", installed.search_path)
    return installed


def _npm_install(prefix: Path, package: str, search_path: str) -> None:
    complete = prefix / "complete"
    if complete.exists():
        return
    prefix.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(prefix), package]
    subprocess.run(command, env={**os.environ, "PATH": search_path}, check=True)
    complete.touch()


class Gateway:
    """One gateway, with `config` beside what the trial itself needs."""

    def __init__(self, installation: Installation, home: Path, config: dict[str, Any]) -> None:
        self.home = home
        self._installation = installation
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        own = {
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "port": self._port,
                "auth": {"mode": "token", "token": _TOKEN},
            },
            "agents": {"defaults": {"skipBootstrap": True}},
            # Others would double the time of a start.
            "plugins": {
                "allow": ["admin-http-rpc", PLUGIN_ID],
                "entries": {"admin-http-rpc": {"enabled": True}},
            },
            "tools": {"exec": {"host": "gateway", "mode": "full"}},
        }
        state = home / ".openclaw"
        state.mkdir(parents=True)
        (state / "openclaw.json").write_text(json.dumps(_merged(own, config), indent=2), encoding="utf-8")

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.home / ".openclaw"

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError when it does not within START_SECONDS."""
        others = ("OPENCLAW_", "RUNLOG_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        environment = {
            **inherited,
            "HOME": str(self.home),
            "PATH": self._installation.search_path,
            "NO_COLOR": "1",
        }
        with (self.home / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._installation.program, "gateway", "run"],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                self.call("cron.list", {})
                return
            time.sleep(0.5)
        raise RuntimeError(f"the gateway did not start, see {self.home / 'gateway.log'}")

    def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """The answer of a method of the gateway. Raises HTTPError where it has none."""
        answer = httpx.post(
            f"http://127.0.0.1:{self._port}/api/v1/admin/rpc",
            json={"method": method, "params": parameters},
            headers={"authorization": f"Bearer {_TOKEN}"},
            timeout=120,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json()["payload"]

    def jobs(self) -> list[dict[str, Any]]:
        """All its jobs."""
        found: list[dict[str, Any]] = self.call("cron.list", {"includeDisabled": True})["jobs"]
        return found

    def kill(self) -> None:
        """End it and all that it has started at once, as a machine that is lost."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        for each in (how, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, each)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._process = None


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Start the gateway, and end it with the block."""
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both, the other's values where both have one that is no object."""
    both = {
        name: _merged(one[name], other[name])
        for name in one.keys() & other.keys()
        if isinstance(one[name], dict)
    }
    return {**one, **other, **both}
