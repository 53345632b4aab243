"""A command that goes on and prints what comes, such as `runlog tail`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.processes import RUNLOG


class Following:
    """What a command has written so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.out = ""
        self.err = ""
        self._process = process
        self._readers = [asyncio.create_task(self._read(name)) for name in ("out", "err")]

    async def until(self, text: str, times: int = 1) -> None:
        """Return when `text` was written to either stream, so many times."""
        while (self.out + self.err).count(text) < times:
            assert self._process.returncode is None, self.out + self.err
            await asyncio.sleep(0.05)

    async def _read(self, name: str) -> None:
        stream = self._process.stdout if name == "out" else self._process.stderr
        assert stream is not None
        while chunk := await stream.read(65536):
            setattr(self, name, getattr(self, name) + chunk.decode())


@asynccontextmanager
async def following(*arguments: str, **env: str) -> AsyncIterator[Following]:
    """`runlog ARGUMENTS` as a process, for two minutes at most, ended with the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *RUNLOG, *arguments, env={**os.environ, **env}, stdout=pipe, stderr=pipe
    )
    followed = Following(process)
    try:
        async with asyncio.timeout(120):
            yield followed
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await asyncio.gather(*followed._readers)
