"""Fixtures: one embedded PostgreSQL and one Valkey a test run, a database of its own a test.

Set RUNLOG_TEST_DATABASE_URL (a superuser's URL) or RUNLOG_TEST_BROKER_URL to run the same tests
against other servers; databases are made and dropped there, nothing else is touched.
"""

import asyncio
import gc
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

import asyncpg
import httpx
import hypothesis
import pytest

from app.config import get_settings
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.schema.sync import sync_schema
from support.brokers import Broker
from support.compiling import compile_once
from support.dealing import deal
from support.forking import start_copying
from support.workers import Workers

if TYPE_CHECKING:
    from fastapi import FastAPI

hypothesis.settings.register_profile(
    # How fast a machine makes examples says nothing of the product. Each run of the tests has other examples.
    "runlog",
    max_examples=50,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("runlog")

# Collections that find no garbage would take a tenth of the time in which tests are collected.
gc.set_threshold(20_000, 50, 100)
# For numpy, before it is imported: as a worker has it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Each client of httpx would load some 140 authorities' certificates, which no test needs.
os.environ.setdefault("SSL_CERT_DIR", str(Path(__file__).parent))
# Nor does a test need a context of TLS for each client, which takes longer to make than to use.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)
# For each request to an application within the test it would look for a library that is not installed.
httpx._transports.asgi.is_running_trio = lambda: False

Execute = Callable[[str], object]  # runs a statement

TEMPLATE = "runlog_test_template"
SETTINGS = ("DATABASE_URL", "CELERY_BROKER_URL")
UNIT = Path(__file__).resolve().parent / "unit"
PAGES = sorted(UNIT.with_name("acceptance").glob("web/test_*.py"))
MOST_WORKERS = 16  # each has some connections to the one PostgreSQL


class Servers(NamedTuple):
    """Where this test run's servers are."""

    postgres_url: str
    broker_url: str
    template: str


def database_url(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    asyncio.run(_execute(url, statement))


def _fast_directory() -> Path | None:
    """Memory where there is plenty of it: a database is made there in a tenth of the time."""
    memory = Path("/dev/shm")  # noqa: S108  # only as the parent of a directory of our own
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return memory if usable and shutil.disk_usage(memory).free > 4 * 1024**3 else None


def _asked(config: pytest.Config) -> list[Path]:
    """The files and directories of which tests were asked for."""
    directory = config.invocation_params.dir
    return [(directory / argument.partition("::")[0]).resolve() for argument in config.args]


def _is_unit_only(config: pytest.Config) -> bool:
    """Whether no test was asked for but pure ones."""
    return all(path.is_relative_to(UNIT) for path in _asked(config))


def _is_setting(name: str) -> bool:
    """Whether the product reads the variable."""
    return name.startswith("RUNLOG_") or name.removesuffix("_FILE") in SETTINGS


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """`-n`, with which tests run in several processes."""
    parser.getgroup("workers")._addoption(
        "-n", "--numprocesses", default="0", metavar="N", help="run tests by N processes, or `auto`"
    )


def _workers(config: pytest.Config) -> int:
    """How many there are to be: for `auto` four a processor where tests wait for servers, else one."""
    asked = config.getoption("numprocesses")
    if asked != "auto":
        return int(asked)
    return min(_processors() if _is_unit_only(config) else 4 * _processors(), MOST_WORKERS)


def _sharing(item: pytest.Item) -> Hashable:
    """Tests that share what takes long to make: those of a file, and of pages each half of the files."""
    return PAGES.index(item.path) % 2 if item.path in PAGES else item.path


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the process: thousands of tests, and the modules."""
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Compile statements once a worker, heed interrupts, and have workers if they are asked for.

    What a script runs in its background is started to ignore interrupts, with its children.
    """
    compile_once()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    count = _workers(config)
    if count and not (config.option.collectonly or config.option.usepdb):
        dealt = partial(deal, group_of=_sharing, is_slow=lambda item: UNIT not in item.path.parents)
        config.pluginmanager.register(Workers(count, dealt))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers; pure tests need none."""
    if _is_unit_only(session.config) or session.config.option.collectonly:
        return
    with patch.dict(os.environ):
        for name in filter(_is_setting, list(os.environ)):
            del os.environ[name]
        start_copying()
    directory = Path(tempfile.mkdtemp(prefix="runlog-test-", dir=_fast_directory()))
    directory.chmod(0o755)
    running: list[Postgres | Valkey] = []
    postgres_url = os.environ.get("RUNLOG_TEST_DATABASE_URL")
    broker_url = os.environ.get("RUNLOG_TEST_BROKER_URL")
    if postgres_url is None:
        # What a crash would lose does not matter here; what it tests elsewhere does.
        postgres = Postgres(
            directory / "postgres",
            password=secrets.token_hex(16),
            port=free_port(),
            settings={
                "fsync": "off",
                "full_page_writes": "off",
                "max_connections": "200",
                # Nor is there a standby, whose log would have all that is written to a new table, too.
                "wal_level": "minimal",
                "max_wal_senders": "0",
            },
        )
        postgres.start()
        running.append(postgres)
        postgres_url = postgres.url
        # Thousands of connections are made, each for milliseconds.
        execute(postgres_url, f"SET scram_iterations = 1; ALTER ROLE postgres PASSWORD '{postgres.password}'")
    if broker_url is None:
        valkey = Valkey(directory / "valkey", password=secrets.token_hex(16), port=free_port())
        valkey.start()
        running.append(valkey)
        broker_url = valkey.url
    template = f"{TEMPLATE}_{os.getpid()}"
    execute(postgres_url, f"CREATE DATABASE {template}")
    asyncio.run(sync_schema(database_url(postgres_url, template)))
    session.config.stash[_SERVERS] = Servers(postgres_url, broker_url, template)
    session.config.stash[_CLEAN_UP] = (directory, running)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what `pytest_sessionstart` started."""
    if _CLEAN_UP not in session.config.stash:
        return
    directory, running = session.config.stash[_CLEAN_UP]
    servers = session.config.stash[_SERVERS]
    execute(servers.postgres_url, f"DROP DATABASE IF EXISTS {servers.template} WITH (FORCE)")
    for server in running:
        server.stop()
    shutil.rmtree(directory)


_SERVERS: pytest.StashKey[Servers] = pytest.StashKey()
_CLEAN_UP: pytest.StashKey[tuple[Path, list[Postgres | Valkey]]] = pytest.StashKey()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """The servers of this test run."""
    return request.config.stash[_SERVERS]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _settings(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """No setting of the machine reaches a test."""
    # A directory of its own costs as much as many a test; one that never asks for it has none.
    own = "tmp_path" in request.fixturenames
    directory: Path = request.getfixturevalue("tmp_path") if own else tmp_path_factory.getbasetemp() / "none"
    for name in filter(_is_setting, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(directory / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))  # of the spool
    # There, a `runlog up` leaves word of where it runs.
    monkeypatch.setenv("XDG_DATA_HOME", str(directory / "home"))
    # A database that answers late on a busy machine is not away.
    monkeypatch.setenv("RUNLOG_DATABASE_TIMEOUT", "60")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits or gives up where the processors are busy does not because of other tests."""
    monkeypatch.setattr("app.tasks.pacing.others_seconds", lambda: None)
    monkeypatch.setattr("app.kit.snapshot.FIRST_WAIT_SECONDS", 60.0)


@pytest.fixture(scope="session")
def execute_on_server(servers: Servers) -> Iterator[Execute]:
    """Runs a statement on the server, by one connection for all tests of this process."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(servers.postgres_url))
        yield lambda statement: runner.run(connection.execute(statement))
        runner.run(connection.close())


@pytest.fixture
def empty_database(servers: Servers, execute_on_server: Execute) -> Iterator[str]:
    """The URL of a new database without tables."""
    yield from new_database(servers, execute_on_server, "template1")


@pytest.fixture
def database(servers: Servers, execute_on_server: Execute, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a new database with the product's tables; the settings point at it."""
    for url in new_database(servers, execute_on_server, servers.template):
        monkeypatch.setenv("DATABASE_URL", url)
        get_settings.cache_clear()
        yield url


@pytest.fixture(scope="module")
def module_database(servers: Servers, execute_on_server: Execute) -> Iterator[str]:
    """The URL of a new database with the product's tables that the tests of a module share."""
    yield from new_database(servers, execute_on_server, servers.template)


def new_database(servers: Servers, execute_on_server: Execute, template: str) -> Iterator[str]:
    """The URL of a database that is a copy of `template`, dropped afterwards."""
    name = f"runlog_test_{secrets.token_hex(6)}"
    # The log of what is copied would cost more than the copy.
    execute_on_server(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield database_url(servers.postgres_url, name)
    execute_on_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A running broker of the test's own; the settings point at it."""
    own = Broker(tmp_path / "broker")
    own.start()
    monkeypatch.setenv("CELERY_BROKER_URL", own.url)
    get_settings.cache_clear()
    yield own
    own.stop()


@pytest.fixture(scope="session")
def applications() -> dict[object, "FastAPI"]:
    """Applications by the settings that they are made of: their routes are built once, when first used."""
    return {}


@pytest.fixture
async def api(database: str, applications: dict[object, "FastAPI"]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the real application on the test's database, without a network between."""
    from app.logs import configure_logging
    from app.main import create_app
    from app.web.home import HomeCache

    settings = get_settings()
    made_of = settings.expose, settings.token, settings.reports_need_token, tuple(settings.allowed_hosts)
    if made_of not in applications:
        applications[made_of] = create_app(settings)
    app = applications[made_of]
    configure_logging(settings)  # to the stderr of this test
    app.state.home_cache, app.state.watcher = HomeCache(), None
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as client:
            yield client


@pytest.fixture
async def db(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's database, beside the product's own."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()
