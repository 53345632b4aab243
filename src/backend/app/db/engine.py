"""How to reach PostgreSQL: from a URL in any common form to an engine."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from time import monotonic
from types import MappingProxyType
from typing import Any

import asyncpg
from asyncpg.exceptions import TargetServerAttributeNotMatched
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.db.hosts import Hosts
from app.errors import ConfigError
from app.kit.strict_json import dumps_exactly

CONNECT_TIMEOUT = 3.0  # seconds for each host, below those that a statement may take
CLOSE_TIMEOUT = (
    1.0  # seconds for a server to take leave; a process that ends does not wait for one that hangs
)
UNUSED_SECONDS = 1.0
"""After which a pooled connection is tried first. Under load few are tried, and after a fail-over each of
those that were in use gives an error."""

# What a pooler takes in the start-up packet, too, and keeps for each client (PgBouncer's documentation,
# "ignore_startup_parameters"). It refuses a connection that asks for any other setting.
_SESSION = {"application_name": "agent-run-log", "timezone": "UTC"}
_TRANSACTION = {
    # A client that vanished in a transaction must not keep its agents' rows locked.
    "idle_in_transaction_session_timeout": "60s",
    # Compiling takes longer than any of our statements runs, whose cost estimates are too high.
    "jit": "off",
}
# Options of libpq and of SQLAlchemy that asyncpg would send to the server as settings.
_FOREIGN_OPTIONS = re.compile(
    r"connect_timeout|channel_binding|gss\w+|keepalives\w*|tcp_user_timeout|sslcompression|sslsni|load_balance_hosts"
    r"|require_auth|client_encoding|fallback_application_name|prepared_statement_\w+|async_fallback"
)
_SCHEME = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")
_SEVERAL_HOSTS = re.compile(r"//(?:[^/?]*@)?[^/?@]*,[^/?@]*(?:[/?]|$)|[?&]host=[^&]*(?:,|%2C)", re.IGNORECASE)
_INT_DIGITS = 4300  # Python's default limit for converting text to int


def libpq_url(url: str, target: str = "read-write") -> str:
    """`url` without a SQLAlchemy driver suffix and without options that asyncpg does not know.

    Of several hosts one that is what `target` says (`target_session_attrs`) is asked for, by default the one
    that takes writes, unless the URL says otherwise.

    Raises `ConfigError` when it is no PostgreSQL URL.
    """
    if not _SCHEME.match(url):
        raise ConfigError("DATABASE_URL must start with postgresql://")
    base, _, query = _SCHEME.sub("postgresql://", url).partition("?")
    options = [
        option for option in query.split("&") if not _FOREIGN_OPTIONS.fullmatch(option.partition("=")[0])
    ]
    if _SEVERAL_HOSTS.search(url) and "target_session_attrs=" not in query:
        options.append(f"target_session_attrs={target}")  # after a fail-over only one of them takes runs
    known = "&".join(re.sub(r"^ssl=", "sslmode=", option) for option in options if option)
    return f"{base}?{known}" if known else base


def create_engine(
    url: str,
    *,
    pool_size: int,
    timeout: float,
    pre_ping: bool = True,
    limits: Mapping[str, str] = MappingProxyType({}),
    target: str = "read-write",
) -> AsyncEngine:
    """An engine for `url`; every statement is cancelled after `timeout` seconds.

    A pooled connection that was not used for `UNUSED_SECONDS` is tried before it is used, and replaced if it
    is lost; without `pre_ping` none is, and the caller tries again. `limits` holds settings of PostgreSQL for
    each of its transactions, `target` is as of `libpq_url`.

    asyncpg itself reads the URL, so `target_session_attrs` and unix sockets work. Each of several hosts has
    `CONNECT_TIMEOUT` seconds to answer. Errors of statements come without parameters and PostgreSQL's detail,
    so that no row gets into a log. Raises `ConfigError` for a URL that cannot be read.
    """
    try:
        hosts = Hosts(libpq_url(url, target), timeout=CONNECT_TIMEOUT)
    except ValueError as error:
        raise ConfigError(f"DATABASE_URL: {error}") from error
    connection_class = _connection_class({**_TRANSACTION, **limits})
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: _connect(hosts, command_timeout=timeout, connection_class=connection_class),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=timeout,
        json_serializer=dumps_exactly,
        json_deserializer=loads_any_depth,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "handle_error", _leave_out_detail)
    if pre_ping:
        event.listen(engine.sync_engine, "connect", _note_use)
        event.listen(engine.sync_engine, "checkin", _note_use)
        event.listen(engine.sync_engine, "checkout", _ping)

    @event.listens_for(engine.sync_engine, "invalidate")
    def note_lost(connection: Any, *_: object) -> None:
        hosts.note_lost(connection.driver_connection)

    return engine


def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = monotonic()


def _ping(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Try a connection. Raises `InvalidatePoolError` for a lost one: then older ones are lost, too.

    By a statement of no transaction, which takes one round trip, through a pooler as well.
    SQLAlchemy's own `pool_pre_ping` takes three, of which one sets all the limits of a transaction.
    """
    if monotonic() - record.info["used_at"] < UNUSED_SECONDS:
        return
    try:
        connection.run_async(lambda driver: driver.execute("SELECT"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise InvalidatePoolError(str(error)) from error


async def _connect(hosts: Hosts, **options: Any) -> asyncpg.Connection:
    try:
        return await hosts.connect(server_settings=_SESSION, **options)
    except ValueError as error:
        raise ConfigError(f"DATABASE_URL: {error}") from error
    except (TargetServerAttributeNotMatched, asyncpg.ProtocolViolationError) as error:
        raise ConnectionError(str(error)) from error


def _connection_class(settings: Mapping[str, str]) -> type[asyncpg.Connection]:
    """A connection each of whose transactions has `settings`.

    A session's own would be lost, or another client's, where a pooler gives each transaction any of its
    sessions. They go with the BEGIN that asyncpg sends, and so take no further round trip.
    """
    local = "".join(f" SET LOCAL {name} = '{value}';" for name, value in settings.items())

    class Connection(asyncpg.Connection):  # type: ignore[misc]  # it has no types
        async def execute(self, query: str, *args: Any, **options: Any) -> str:
            beginning = not args and query.startswith("BEGIN")
            status: str = await super().execute(query + local if beginning else query, *args, **options)
            return status

        async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's own
            with suppress(TimeoutError):  # then asyncpg has dropped it
                await super().close(timeout=timeout or CLOSE_TIMEOUT)

    return Connection


def leave_out_detail(error: asyncpg.PostgresError) -> str:
    """Take PostgreSQL's detail, which may repeat a row, off `error`; returns it as `str(error)` had it.

    What is logged or shown of the error then is its message and hint. The detail of a unique index stays: it
    names the key that is there twice, which is no part of a report.
    """
    if isinstance(error, asyncpg.UniqueViolationError):
        return ""
    shown, error.detail = f"\nDETAIL:  {error.detail}" if error.detail else "", None
    return shown


def _leave_out_detail(context: ExceptionContext) -> None:
    cause = context.original_exception.__cause__
    if not isinstance(cause, asyncpg.PostgresError) or not (shown := leave_out_detail(cause)):
        return
    for wrapping in filter(None, (context.original_exception, context.sqlalchemy_exception)):
        wrapping.args = tuple(str(part).replace(shown, "") for part in wrapping.args)


def loads_exactly(text: str) -> Any:
    """`json.loads` for numbers of any size: what int or float cannot hold becomes a Decimal."""
    return _exactly.decode(text)


def loads_any_depth(text: str) -> Any:
    """`loads_exactly`; a document of another program that is too deep for Python stays text."""
    try:
        return loads_exactly(text)
    except RecursionError:
        return text


def _parse_int(text: str) -> int | Decimal:
    return int(text) if len(text) <= _INT_DIGITS else Decimal(text)


def _parse_float(text: str) -> float | Decimal:
    value = float(text)
    return value if value not in (float("inf"), float("-inf")) else Decimal(text)


_exactly = json.JSONDecoder(parse_int=_parse_int, parse_float=_parse_float)
