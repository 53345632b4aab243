"""Help shows what can be typed as it stands, and leaves nothing out."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from app.cli.main import COMMANDS, make_app

EXAMPLE = re.compile(r"^    (runlog .*)$", re.MULTILINE)


def tree(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A command and all below it, with what is typed for each."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from tree(below, f"{name} {word}")


PARSER = get_command(make_app(list(COMMANDS)))
NAMES = [name for name, _ in tree(PARSER, "runlog")]


def help_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    PARSER.main([*name.split()[1:], "--help"], prog_name="runlog", standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_help_has_one_to_three_examples_and_each_is_valid(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = EXAMPLE.findall(help_of(name, capsys))
    assert 1 <= len(examples) <= 3
    for _, command in tree(PARSER, "runlog"):
        monkeypatch.setattr(command, "callback", lambda **_: None)
    for example in examples:
        assert example.startswith(name)
        # What is redirected is for the shell; a wrong word raises here.
        words = shlex.split(example.partition(" >")[0])
        PARSER.main(words[1:], prog_name="runlog", standalone_mode=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_list_of_commands_says_what_each_does_to_the_end(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "..." not in help_of(name, capsys).partition("Commands:")[2]
