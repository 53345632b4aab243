"""Rows that the database refuses by what is in them, found among others."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from app.db.problems import is_refusal

Item = TypeVar("Item")
Result = TypeVar("Result")


async def try_apart(
    items: Sequence[Item], attempt: Callable[[Sequence[Item]], Awaitable[Result]]
) -> AsyncIterator[tuple[Sequence[Item], Result | DBAPIError]]:
    """`attempt` the items, halved where the database refuses them, until a refused one stands alone.

    Yields each part in order, with what its attempt gave; of an item that stands alone, with the error that
    refused it. `attempt` undoes what it did when it raises; other errors it raises are passed on.
    """
    result: Result | DBAPIError
    try:
        result = await attempt(items)
    except DBAPIError as error:
        if not is_refusal(error):
            raise
        result = error
    if not isinstance(result, DBAPIError) or len(items) == 1:
        yield items, result
        return
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        async for part in try_apart(half, attempt):
            yield part
