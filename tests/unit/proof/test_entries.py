"""The bytes of entries, written out, and what is not read as one."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ProofFormatError
from app.proof.domain import entries

RUN_ID = "6f0d3b1e-55cf-4f3b-9d8e-2f6a1f0b7a11"
MOMENT = "2026-11-30T07:00:00.000001Z"
SALT = bytes(range(32))
PAYLOAD = b'{"action_summary":"Gr\\u00fc\\u00dfe \\ud83d\\ude00\\u007f\\n","actions_taken":"{\\"n\\": 1.50}"}'

texts = st.text(st.characters(exclude_categories=["Cs"]))


def run(**changed: str | None) -> bytes:
    fields = {"id_": RUN_ID, "agent_id": "sage", "run_at": MOMENT, "status": "success", "created_at": None}
    return entries.run_entry(**(fields | changed), payload=entries.commitment(SALT, PAYLOAD))  # type: ignore[arg-type]


def test_a_payload_has_these_bytes() -> None:
    assert entries.payload_bytes("Grüße 😀\x7f\n", '{"n": 1.50}') == PAYLOAD
    assert entries.payload_bytes(None, None) == b'{"action_summary":null,"actions_taken":null}'


def test_a_commitment_is_the_hash_of_salt_and_payload() -> None:
    assert entries.commitment(SALT, PAYLOAD) == hashlib.sha256(SALT + PAYLOAD).digest()
    assert entries.commitment(bytes(32), PAYLOAD) != entries.commitment(SALT, PAYLOAD)


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    with pytest.raises(ProofFormatError):
        entries.commitment(salt, PAYLOAD)


def test_each_kind_of_entry_has_these_bytes() -> None:
    payload = hashlib.sha256(SALT + PAYLOAD).hexdigest().encode()
    assert run() == (
        b'{"agent_id":"sage","created_at":null,"id":"6f0d3b1e-55cf-4f3b-9d8e-2f6a1f0b7a11","kind":"run",'
        b'"payload":"' + payload + b'","run_at":"2026-11-30T07:00:00.000001Z","status":"success","v":1}'
    )
    scores = entries.scores_entry([(RUN_ID, '{"overall": 0.9}'), ("b", None)], at=MOMENT, by="runlog_writer")
    digest = hashlib.sha256(b'{"overall": 0.9}').hexdigest().encode()
    assert scores == (
        b'{"at":"2026-11-30T07:00:00.000001Z","by":"runlog_writer","kind":"scores",'
        b'"runs":[["6f0d3b1e-55cf-4f3b-9d8e-2f6a1f0b7a11","' + digest + b'"],["b",null]],"v":1}'
    )
    event = entries.event_entry(
        table="rating", operation="update", row='{"id": 1}', at=MOMENT, by="runlog_writer"
    )
    assert event == (
        b'{"at":"2026-11-30T07:00:00.000001Z","by":"runlog_writer","kind":"event","operation":"update",'
        b'"row":"{\\"id\\": 1}","table":"rating","v":1}'
    )
    assert entries.key_entry(key="o+01020304+AQ==", state="begins", at=MOMENT) == (
        b'{"at":"2026-11-30T07:00:00.000001Z","key":"o+01020304+AQ==","kind":"key","state":"begins","v":1}'
    )
    assert entries.erasure_entry(run_id=RUN_ID, at=MOMENT, by="ann", reason="asked for") == (
        b'{"at":"2026-11-30T07:00:00.000001Z","by":"ann","kind":"erasure","reason":"asked for",'
        b'"run_id":"6f0d3b1e-55cf-4f3b-9d8e-2f6a1f0b7a11","v":1}'
    )


@given(texts, texts | st.none(), texts)
def test_entries_are_read_as_they_were_made(agent: str, moment: str | None, text: str) -> None:
    made = [
        run(agent_id=agent, run_at=moment, status=text),
        entries.scores_entry([(text, agent), (agent, None)], at=agent, by=text),
        entries.event_entry(table=agent, operation="insert", row=text, at=agent, by=text),
        entries.key_entry(key=agent, state="ends", at=text),
        entries.erasure_entry(run_id=agent, at=text, by=text, reason=agent),
    ]
    for content in made:
        entry = entries.parse_entry(content)
        assert content.isascii()
        assert entries.canonical(entry) == content
    assert entries.parse_entry(made[0])["agent_id"] == agent


@given(texts, texts)
def test_no_two_texts_have_the_same_bytes(one: str, other: str) -> None:
    same = entries.payload_bytes(one, None) == entries.payload_bytes(other, None)
    assert same == (one == other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"v":1}',
        run().replace(b'"v":1', b'"v":2'),
        run().replace(b'"v":1', b'"v":true'),
        run().replace(b'"v":1', b'"v":1.0'),
        run().replace(b'"v":1', b'"v": 1'),
        run().replace(b'"kind":"run"', b'"kind":"runs"'),
        run().replace(b'"kind":"run"', b'"kind":["run"]'),
        run().replace(b'"kind":"run"', b'"kind":"key"'),
        run().replace(b'"status":"success",', b""),
        run().replace(b'"v":1', b'"v":1,"w":null'),
        run().replace(b"sage", b"s\\u0061ge"),
        run().replace(b"sage", "säge".encode()),
        run().replace(b"sage", b"s\xff"),
        run().replace(b'"success"', b"{}"),
        run().replace(b'"success"', b"1e400"),
        run().replace(b'"success"', b"0.10"),
        run().replace(b'"success"', b"[[0.10]]"),
        run() + b" ",
        run() + b"\n",
        json.dumps(json.loads(run())).encode(),
        json.dumps(dict(reversed(json.loads(run()).items())), separators=(",", ":")).encode(),
        run().replace(b'"status"', b'"status":"failed","status"'),
    ],
)
def test_what_has_not_the_one_form_is_no_entry(content: bytes) -> None:
    with pytest.raises(ProofFormatError):
        entries.parse_entry(content)
