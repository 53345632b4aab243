"""JSON on any terminal: nothing that steers it, nothing that it cannot show, nothing lost."""

import io
import json

import pytest

from app.cli.output import print_json


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_json_is_printable_and_loses_nothing(encoding: str) -> None:
    text = "a\x1b[2J\x9b31m\u202egnp.exe\u2066\u200f\u2028\ufeff größe 😀 \U000e0041 \x7f"
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_json(json.dumps({"summary": text}, ensure_ascii=False), stream)
    stream.flush()
    written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert written.strip().isprintable()
    assert json.loads(written) == {"summary": text}
    assert ("größe" in written) == (encoding == "utf-8")
