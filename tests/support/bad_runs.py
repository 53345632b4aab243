"""Every kind of report that is refused, with a part of the place the error names."""

import gzip
import json

import pytest


def nested(levels: int) -> str:
    """`actions_taken` of so many levels."""
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def _run(actions: str = "{}", agent: str = '"sage"', status: str = '"success"') -> bytes:
    return f'{{"agent_id": {agent}, "status": {status}, "actions_taken": {actions}}}'.encode()


_BODIES = {
    "nothing": (b"", "body"),
    "white space": (b" \n", "body"),
    "a word": (b"hello", "body"),
    "half an object": (b'{"agent_id": "sage", "status": "succ', "body"),
    "two objects": (_run() + _run(), "body"),
    "trailing comma": (b'{"agent_id": "sage", "status": "success",}', "body"),
    "single quotes": (b"{'agent_id': 'sage', 'status': 'success'}", "body"),
    "a form": (b"agent_id=sage&status=success", "body"),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + _run(), "body"),
    "JSON in a string": (json.dumps(_run().decode()).encode(), "body"),
    "gzip without saying so": (gzip.compress(_run()), "body"),
    "UTF-16": (_run().decode().encode("utf-16"), "body"),
    "an array": (b"[]", "body"),
    "a string": (b'"sage"', "body"),
    "null": (b"null", "body"),
    "an empty object": (b"{}", "agent_id"),
    "a thousand brackets": (b"[" * 1000, "body"),
    "deep brackets": (b"[" * 500_000, "body"),
    "no agent_id": (b'{"status": "success"}', "agent_id"),
    "agent_id null": (_run(agent="null"), "agent_id"),
    "agent_id a number": (_run(agent="5"), "agent_id"),
    "agent_id a huge number": (_run(agent="5" * 5000), "agent_id"),
    "agent_id a list": (_run(agent='["sage"]'), "agent_id"),
    "agent_id empty": (_run(agent='""'), "agent_id"),
    "agent_id blank": (_run(agent='" \\t\\n\\u00a0"'), "agent_id"),
    "agent_id of zero width": (_run(agent='"\\u200b\\u2060\\ufeff"'), "agent_id"),
    "agent_id of marks of direction": (_run(agent='"\\u200e\\u202e\\u2066"'), "agent_id"),
    "agent_id of spaces of other kinds": (_run(agent='"\\u3000\\u2800\\u3164"'), "agent_id"),
    "agent_id of a control character": (_run(agent='"\\u0007"'), "agent_id"),
    "agent_id of 256 characters": (_run(agent=json.dumps("a" * 256)), "agent_id"),
    "agent_id with U+0000": (_run(agent='"sa\\u0000ge"'), "agent_id"),
    "agent_id with a lone surrogate": (_run(agent='"\\ud800"'), "agent_id"),
    "agent_id with invalid UTF-8": (b'{"agent_id": "\xff", "status": "success"}', "body"),
    "no status": (b'{"agent_id": "sage"}', "status"),
    "status null": (_run(status="null"), "status"),
    "status empty": (_run(status='""'), "status"),
    "status in capitals": (_run(status='"Success"'), "status"),
    "status with a space": (_run(status='"success "'), "status"),
    "status unknown": (_run(status='"completed"'), "status"),
    "status a number": (_run(status="1"), "status"),
    "actions JSON in a string": (_run(json.dumps('{"n": 1}')), "actions_taken"),
    "actions a list": (_run("[1, 2]"), "actions_taken"),
    "actions a string": (_run('"did things"'), "actions_taken"),
    "actions a number": (_run("1"), "actions_taken"),
    "U+0000 in a string": (_run('{"a": "x\\u0000y"}'), "actions_taken"),
    "U+0000 in a key": (_run('{"a\\u0000": 1}'), "actions_taken"),
    "U+0000 deep in a list": (_run('{"a": [[{"b": ["\\u0000"]}]]}'), "actions_taken"),
    "a raw U+0000": (_run('{"a": "\0"}'), "body"),
    "a raw line feed in a string": (_run('{"a": "\n"}'), "body"),
    "a lone high surrogate": (_run('{"a": "\\ud83d"}'), "actions_taken"),
    "a lone low surrogate": (_run('{"a": "\\ude00\\ud83d"}'), "actions_taken"),
    "a lone surrogate in a key": (_run('{"\\udfff": 1}'), "actions_taken"),
    "invalid UTF-8 in a string": (_run('{"a": "X"}').replace(b"X", b"\xc3("), "body"),
    "an encoded surrogate": (_run('{"a": "X"}').replace(b"X", b"\xed\xa0\x80"), "body"),
    "invalid UTF-8 in an ignored field": (
        b'{"agent_id": "sage", "status": "success", "x": "\xff"}',
        "body",
    ),
    "NaN": (_run('{"a": NaN}'), "body"),
    "Infinity": (_run('{"a": [Infinity]}'), "body"),
    "minus Infinity": (_run('{"a": -Infinity}'), "body"),
    "a number of 131,073 digits": (_run('{"a": ' + "1" * 131_073 + "}"), "actions_taken"),
    "a number too large for numeric": (_run('{"a": 1e131072}'), "actions_taken"),
    "a number too large for Decimal": (_run('{"a": 1e99999999999999999999}'), "actions_taken"),
    "a number too small for numeric": (_run('{"a": 1e-16384}'), "actions_taken"),
    "numbers that grow when written": (_run(f'{{"a": [{",".join(["1e130000"] * 9)}]}}'), "actions_taken"),
    "nested 101 levels": (_run(nested(101)), "actions_taken"),
    "nested 5,000 levels": (_run(nested(5000)), "body"),
}

BAD_RUNS = [pytest.param(data, place, id=name) for name, (data, place) in _BODIES.items()]
