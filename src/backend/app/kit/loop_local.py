"""Resources that belong to one event loop, such as a pool of connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class LoopLocal(Generic[T]):
    """One `T` an event loop, made on first use, closed when the loop ends or by `close()`.

    This is what lets the same functions serve a web server, a Celery worker and an agent's own
    `asyncio.run(…)` without any of them setting something up first.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[T, asyncio.Task[None]]] = (
            WeakKeyDictionary()
        )

    def get(self) -> T:
        """The running loop's instance."""
        loop = asyncio.get_running_loop()
        found = self._keepers.get(loop)
        if found is None:
            instance = self._make()
            found = self._keepers[loop] = (instance, loop.create_task(self._keep(instance)))
        return found[0]

    async def close(self) -> None:
        """Close the running loop's instance, if there is one."""
        _, keeper = self._keepers.get(asyncio.get_running_loop(), (None, None))
        if keeper is not None:
            await asyncio.sleep(0)  # cancelled before it began, the keeper would close nothing
            keeper.cancel()
            await asyncio.wait([keeper])

    async def _keep(self, instance: T) -> None:
        # asyncio.run() cancels every task before it closes its loop: that is the moment to close.
        try:
            await asyncio.Event().wait()
        finally:
            self._keepers.pop(asyncio.get_running_loop(), None)
            await self._close(instance)
