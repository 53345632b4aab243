"""The supervisor, in a process of its own, with stand-ins for the services and a real server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.embedded.log_files import LOG_LIMIT, older
from app.embedded.process import processes_in
from app.embedded.valkey import Valkey
from support.processes import eventually, free_port

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the parent-death signal")

# Runs until SIGTERM, and notes its start and its end in a file.
SERVICE = """
import os, signal, subprocess, sys, time
from app.embedded.process import die_with_parent
name, notes = sys.argv[1:]

def note(what):
    with open(notes, "a") as file:
        file.write(f"{what} {name} {os.getpid()}\\n")

def end(*_):
    note("end")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
service = os.getpid()
note("start")
child = subprocess.Popen(["sleep", "600"], preexec_fn=lambda: PREPARE)
while True:
    time.sleep(600)
"""

CARELESS = SERVICE.replace("PREPARE", "None")
CAREFUL = SERVICE.replace("PREPARE", "die_with_parent(signal.SIGKILL, service)")

SUPERVISOR = """
import json, os, signal, sys
from dataclasses import asdict
from pathlib import Path
from app.embedded.service import Service
from app.embedded.messages import say
from app.embedded.supervisor import Supervisor
from app.embedded.valkey import Valkey
from app.errors import RunLogError

directory, port = Path(sys.argv[1]), int(sys.argv[2])
service, api_code, beat_code, copies = sys.argv[3:7]
notes = directory / "notes"

def make(name, code, death_signal=signal.SIGTERM):
    argv = [sys.executable, "-c", code, name, str(notes)]

    def main():
        sys.argv = argv[2:]
        exec(code, {})

    return Service(name, argv, env=os.environ, death_signal=death_signal, main=main if copies else None)

def keep(parts):
    (directory / "parts.new").write_text(json.dumps([asdict(part) for part in parts]))
    (directory / "parts.new").rename(directory / "parts")

valkey = Valkey(directory / "valkey", password="p", port=port)
supervisor = Supervisor(
    servers=[valkey],
    load=lambda: None,
    migration=make("migration", "import sys; open(sys.argv[2], 'a').write('start migration 0\\\\n')"),
    services=[
        make("api", api_code or service),
        make("beat", beat_code or service, signal.SIGKILL),
        make("worker", service, signal.SIGKILL),
    ],
    answers=lambda: "start api" in notes.read_text(),
    on_answer=lambda: say("answers", sys.stdout),
    is_ready=lambda: "start worker" in notes.read_text(),
    on_ready=lambda: say("ready", sys.stdout),
    on_change=keep,
    logs=[valkey.log],
)
try:
    supervisor.run()
except RunLogError as error:
    sys.exit(str(error))
"""


class Supervised:
    """A running supervisor, whose services are copies of it, or programs."""

    def __init__(self, directory: Path, *, copies: bool) -> None:
        self.directory = directory
        self.copies = copies
        self.valkey = Valkey(directory / "valkey", password="p", port=free_port())

    def start(
        self, service: str = CARELESS, *, api: str = "", beat: str = "", stdout: int = subprocess.PIPE
    ) -> None:
        copies = "copies" if self.copies else ""
        arguments = [self.directory, str(self.valkey.port), service, api, beat, copies]
        with (self.directory / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, *arguments],
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(2)]
        assert lines == [b"answers\n", b"ready\n"], self.stderr
        assert eventually(self.all_started)

    def all_started(self) -> bool:
        return (self.directory / "notes").exists() and len(self.notes("start")) >= 4

    def notes(self, what: str) -> list[tuple[str, int]]:
        lines = [line.split() for line in (self.directory / "notes").read_text().splitlines()]
        return [(name, int(pid)) for noted, name, pid in lines if noted == what]

    def pid(self, name: str) -> int:
        return dict(self.notes("start"))[name]

    def parts(self) -> dict[str, dict[str, Any]]:
        """What the supervisor has said of its parts, by name."""
        return {part["name"]: part for part in json.loads((self.directory / "parts").read_text())}

    @property
    def stderr(self) -> str:
        return (self.directory / "stderr").read_text()

    def sessions(self) -> set[int]:
        """The services' sessions, one each."""
        return {pid for name, pid in self.notes("start") if name != "migration"}

    def is_gone(self) -> bool:
        """Whether no service, no child of one and no server is left."""
        servers = list(processes_in(self.valkey.data, self.valkey.program))
        return not servers and not any(is_session_alive(pid) for pid in self.sessions())


@pytest.fixture
def supervised(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Supervised]:
    running = Supervised(tmp_path, copies=getattr(request, "param", False))
    yield running
    running.process.terminate()
    running.process.communicate()


def is_session_alive(session: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of_session) == session and state != "Z":
            return True
    return False


either_way = pytest.mark.parametrize("supervised", [False, True], indirect=True, ids=["programs", "copies"])


