"""One connection to one of several servers: each host has a time-out of its own.

asyncpg tries the hosts of a URL within one time-out, so that a host that accepts connections and never
answers (a frozen server, a hanging disk) would keep every client from the others.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.exceptions import TargetServerAttributeNotMatched

from app.db.login_guard import guard_logins

guard_logins()

_NEXT_HOST = (
    OSError,  # TimeoutError is one
    asyncpg.CannotConnectNowError,  # it starts, stops or recovers
    asyncpg.PostgresConnectionError,  # it ended meanwhile
    TargetServerAttributeNotMatched,
)
# One server at most takes writes, so the one that did is asked first. Else the URL's order counts.
_WRITABLE = frozenset(("read-write", "primary"))


def single_host_urls(url: str) -> list[str]:
    """`url` (as of `libpq_url`) once for each of its hosts, with only that host in it.

    A URL that names one host, or none, is returned as it is. Raises `ValueError` for as many ports as do not
    fit the hosts.
    """
    base, _, query = url.partition("?")
    scheme, _, rest = base.partition("://")
    netloc, slash, path = rest.partition("/")
    login, at, hosts = netloc.rpartition("@")
    if hosts:
        tail = slash + path + ("?" + query if query else "")
        return [f"{scheme}://{login}{at}{host}{tail}" for host in hosts.split(",")]
    options = dict(parse_qsl(query, keep_blank_values=True))
    names = options.get("host", "").split(",")
    if len(names) == 1:
        return [url]
    ports = options["port"].split(",") if options.get("port") else [""]
    if len(ports) not in {1, len(names)}:
        raise ValueError(f"{len(names)} hosts and {len(ports)} ports")
    ports = ports * len(names) if len(ports) == 1 else ports
    urls = []
    for name, port in zip(names, ports, strict=True):
        own = options | {"host": name} | ({"port": port} if port else {})
        urls.append(f"{base}?{urlencode(own)}")
    return urls


class Hosts:
    """The servers of `url` (as of `libpq_url`), each of which is given `timeout` seconds to answer.

    `urls` has one of each, in the order in which they are asked. Raises `ValueError` where the URL cannot be
    read.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._timeout = timeout
        self.urls = single_host_urls(url)
        options = dict(parse_qsl(url.partition("?")[2]))
        self._target = options.get("target_session_attrs")
        self._connections: WeakKeyDictionary[asyncpg.Connection, str] = WeakKeyDictionary()

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """`asyncpg.connect` to the first host that answers and is what `target_session_attrs` asks for.

        Raises asyncpg's errors and `OSError`: of several hosts a `ConnectionError` that says of each what is
        wrong. A server that refuses the login, the database or the options ends the search.
        """
        if len(self.urls) == 1:
            return await self._connect_to(self.urls[0], options)
        if self._target != "prefer-standby":
            return await self._connect_to_one(options)
        try:
            return await self._connect_to_one({**options, "target_session_attrs": "standby"})
        except ConnectionError:
            return await self._connect_to_one({**options, "target_session_attrs": "any"})

    async def _connect_to_one(self, options: dict[str, Any]) -> asyncpg.Connection:
        failures = []
        for url in list(self.urls):
            try:
                return await self._connect_to(url, options)
            except _NEXT_HOST as error:
                failures.append(f"{_host_of(url)}: {_reason(error, self._timeout)}")
                self._ask_later(url)
            except BaseException:  # also when cancelled: the next attempt must not wait for the same host
                self._ask_later(url)
                raise
        raise ConnectionError("; ".join(failures))

    async def _connect_to(self, url: str, options: dict[str, Any]) -> asyncpg.Connection:
        connection = await asyncpg.connect(url, timeout=self._timeout, **options)
        self._connections[connection] = url
        return connection

    def note_lost(self, connection: asyncpg.Connection) -> None:
        """The connection was lost, or hung: its server may be one that accepts logins and commits nothing."""
        if url := self._connections.get(connection):
            self._ask_later(url)

    def _ask_later(self, url: str) -> None:
        """Ask the other hosts first from now on, unless another attempt has seen to it."""
        if self._target in _WRITABLE and self.urls[0] == url:
            self.urls.append(self.urls.pop(0))


def _host_of(url: str) -> str:
    netloc = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return netloc or str(dict(parse_qsl(url.partition("?")[2])).get("host"))


def _reason(error: BaseException, timeout: float) -> str:
    if isinstance(error, TargetServerAttributeNotMatched):
        return "does not match target_session_attrs"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    return str(error) or type(error).__name__
