"""JSON on lines of its own, found from the end of what a command printed."""

import pytest

from app.cli.printed_json import is_json, printed_backward


def found(text: str) -> list[str]:
    """What is found in `text`, the last one first."""
    return [each.decode() for each in printed_backward(text.encode().split(b"\n"))]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}', ['{"a": 1}']),
        ('log\n{"a": 1}\nlog\n  {"b": 2}  \r\nlog\n', ['{"b": 2}', '{"a": 1}']),
        (
            '{\n  "a": [\n    {\n      "b": 1\n    }\n  ]\n}\n',
            ['{\n  "a": [\n    {\n      "b": 1\n    }\n  ]\n}'],
        ),
        ('[\n  {"a": 1}\n]', ['[\n  {"a": 1}\n]']),
        ('result: {"a": 1}', []),
        ('{"a": 1} done', []),
        ("}", []),
        ("{\n{\n", []),
        ("{\nnot indented\n}", []),
        ("", []),
    ],
)
def test_values_stand_on_whole_lines(text: str, values: list[str]) -> None:
    assert found(text) == values


def test_what_looks_like_json_is_bounded() -> None:
    assert len(found("{}\n" * 5000)) == 1000


def test_lines_that_hold_brackets_alone_are_gone_through_once() -> None:
    # Each of 100,000 ends would be looked for through all lines before it, if it were not.
    assert found("}\n" * 100_000) == []
    assert found("{\n" * 100_000) == []


def test_python_reads_more_than_a_server_takes() -> None:
    assert is_json(b'{"a": NaN}')
    assert not is_json(b"{nothing}")
    assert not is_json(b'{"a": ' + b"[" * 100_000)
