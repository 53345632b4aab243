"""What a person sent by a form or an address, what is wrong with it, and where they go afterwards."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response
from pydantic import ValidationError

MOST_FIELDS = 50
"""Of a form; those of our pages have a dozen."""

Place = TypeVar("Place")

_TOO_LONG = "string_too_long"
_MISSING = frozenset({"missing", "string_too_short", "string_pattern_mismatch"})


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form, stripped, without those that were left empty; of a repeated one the last.

    A body that is no form has no fields.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: value.strip() for name, value in pairs if value.strip()}


def field_errors(error: ValidationError, *, of_whole: str = "") -> dict[str, str]:
    """What is wrong with each field, in words that follow its label; with the form itself, at `of_whole`."""
    return {
        str((*each["loc"], of_whole)[0]): _in_words(each["type"], each.get("ctx", {}), each["msg"])
        for each in error.errors()
    }


def _in_words(kind: str, context: Mapping[str, object], message: str) -> str:
    if kind in _MISSING:
        return "is needed"
    if kind == _TOO_LONG:
        return f"has more than {context['max_length']} characters"
    return message.removeprefix("Value error, ")


def address(path: str, fragment: str = "", **parameters: object) -> str:
    """`path` with those parameters that are not empty, as a link."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def place_in(decode: Callable[[str], Place], cursor: str | None) -> Place | None:
    """The place that an address names; an address that was cut or made up shows the first page."""
    try:
        return decode(cursor) if cursor else None
    except ValueError:
        return None


def see_other(location: str) -> Response:
    """The answer to a change: the browser shows `location`, and loading that again repeats nothing."""
    return Response(status_code=303, headers={"Location": location, "Cache-Control": "no-store"})