@linux
@either_way
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(supervised: Supervised, sig: signal.Signals) -> None:
    supervised.start()
    supervised.wait_until_ready()
    # To the whole foreground group, as a terminal does.
    os.killpg(supervised.process.pid, sig)
    assert supervised.process.wait(120) == 0, supervised.stderr
    assert [name for name, _ in supervised.notes("start")][:2] == ["migration", "api"]
    assert [name for name, _ in supervised.notes("end")] == ["api", "beat", "worker"]
    assert "bye bye" in supervised.valkey.log.read_text()
    assert supervised.is_gone()


@linux
def test_a_signal_during_the_start_stops_it(supervised: Supervised) -> None:
    supervised.start()
    assert eventually(lambda: "Valkey is ready" in supervised.stderr)
    supervised.process.terminate()
    assert supervised.process.wait(120) == 0, supervised.stderr
    assert eventually(lambda: not list(processes_in(supervised.valkey.data, "valkey-server")), 5)


@linux
@either_way
def test_killing_the_supervisor_leaves_nothing(supervised: Supervised) -> None:
    supervised.start(CAREFUL)
    supervised.wait_until_ready()
    supervised.process.kill()
    supervised.process.wait()
    assert eventually(supervised.is_gone, 5)
    assert [name for name, _ in supervised.notes("end")] == ["api"]


@linux
@either_way
def test_a_service_that_dies_is_started_again_without_its_old_children(supervised: Supervised) -> None:
    supervised.start()
    supervised.wait_until_ready()
    worker = supervised.pid("worker")
    os.kill(worker, signal.SIGKILL)
    assert eventually(lambda: supervised.pid("worker") != worker)
    assert not is_session_alive(worker)
    assert eventually(lambda: supervised.parts()["worker"]["pid"] == supervised.pid("worker"))
    parts = supervised.parts()
    assert {name: part["starts"] for name, part in parts.items()} == {
        "Valkey": 1,
        "api": 1,
        "beat": 1,
        "worker": 2,
    }
    assert parts["worker"]["since"] > parts["api"]["since"]
    assert "worker ended with status -9: starting it again" in supervised.stderr
    supervised.process.terminate()
    assert supervised.process.wait(120) == 0


@linux
def test_a_server_that_dies_is_started_again_on_its_port(supervised: Supervised) -> None:
    supervised.start()
    supervised.wait_until_ready()
    (server,) = processes_in(supervised.valkey.data, "valkey-server")
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: supervised.valkey.is_ready())
    assert list(processes_in(supervised.valkey.data, "valkey-server")) != [server]


@linux
@either_way
def test_a_service_that_cannot_start_ends_everything(supervised: Supervised) -> None:
    supervised.start(api="raise SystemExit(3)")
    assert supervised.process.wait(120) == 1
    assert supervised.stderr.splitlines()[-1] == (
        "api ended 5 times within 60 s, the last time with status 3"
    )
    assert supervised.is_gone()


# Ends at once.
DYING = """
import sys
open(sys.argv[2], "a").write("start beat 0\\n")
sys.exit(3)
"""


@linux
def test_a_service_that_keeps_dying_is_tried_again_and_ends_nothing_else(supervised: Supervised) -> None:
    supervised.start(beat=DYING)
    supervised.wait_until_ready()
    again = "beat ended with status 3: starting it again"
    assert eventually(lambda: supervised.stderr.count(again) >= 5)
    delays = [line.removeprefix(again) for line in supervised.stderr.splitlines() if line.startswith(again)]
    assert delays[:5] == ["", " in 1 s", " in 2 s", " in 4 s", " in 8 s"]
    assert is_session_alive(supervised.pid("api"))
    assert supervised.valkey.is_ready()
    supervised.process.terminate()
    assert supervised.process.wait(120) == 0, supervised.stderr


@linux
def test_a_server_that_cannot_be_started_for_a_time_ends_nothing(supervised: Supervised) -> None:
    supervised.start()
    supervised.wait_until_ready()
    away = supervised.valkey.directory.with_name("away")
    (server,) = processes_in(supervised.valkey.data, "valkey-server")
    supervised.valkey.directory.rename(away)
    supervised.valkey.directory.write_text("not a directory")
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: "could not be started" in supervised.stderr)
    supervised.valkey.directory.unlink()
    away.rename(supervised.valkey.directory)
    assert eventually(supervised.valkey.is_ready)
    assert is_session_alive(supervised.pid("api"))


@linux
def test_the_log_of_a_server_is_bounded_while_it_runs(supervised: Supervised) -> None:
    supervised.start()
    supervised.wait_until_ready()
    log = supervised.valkey.log
    with log.open("ab") as flood:
        flood.write(b"x" * (LOG_LIMIT + 1))
    assert eventually(lambda: log.stat().st_size < LOG_LIMIT)
    assert older(log).stat().st_size > LOG_LIMIT
    supervised.process.terminate()
    assert supervised.process.wait(120) == 0
    # Valkey has gone on in the same file.
    assert "bye bye" in log.read_text()


@linux
def test_nobody_has_to_read_stdout(supervised: Supervised) -> None:
    read, write = os.pipe()
    os.close(read)
    supervised.start(stdout=write)
    os.close(write)
    assert eventually(supervised.all_started)
    time.sleep(0.5)
    supervised.process.terminate()
    assert supervised.process.wait(120) == 0, supervised.stderr
