"""`runlog up`: everything on one machine, on embedded servers."""

import http.client
import os
import signal
import sys
from pathlib import Path

from app.cli import loaded
from app.cli.setting_warnings import warn_of_settings
from app.config import Settings, get_settings
from app.embedded.data_dir import DataDirectory
from app.embedded.messages import add_times, say
from app.embedded.ports import becomes_free, is_free
from app.embedded.postgres import Postgres
from app.embedded.server import Server
from app.embedded.service import Service
from app.embedded.supervisor import Supervisor
from app.embedded.valkey import Valkey
from app.environment import (
    BESIDE_DATABASE_URL,
    METRICS_DIRECTORY,
    environment_name,
    is_given,
    new_data_dir,
)
from app.errors import RunLogError
from app.tracing import require_tracing

DEFAULT_PORT = 8000
# Whether services are copies of this process. Elsewhere the system's libraries may have threads, which a copy
# would lack.
COPIES = sys.platform == "linux"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def up(host: str, port: int | None, data_dir: Path | None, workers: int) -> None:
    """Start and supervise everything until a signal; `port` is 8000 or the next free one unless given."""
    settings = checked_settings(data_dir)
    directory = DataDirectory(settings.data_dir)
    with directory.locked():
        if directory.is_logged_here():
            add_times()
        say(f"the data is in {directory.path}")
        try:
            _supervisor(
                directory, settings, host, _choose_port(host, port, directory.port_timeout), workers
            ).run()
        finally:
            directory.withdraw()


def checked_settings(data_dir: Path | None) -> Settings:
    """The settings of a new `runlog up` on `data_dir`; warnings go to stderr. Raises `ConfigError`."""
    # Not the directory of another one that is running already.
    os.environ["RUNLOG_DATA_DIR"] = str(new_data_dir(data_dir).absolute())
    settings = get_settings()
    settings.check_judge()
    require_tracing(settings)
    warn_of_settings()
    return settings


def _supervisor(
    directory: DataDirectory, settings: Settings, host: str, port: int, workers: int
) -> Supervisor:
    servers: list[Server] = []
    if is_given("celery_broker_url"):
        broker_url = settings.require_broker_url()
    else:
        valkey = Valkey(directory.path / "valkey", **directory.server_state("valkey"))
        servers.append(valkey)
        broker_url = valkey.url
    postgres = None
    if is_given("database_url"):
        database_url = settings.require_database_url()
    else:
        postgres = Postgres(directory.path / "postgres", **directory.server_state("postgres"))
        servers.append(postgres)
        database_url = postgres.url

    def publish() -> None:
        directory.publish(
            database_url=database_url,
            celery_broker_url=broker_url,
            url=_url(ANY_ADDRESS.get(host, host), port),
        )
        if postgres:
            postgres.keep_programs()
        say("runs can be reported; waiting for the Celery worker, which scores them")

    env = _environment(directory, database_url, broker_url)
    api = ("serve", "--host", host, "--port", str(port), "--workers", str(workers))
    return Supervisor(
        servers=servers,
        load=lambda: loaded.load(env) if COPIES else None,
        migration=_service("schema sync", env, "schema", "sync"),
        services=[
            _service("API", env, *api),
            _service("Celery beat", env, "beat", death_signal=signal.SIGKILL),
            # Its tasks are acknowledged late: what a killed worker was doing is done again.
            _service("Celery worker", env, "worker", death_signal=signal.SIGKILL),
        ],
        answers=lambda: _is_ready(host, port, "/readyz/ingest"),
        on_answer=publish,
        is_ready=lambda: _is_ready(host, port, "/readyz"),
        on_ready=lambda: say(f"ready {_url(host, port)}", sys.stdout),
        on_change=directory.publish_parts,
        logs=[*(server.log for server in servers), *([directory.log] if directory.is_logged_here() else [])],
    )


def _environment(directory: DataDirectory, database_url: str, broker_url: str) -> dict[str, str]:
    """That of the services."""
    urls = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
    places = {"RUNLOG_DATA_DIR": directory.path, METRICS_DIRECTORY: directory.new_metrics()}
    env = {**os.environ, **urls, **{name: str(path) for name, path in places.items()}}
    if not is_given("database_url"):
        env |= {environment_name(field): "" for field in BESIDE_DATABASE_URL}
    return env


def _service(
    name: str, env: dict[str, str], *arguments: str, death_signal: signal.Signals = signal.SIGTERM
) -> Service:
    # -P: a package `app` in the working directory is not ours.
    argv = [sys.executable, "-P", "-m", "app.cli.main", *arguments]
    main = loaded.main_of(*arguments) if COPIES else None
    return Service(name, argv, env=env, death_signal=death_signal, main=main)


def _choose_port(host: str, asked: int | None, timeout: float) -> int:
    port = asked or DEFAULT_PORT
    try:
        if becomes_free(port, host, timeout=timeout):
            return port
        if asked:
            raise RunLogError(f"port {port} of {host} is taken: choose another one with --port")
        while not is_free(port, host):
            port += 1
    except OSError as error:
        raise RunLogError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
    say(f"port {DEFAULT_PORT} is taken, so this is on port {port}")
    return port


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_ready(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
