"""Servers that a test may kill, and the figures of what came of it."""

import asyncio
import dataclasses
import fcntl
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from app.embedded.postgres import Postgres
from app.schema.sync import sync_schema
from support.background import Background
from support.fault_report import FaultReport
from support.load import PATIENCE, Check, HungError, Load, Tally, TwoProcesses, UnderLoad, under_way
from support.processes import Served, free_port, served, wait_until_started
from support.standby import copy_of
from support.workers import common_directory

PASSWORD = secrets.token_hex(16)  # one for all workers
PREPARED = "prepared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fault-report` and `--fault-runs`, where this directory is asked for by name."""
    parser.addoption("--fault-report", type=Path, metavar="FILE.md", help="put the table of figures there")
    parser.addoption("--fault-runs", type=int, default=1, metavar="N", help="run tests with figures N times")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the figures, in the process that hands the tests out."""
    path = config.getoption("fault_report", None)
    if path is not None:
        config.pluginmanager.register(FaultReport(path))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have tests that note figures run as often as `--fault-runs` says."""
    runs = metafunc.config.getoption("fault_runs", 1)
    if runs > 1 and "check" in metafunc.fixturenames:
        metafunc.fixturenames.append("_fault_run")
        metafunc.parametrize("_fault_run", range(runs))


@pytest.fixture(autouse=True)
def _as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents are to have their answers in time by the product's own limits."""
    monkeypatch.delenv("RUNLOG_DATABASE_TIMEOUT")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """A stopped PostgreSQL with the product's tables, on disk, to be copied; the first worker makes it."""
    directory = common_directory(tmp_path_factory) / PREPARED
    server = Postgres(directory, password=PASSWORD, port=free_port())
    made = directory.with_suffix(".made")
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            server.start()
            asyncio.run(sync_schema(server.url))
            server.stop()
            made.touch()
    return server


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the workers have copied."""
    factory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    shutil.rmtree(common_directory(factory) / PREPARED, ignore_errors=True)


@pytest.fixture
def make_postgres(prepared: Postgres, tmp_path: Path) -> Iterator[Callable[..., Postgres]]:
    """Makes PostgreSQL servers that start with the product's tables; fsync is on, as it comes."""
    made: list[Postgres] = []

    def make(name: str = "postgres", **settings: str) -> Postgres:
        made.append(copy_of(prepared, tmp_path / name, **settings))
        return made[-1]

    yield make
    for server in made:
        server.stop()
        shutil.rmtree(server.directory)


@pytest.fixture
def postgres(make_postgres: Callable[..., Postgres], monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A running PostgreSQL of the test's own; the commands' settings point at it."""
    server = make_postgres()
    server.start()
    monkeypatch.setenv("DATABASE_URL", server.url)
    return server


@pytest.fixture
def background() -> Iterator[Background]:
    """A loop beside the test, for its load."""
    own = Background()
    yield own
    own.close()


@pytest.fixture
def two_processes(tmp_path: Path) -> TwoProcesses:
    """Starts servers of two API processes; `env` is theirs."""

    @contextmanager
    def start(env: Mapping[str, str] = MappingProxyType({})) -> Iterator[Served]:
        log = tmp_path / "serve.log"
        with served(env=env, log=log, workers=2) as server:
            wait_until_started(2, log)
            yield server

    return start


@pytest.fixture
def under_load(two_processes: TwoProcesses, background: Background) -> UnderLoad:
    """Starts servers of two API processes with a load on them."""

    @contextmanager
    def start(
        *, env: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> Iterator[tuple[Served, Load]]:
        with two_processes(env) as server, under_way(Load(server.url, background, **options)) as load:
            yield server, load

    return start


@pytest.fixture
def check(background: Background, record_property: Callable[[str, object], None]) -> Check:
    """Asserts that what was sent is what is stored, and notes the figures for the report."""

    def check_load(load: Load, database_url: str, fault: str, *, back_after: float | None = None) -> Tally:
        load.end()
        load.send_again()
        tally = background.run(load.tally(database_url))
        assert not load.unexpected, load.unexpected[:3]
        assert (tally.lost, tally.doubled) == (0, 0)
        record_property("fault", {"fault": fault, **dataclasses.asdict(tally), "back_after": back_after})
        if load.hung:
            raise HungError(f"{load.hung} reports had no answer within {PATIENCE} s")
        return tally

    return check_load
