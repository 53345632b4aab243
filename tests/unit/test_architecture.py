"""What import contracts cannot say of the rooms."""

import ast
from pathlib import Path

import pytest

import agent_run_log
import app

APP = Path(app.__file__).parent
CLIENT = Path(agent_run_log.__file__).parent
CAPABILITIES = ("agents", "alerts", "audit", "dashboard", "intake", "proof", "quality", "scoring")
TRANSACTION = {"commit", "rollback", "begin", "begin_nested"}
LONGEST = 400


def modules(*rooms: str) -> list[Path]:
    """The modules of these rooms, or of all of them."""
    return [path for room in rooms or ("",) for path in sorted((APP / room).rglob("*.py"))]


@pytest.mark.parametrize("room", CAPABILITIES)
def test_a_capability_never_ends_a_transaction(room: str) -> None:
    calls = [
        f"{path.relative_to(APP)}:{node.lineno}"
        for path in modules(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TRANSACTION
        and "session" in ast.unparse(node.func.value)
    ]
    assert calls == []


def test_every_module_says_what_it_is_for_and_is_short() -> None:
    paths = [*modules(), *sorted(CLIENT.rglob("*.py"))]
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    unnamed = [path for path, text in texts.items() if text and not ast.get_docstring(ast.parse(text))]
    long = [path for path, text in texts.items() if text.count("\n") > LONGEST]
    assert (unnamed, long) == ([], [])
