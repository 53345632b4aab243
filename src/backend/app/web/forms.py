"""What a person sent by a form of a page."""

from urllib.parse import parse_qsl

from fastapi import Request

MOST_FIELDS = 50
"""Of a form; those of our pages have a dozen."""


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
