"""The end of a command's output, in bounded memory, and what of it is worth keeping as text."""

import re
from collections import deque

# Bytes of each stream that are kept: with the escapes that go, the last screen or two.
_TAIL_BYTES = 8000
PRINTED_BYTES = 128 * 1024
"""Bytes of stdout that are searched for JSON: an eighth of what a server takes, 10 MB as numbers."""
# Bytes of its beginning, where agents say which conversation this is.
_HEAD_BYTES = 4096
# Bytes of a block of a tail: what is read of a pipe at once.
_BLOCK_BYTES = 65536
# Characters of a report's text.
_TEXT_LENGTH = 2000

# ECMA-48: control sequences (CSI), control strings (OSC, DCS, SOS, PM, APC) to their terminator or to the end
# of their line, and the other escapes; each is begun by ESC or by one C1 character.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_OVERSTRUCK = re.compile(r"[^\n\x08]\x08")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TRACEBACK = "Traceback (most recent call last):"


class CommandOutput:
    """What a command wrote to either stream; of each, and of both as they came, the end is kept."""

    def __init__(self) -> None:
        self._both = _Tail(_TAIL_BYTES)
        self._stderr = _Tail(_TAIL_BYTES)
        self._stdout = _Tail(PRINTED_BYTES)
        self._head = b""

    def add(self, chunk: bytes, *, is_stderr: bool) -> None:
        """Take in what was just read."""
        self._both.add(chunk)
        if is_stderr:
            self._stderr.add(chunk)
            return
        self._stdout.add(chunk)
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[: _HEAD_BYTES - len(self._head)]

    def text(self, *, without: bytes = b"") -> str:
        """The end of the output as plain text, without surrounding blanks, and `without` a part of stdout.

        Where that part is not all within what is kept, it is the end of stderr alone.
        """
        if not without:
            return _ending(self._both.lines())
        before, found, after = self._both.kept().rpartition(without)
        rest = [*self._both.whole_lines(before), *_lines(after)]
        return _ending([line for line in rest if line]) if found else self.error_text()

    def error_text(self) -> str:
        """The end of stderr as plain text, without surrounding blanks."""
        return _ending(self._stderr.lines())

    def exception_line(self) -> str:
        """The exception of the last Python traceback on stderr; empty where there is none.

        Python writes what was left in stdout's buffer after the traceback.
        """
        lines = self._stderr.lines()
        if _TRACEBACK not in lines:
            return ""
        start = len(lines) - lines[::-1].index(_TRACEBACK)
        return next((line[:_TEXT_LENGTH] for line in lines[start:] if line and not line[0].isspace()), "")

    def stdout_lines(self) -> list[bytes]:
        """The last lines of stdout as they were written, each of them whole."""
        lines = self._stdout.kept().split(b"\n")
        return lines[1:] if self._stdout.is_cut else lines

    def ends_with_long_object(self) -> bool:
        """Whether stdout ends with what may be a JSON object, on one line of which the beginning is lost."""
        kept = self._stdout.kept().rstrip()
        return self._stdout.is_cut and kept.endswith(b"}") and b"\n" not in kept

    def first_lines(self) -> list[bytes]:
        """The first lines of stdout; the last of them may be cut."""
        return self._head.split(b"\n")


class _Tail:
    """The last bytes of a stream, at most so many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._blocks: deque[bytearray] = deque([bytearray()])
        self._size = 0
        self.is_cut = False

    def add(self, chunk: bytes) -> None:
        """Append `chunk`, and drop what is too much."""
        if len(self._blocks[-1]) + len(chunk) > _BLOCK_BYTES:
            self._blocks.append(bytearray())
        self._blocks[-1] += chunk
        self._size += len(chunk)
        self.is_cut = self.is_cut or self._size > self._limit
        while self._size - len(self._blocks[0]) >= self._limit:
            self._size -= len(self._blocks.popleft())

    def kept(self) -> bytes:
        """Its bytes."""
        return b"".join(self._blocks)[-self._limit :]

    def lines(self) -> list[str]:
        """Its lines as plain text."""
        return self.whole_lines(self.kept())

    def whole_lines(self, kept: bytes) -> list[str]:
        """The lines of `kept`, which begins as what is kept does, as plain text."""
        lines = _lines(kept)
        # The beginning of the first is lost, and with it perhaps that of an escape; it may be all there is.
        return lines[1:] if self.is_cut and any(lines[1:]) else lines


def last_line(text: str) -> str:
    """The last line of a text that `CommandOutput` returned."""
    return text.rpartition("\n")[2]


def _ending(lines: list[str]) -> str:
    return "\n".join(lines).strip()[-_TEXT_LENGTH:].lstrip()


def plain(output: bytes) -> str:
    """`output` as text that PostgreSQL can keep: as a terminal shows it, without escapes and controls."""
    return "\n".join(_lines(output)).strip()


def _lines(output: bytes) -> list[str]:
    """The lines of `output`; of one that a progress bar wrote again and again, what it showed last."""
    text = _ESCAPES.sub("", output.decode(errors="replace").replace("\r\n", "\n"))
    while _OVERSTRUCK.search(text):
        text = _OVERSTRUCK.sub("", text)
    return [_last_shown(line) for line in text.split("\n")]


def _last_shown(line: str) -> str:
    shown = [part for part in line.split("\r") if part.strip()]
    return _CONTROLS.sub("", shown[-1]).rstrip() if shown else ""
