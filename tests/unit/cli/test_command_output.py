"""What is kept of a command's output, and how it reads."""

import pytest

from app.cli.command_output import PRINTED_BYTES, CommandOutput, last_line, plain


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"plain\r\ntext\r\n", "plain\ntext"),
        (b"\x1b[1;31mred\x1b[0m and \x1b]0;title\x07more\x1b(B", "red and more"),
        (b"\xc2\x9b31mred\xc2\x9b0m \xc2\x9dtitle\xc2\x9cmore", "red more"),
        (b"\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b" 10%\r 50%\r100% done\r", "100% done"),
        (b"start\n|\x08/\x08-\x08done", "start\ndone"),
        (b"N\x08Na\x08ame", "Name"),
        (b"a\0b\x07c\x7fd", "abcd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"ends within \x1b[3", "ends within"),
        ("größe 😀".encode(), "größe 😀"),
    ],
)
def test_output_reads_as_on_a_terminal(output: bytes, text: str) -> None:
    assert plain(output) == text


def filled(*chunks: bytes, stderr: bytes = b"") -> CommandOutput:
    """The output of a command that wrote these chunks to stdout, and before them that to stderr."""
    output = CommandOutput()
    output.add(stderr, is_stderr=True)
    for chunk in chunks:
        output.add(chunk, is_stderr=False)
    return output


def test_the_last_line_is_the_last_that_is_not_blank() -> None:
    output = filled(b"first\nsec", b"ond\n \n\x1b[0m\n")
    assert output.text() == "first\nsecond"
    assert last_line(output.text()) == "second"


def test_endless_output_is_kept_in_bounded_memory() -> None:
    output = filled(*(b"%07d " % number for number in range(100_000)))
    assert output.text().endswith("0099998 0099999")
    assert len(output.text()) <= 2000
    assert len(output._both.kept()) == 8000
    assert output._stdout._size < PRINTED_BYTES + 2 * 65536
    assert sum(map(len, output._stdout._blocks)) == output._stdout._size


def test_a_line_whose_beginning_is_lost_is_left_out() -> None:
    output = filled(b"\x1b[1mcut" + b"x" * 7990 + b"\nwhole line\n")
    assert output.text() == "whole line"


def test_a_line_that_is_all_there_is_is_kept_though_its_beginning_is_lost() -> None:
    assert filled(b"x" * 9000 + b"\n").text() == "x" * 2000


def test_an_exception_is_found_before_what_stdout_still_held() -> None:
    traceback = b'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: boom\nmore\n'
    assert filled(b"started\n", stderr=traceback).exception_line() == "ValueError: boom"
    assert filled(b"started\n", stderr=b"warned\n").exception_line() == ""
    assert filled(b"", stderr=b"Traceback (most recent call last):\n").exception_line() == ""


def test_a_part_of_stdout_is_left_out() -> None:
    output = filled(b"before\n", b'{"a": 1}\n', b"after\n", stderr=b"warned\n")
    assert output.text(without=b'{"a": 1}') == "warned\nbefore\nafter"
    assert filled(b"x" * 9000, stderr=b"").text(without=b"x" * 9000) == ""
