"""JSON and text as PostgreSQL can hold them, for validation and for the OpenAPI document."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from app.kit import strict_json
from app.kit.invisible import require_visible

STORABLE = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\x00\s][^\x00]*$"
STORABLE_JSON = "StorableJson"

# Stands for the reference until the document is whole: pydantic resolves references itself, and
# knows no component of this name.
_PLACEHOLDER = {"title": STORABLE_JSON}
_object = {
    "type": "object",
    "propertyNames": {"pattern": STORABLE},
    "additionalProperties": _PLACEHOLDER,
}
_json = {
    "description": "Any JSON without the character U+0000, nested at most 100 levels deep.",
    "anyOf": [
        {"type": "string", "pattern": STORABLE},
        {"type": ["number", "boolean", "null"]},
        {"type": "array", "items": _PLACEHOLDER},
        _object,
    ],
}


def _number(value: object) -> object:
    # pydantic would take "5" and true for numbers.
    if isinstance(value, str | bool):
        raise ValueError("not a number")  # noqa: TRY004  # the one error pydantic reports
    return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=NOT_BLANK),
    AfterValidator(require_visible),
]
"""A name or an id: 1 to 255 characters after trimming, at least one of which can be seen."""
Count = Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(_number)]


def _check(value: dict[str, Any]) -> dict[str, Any]:
    strict_json.check_text(value)
    return value


StorableObject = Annotated[dict[str, Any], AfterValidator(_check), WithJsonSchema(_object)]


def document_storable_json(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI `document` in which every `StorableObject` refers to one recursive component."""
    schemas = document.get("components", {}).get("schemas", {})
    components = {**document.get("components", {}), "schemas": {**schemas, STORABLE_JSON: _json}}
    linked: dict[str, Any] = _link({**document, "components": components})
    return linked


def _link(node: Any) -> Any:
    if node == _PLACEHOLDER:
        return {"$ref": f"#/components/schemas/{STORABLE_JSON}"}
    if isinstance(node, dict):
        return {key: _link(value) for key, value in node.items()}
    return [_link(item) for item in node] if isinstance(node, list) else node
