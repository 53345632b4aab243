"""A TCP proxy, to break connections the way networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on both ways until it is asked to cut, to stall or to go away."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._clients: set[asyncio.StreamWriter] = set()
        self._upstreams: list[asyncio.StreamWriter] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._away = False
        self.port = 0

    def cut(self) -> None:
        """Drop every client's connection. The server does not learn of it: its side stays open."""
        for client in self._clients:
            client.transport.abort()

    def cut_both(self) -> None:
        """Drop every connection, and tell both sides."""
        self.cut()
        self.close()

    def stall(self) -> None:
        """Go on accepting connections and bytes, but pass nothing on until `resume`."""
        self._flowing.clear()

    def resume(self) -> None:
        """Pass on again, what was kept back first."""
        self._flowing.set()

    def go_away(self) -> None:
        """Drop every client's connection and take no other until `come_back`."""
        self._away = True
        self.cut()

    def come_back(self) -> None:
        """Take connections again."""
        self._away = False

    async def serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One client's connection."""
        if self._away:
            client.close()
            return
        try:
            reader, upstream = await asyncio.open_connection(*self._target)
        except OSError:
            client.close()
            return
        self._clients.add(client)
        self._upstreams.append(upstream)
        await asyncio.gather(
            self._pass_on(reader, client, close=True), self._pass_on(client_reader, upstream)
        )
        self._clients.discard(client)

    def close(self) -> None:
        """Close what is still open to the server."""
        for upstream in self._upstreams:
            upstream.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, close: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        if close:
            writer.close()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free local port."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.resume()
        proxy.cut_both()
        server.close()


@asynccontextmanager
async def proxied(database: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy to the database's server and the database's URL through it."""
    parts = urlsplit(database)
    async with proxy_to(parts.hostname or "", parts.port or 5432) as proxy:
        login = parts.netloc.rpartition("@")[0]
        yield proxy, parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}").geturl()
