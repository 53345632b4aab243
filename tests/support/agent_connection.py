"""An agent's connection to the API: little more than a socket, so that a load costs the machine little."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import urlsplit

# Sooner than the server hangs up on idle connections, so that neither is caught by the other doing so.
_KEPT_SECONDS = 2.0


class Answer(NamedTuple):
    """A response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AgentConnection:
    """Sends one request after the other to `url`, by HTTP/1.1; connects again where it has to.

    An answer may take `patience` seconds.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._address = urlsplit(url)
        self._patience = patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hang_up()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`, once. Raises `TimeoutError`, or another `OSError` or `EOFError` for no answer."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._post(path, body, headers)
        except BaseException:
            self._hang_up()
            raise

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        reader, writer = await self._connected()
        head = {"Host": self._address.netloc, "Content-Length": str(len(body)), **headers}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        found = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        answer = Answer(
            int(status.split()[1]), found, await reader.readexactly(int(found.get("content-length", 0)))
        )
        self._used = time.monotonic()
        if found.get("connection") == "close":
            self._hang_up()
        return answer

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams and (self._streams[0].at_eof() or time.monotonic() - self._used > _KEPT_SECONDS):
            self._hang_up()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address.hostname, self._address.port)
        return self._streams

    def _hang_up(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None
