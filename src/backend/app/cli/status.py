"""`runlog status`: how `runlog up` on this machine is doing, part by part."""

import asyncio
import http.client
import json
import os
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import redis
import typer
from rich.table import Table

from app.cli.output import console, print_json_lines
from app.cli.sizes import in_bytes
from app.db.engine import libpq_url
from app.embedded.data_dir import DataDirectory
from app.embedded.parts import Part, Published, read_parts
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.environment import one_data_dir, read_runtime
from app.kit.text import ago, printable

_TIMEOUT = 5.0  # seconds for each question
_RUNNING, _RESTARTING, _EXTERNAL = "running", "restarting", "external"


@dataclass(frozen=True)
class PartStatus:
    """A part as people see it; one that was not started by `runlog up` is `external`."""

    name: str
    state: str
    pid: int | None = None
    since: datetime | None = None
    starts: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class UpStatus:
    """`state` is `ready`, `not ready` with its `reasons`, `starting` or `stopped`; sizes are in bytes."""

    state: str
    data_dir: str
    data_bytes: int
    database_bytes: int | None = None
    pid: int | None = None
    since: datetime | None = None
    version: str | None = None
    url: str | None = None
    log: str | None = None
    reasons: list[str] = field(default_factory=list)
    parts: list[PartStatus] = field(default_factory=list)


def status(data_dir: Path | None, as_json: bool) -> None:
    """Print how it is doing; raises `typer.Exit` unless it is ready."""
    directory = DataDirectory(one_data_dir(data_dir))
    pid = directory.holder()
    found = (
        _status(directory, pid) if pid else UpStatus("stopped", str(directory.path), _size(directory.path))
    )
    if as_json:
        print_json_lines([asdict(found)])
    else:
        _print(found)
    if found.state != "ready":
        raise typer.Exit(1)


def _status(directory: DataDirectory, pid: int) -> UpStatus:
    published = read_parts(directory.path)
    runtime = read_runtime(directory.path)
    state, reasons = _readiness(runtime["url"]) if runtime else ("starting", [])
    database = _Database()
    parts: list[PartStatus] = []
    if published:
        if runtime:
            database = asyncio.run(_ask_database(runtime["database_url"]))
        parts = _parts(published, runtime, database)
    return UpStatus(
        state,
        str(directory.path),
        _size(directory.path),
        database.bytes,
        pid,
        _moment(published.since) if published else None,
        published.version if published else None,
        runtime.get("url"),
        published.log if published else None,
        reasons,
        parts,
    )


def _readiness(url: str) -> tuple[str, list[str]]:
    """What `/readyz` says: the state, and the reasons where it is not ready."""
    split = urlsplit(url)
    connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        return ("ready" if answer.status == http.HTTPStatus.OK else "not ready", list(body["reasons"]))
    except (OSError, http.client.HTTPException) as error:
        return "not ready", [f"API: no answer from {url} ({error or type(error).__name__})"]
    except (ValueError, LookupError, TypeError):
        return "not ready", [f"API: {url} does not answer as ours"]
    finally:
        connection.close()


def _parts(published: Published, runtime: dict[str, str], database: "_Database") -> list[PartStatus]:
    found = []
    started = {part.name: part for part in published.parts}
    versions = {Postgres.name: database.version}
    if runtime:
        versions[Valkey.name] = _broker_version(runtime["celery_broker_url"])
        for name, key in ((Postgres.name, "database_url"), (Valkey.name, "celery_broker_url")):
            if name not in started:
                found.append(
                    PartStatus(_external_name(name, runtime[key]), _EXTERNAL, version=versions[name])
                )
    return found + [_part(part, versions.get(part.name, published.version)) for part in published.parts]


def _part(part: Part, version: str | None) -> PartStatus:
    state = _RUNNING if part.running else _RESTARTING
    return PartStatus(part.name, state, part.pid, _moment(part.since), part.starts, version)


def _external_name(name: str, url: str) -> str:
    """The kind of server, by its URL, and where it is."""
    split = urlsplit(url)
    kind = (
        name
        if name == Postgres.name
        else {"amqp": "RabbitMQ", "amqps": "RabbitMQ"}.get(split.scheme, "Redis")
    )
    return f"{kind} at {split.netloc.rpartition('@')[2] or 'a socket'}"


@dataclass(frozen=True)
class _Database:
    version: str | None = None
    bytes: int | None = None


async def _ask_database(url: str) -> _Database:
    """Nothing where it does not answer: `/readyz` says so."""
    try:
        connection = await asyncpg.connect(libpq_url(url), timeout=_TIMEOUT, command_timeout=_TIMEOUT)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError):
        return _Database()
    try:
        row = await connection.fetchrow(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        )
        return _Database(str(row[0]).partition(" ")[0], int(row[1]))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return _Database()
    finally:
        connection.terminate()


def _broker_version(url: str) -> str | None:
    """Of Valkey or Redis; None of another broker, or where it does not answer."""
    if not re.match("rediss?://", url):
        return None
    try:
        with redis.Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT) as client:
            facts = client.info("server")
    except (redis.RedisError, OSError, ValueError):
        return None
    return str(facts.get("valkey_version") or facts.get("redis_version"))


def _size(directory: Path) -> int:
    """Bytes that the files of a directory take on the disk."""
    total = 0
    for path, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512  # noqa: PTH118  # thousands of files
            except OSError:
                continue  # it is gone meanwhile
    return total


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _print(found: UpStatus) -> None:
    if found.state == "stopped":
        typer.echo(f"no `runlog up` is running on {printable(found.data_dir)}")
        typer.echo(f"data: {in_bytes(found.data_bytes)}")
        return
    typer.echo(f"{found.state} {found.url or ''}".strip())
    for reason in found.reasons:
        typer.echo(f"  {printable(reason)}")
    if found.since:
        since = f"since {found.since:%Y-%m-%d %H:%M:%SZ}, {ago(found.since, datetime.now(UTC))}"
        typer.echo(f"runlog {found.version} {since} (process {found.pid})")
    typer.echo()
    console().print(_table(found.parts))
    typer.echo()
    database = f", of it the database {in_bytes(found.database_bytes)}" if found.database_bytes else ""
    typer.echo(f"data: {in_bytes(found.data_bytes)}{database}, in {printable(found.data_dir)}")
    if found.log:
        typer.echo(f"log:  {printable(found.log)}")


def _table(parts: list[PartStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("part", "state", "since", "version", "process", "starts"):
        table.add_column(name, justify="right" if name in ("process", "starts") else "left", overflow="fold")
    for part in parts:
        since = f"{part.since:%Y-%m-%d %H:%M:%SZ}" if part.since else ""
        numbers = ("" if number is None else str(number) for number in (part.pid, part.starts))
        table.add_row(printable(part.name), part.state, since, part.version or "", *numbers)
    return table
