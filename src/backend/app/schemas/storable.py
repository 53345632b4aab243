"""JSON and text as PostgreSQL can hold them, for validation and for the OpenAPI document."""

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from app.domain import strict_json

STORABLE = r"^[^\x00]*$"
STORABLE_JSON = "StorableJson"

_reference = {"$ref": f"#/components/schemas/{STORABLE_JSON}"}
_object = {
    "type": "object",
    "propertyNames": {"pattern": STORABLE},
    "additionalProperties": _reference,
}
storable_json_schema: dict[str, Any] = {
    "description": "Any JSON without the character U+0000, nested at most 100 levels deep.",
    "anyOf": [
        {"type": "string", "pattern": STORABLE},
        {"type": ["number", "boolean", "null"]},
        {"type": "array", "items": _reference},
        _object,
    ],
}
"""The component that `StorableObject` refers to."""


def _check(value: dict[str, Any]) -> dict[str, Any]:
    strict_json.check_text(value)
    return value


StorableObject = Annotated[dict[str, Any], AfterValidator(_check), WithJsonSchema(_object)]
