"""A TCP proxy, to break connections the way networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes on both ways until it is told to cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._clients: set[asyncio.StreamWriter] = set()
        self._upstreams: list[asyncio.StreamWriter] = []
        self.port = 0

    def cut(self) -> None:
        """Drop every client's connection. The server is not told: its side stays open."""
        for client in self._clients:
            client.transport.abort()

    async def serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One client's connection."""
        reader, upstream = await asyncio.open_connection(*self._target)
        self._clients.add(client)
        self._upstreams.append(upstream)
        await asyncio.gather(_pass_on(reader, client, close=True), _pass_on(client_reader, upstream))
        self._clients.discard(client)

    def close(self) -> None:
        """Close what is still open to the server."""
        for upstream in self._upstreams:
            upstream.close()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, close: bool = False
) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
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
        proxy.cut()
        proxy.close()
        server.close()
