"""The end of a command's output, in bounded memory, and what of it is worth keeping as text."""

import re

# Bytes of each stream that are kept: with the escapes that go, the last screen or two.
_TAIL_BYTES = 8000
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
        self._both = _Tail()
        self._stderr = _Tail()

    def add(self, chunk: bytes, *, is_stderr: bool) -> None:
        """Take in what was just read."""
        self._both.add(chunk)
        if is_stderr:
            self._stderr.add(chunk)

    def text(self) -> str:
        """The end of the output as plain text, without surrounding blanks."""
        return "\n".join(self._both.lines())[-_TEXT_LENGTH:].strip()

    def last_line(self) -> str:
        """Its last line that is not blank."""
        return self.text().rpartition("\n")[2]

    def error_line(self) -> str:
        """The exception of the last Python traceback on stderr, else the last line.

        Python writes what was left in stdout's buffer after the traceback.
        """
        lines = self._stderr.lines()
        if _TRACEBACK in lines:
            start = len(lines) - lines[::-1].index(_TRACEBACK)
            for line in lines[start:]:
                if line and not line[0].isspace():
                    return line[:_TEXT_LENGTH]
        return self.last_line()


class _Tail:
    """The last bytes of a stream."""

    def __init__(self) -> None:
        self._bytes = b""
        self._is_cut = False

    def add(self, chunk: bytes) -> None:
        """Append `chunk`, and drop what is too much."""
        whole = self._bytes + chunk
        self._is_cut = self._is_cut or len(whole) > _TAIL_BYTES
        self._bytes = whole[-_TAIL_BYTES:]

    def lines(self) -> list[str]:
        """Its lines as plain text."""
        lines = _lines(self._bytes)
        # The beginning of the first is lost, and with it perhaps that of an escape.
        return lines[1:] if self._is_cut and len(lines) > 1 else lines


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
