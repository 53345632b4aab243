"""Names for other names, as a setting has them: `main=sage,ops=nova`."""

from app.kit.invisible import is_visible

_MOST = 255  # characters of a name, as an agent's id has


def name_pairs(text: str) -> dict[str, str]:
    """The name that each name stands for. Raises `ValueError` with what is wrong."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, meant = (part.strip() for part in pair.partition("="))
        if not (equals and _is_name(name) and _is_name(meant)):
            raise ValueError("must be pairs of names such as main=sage,ops=nova")
        found[name] = meant
    return found


def _is_name(text: str) -> bool:
    return is_visible(text) and len(text) <= _MOST
