"""Signed notes, keys and cosignatures; with the published examples of Go's `sumdb/note` and of C2SP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ProofFailedError, ProofFormatError
from app.proof.domain.note import Note, Signature, SigningKey, VerifierKey, sign_note, split_notes
from support.witnesses import cosignature_line, key_text, witness_key

# The key and the note of the documentation of golang.org/x/mod/sumdb/note.
GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_OTHER_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_OTHER_LINE = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# The key and the note of C2SP signed-note.
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

KEY = SigningKey("log.example/runs", b"\x07" * 32)
OTHER = SigningKey("log.example/runs", b"\x08" * 32)
TEXT = "log.example/runs\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"
WITNESS = ("witness.example/w1", b"\x09" * 32)
MOMENT = 1_679_315_147


def keys(*texts: str) -> list[VerifierKey]:
    return [VerifierKey.parse(text) for text in texts]


def cosigned(moment: int = MOMENT) -> Note:
    return Note.parse(f"{sign_note(TEXT, [KEY])}{cosignature_line(TEXT, *WITNESS, moment)}")


def test_go_s_note_is_signed_byte_for_byte() -> None:
    key = SigningKey.parse(GO_PRIVATE)
    assert key.private_text() == GO_PRIVATE
    assert str(key.verifier) == GO_KEY
    assert str(sign_note(GO_TEXT, [key])) == f"{GO_TEXT}\n{GO_LINE}"


def test_published_notes_verify() -> None:
    both = Note.parse(f"{GO_TEXT}\n{GO_LINE}{GO_OTHER_LINE}")
    assert [each.key.name for each in both.verified(keys(GO_KEY, GO_OTHER_KEY))] == [
        "PeterNeumann",
        "EnochRoot",
    ]
    assert [each.key.name for each in both.verified(keys(GO_OTHER_KEY))] == ["EnochRoot"]
    published = Note.parse(C2SP_NOTE)
    assert str(published) == C2SP_NOTE
    assert [str(each.key) for each in published.verified(keys(C2SP_KEY))] == [C2SP_KEY]


def test_signatures_of_unknown_keys_are_ignored_even_of_the_same_name_or_id() -> None:
    note = sign_note(TEXT, [KEY])
    same_id = Signature("else.example", KEY.verifier.id, b"\0" * 64)
    same_name = Signature(KEY.name, b"\1\2\3\4", b"any kind")
    more = Note.parse(str(Note(TEXT, (same_id, *note.signatures, same_name))))
    assert [each.key for each in more.verified([KEY.verifier])] == [KEY.verifier]
    assert more.verified([OTHER.verifier]) == []


def test_a_key_that_signed_twice_counts_once() -> None:
    note = sign_note(TEXT, [KEY, OTHER, KEY])
    assert [each.key for each in note.verified([KEY.verifier, OTHER.verifier])] == [
        KEY.verifier,
        OTHER.verifier,
    ]


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    good, other = sign_note(TEXT, [KEY, OTHER]).signatures
    spoilt = Note(TEXT, (good, other._replace(value=good.value)))
    with pytest.raises(ProofFailedError, match=r"log\.example/runs"):
        spoilt.verified([KEY.verifier, OTHER.verifier])
    assert spoilt.verified([KEY.verifier])


def test_a_text_that_is_changed_anywhere_fails() -> None:
    signatures = sign_note(TEXT, [KEY]).signatures
    for at in range(len(TEXT) - 1):
        changed = TEXT[:at] + ("y" if TEXT[at] == "x" else "x") + TEXT[at + 1 :]
        with pytest.raises(ProofFailedError):
            Note(changed, signatures).verified([KEY.verifier])


@given(st.integers(0, 63), st.integers(0, 7))
def test_a_signature_that_is_changed_anywhere_fails(at: int, bit: int) -> None:
    (signature,) = sign_note(TEXT, [KEY]).signatures
    value = bytearray(signature.value)
    value[at] ^= 1 << bit
    with pytest.raises(ProofFailedError):
        Note(TEXT, (signature._replace(value=bytes(value)),)).verified([KEY.verifier])


@pytest.mark.parametrize("value", [b"\0", b"\0" * 63, b"\0" * 65, b"\0" * 72])
def test_a_signature_of_another_length_fails(value: bytes) -> None:
    for key in (KEY.verifier, *keys(witness_key(*WITNESS))):
        with pytest.raises(ProofFailedError):
            Note(TEXT, (Signature(key.name, key.id, value),)).verified([key])


def test_a_witness_s_cosignature_says_when() -> None:
    (witness,) = keys(witness_key(*WITNESS))
    verified = cosigned().verified([KEY.verifier, witness])
    assert [(each.key, each.moment) for each in verified] == [(KEY.verifier, None), (witness, MOMENT)]


def test_a_cosignature_of_another_time_or_text_fails() -> None:
    (witness,) = keys(witness_key(*WITNESS))
    log, cosignature = cosigned().signatures
    later = cosignature._replace(value=(MOMENT + 1).to_bytes(8) + cosignature.value[8:])
    for note in (Note(TEXT, (log, later)), Note(f"{TEXT}more\n", (cosignature,)), cosigned(2**63)):
        with pytest.raises(ProofFailedError, match=r"witness\.example/w1"):
            note.verified([witness])


def test_the_example_of_the_specification_of_cosignatures_is_read() -> None:
    line = (
        "— witness.example.com/w1 "
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA"
        "==\n"
    )
    (signature,) = Note.parse(f"{TEXT}\n{line}").signatures
    assert (signature.key_id.hex(), int.from_bytes(signature.value[:8])) == ("8d66cf3f", MOMENT)
    assert len(signature.value) == 8 + 64


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = sign_note("one\n\ntwo\n\n\n", [KEY])
    assert Note.parse(str(note)) == note
    assert note.text == "one\n\ntwo\n\n\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        GO_TEXT,
        f"{GO_TEXT}{GO_LINE}",
        f"{GO_TEXT}\n",
        f"{GO_TEXT}\n{GO_LINE}\n",
        f"{GO_TEXT}\n{GO_LINE}".removesuffix("\n"),
        f"{GO_TEXT}\n{GO_LINE}junk\n",
        f"{GO_TEXT}\n{GO_LINE.replace('—', '-')}",
        f"{GO_TEXT}\n{GO_LINE.replace('PeterNeumann', 'Peter+Neumann')}",
        f"{GO_TEXT}\n{GO_LINE.replace('PeterNeumann', 'Peter Neumann')}",
        f"{GO_TEXT}\n{GO_LINE.replace('PeterNeumann', '')}",
        f"{GO_TEXT}\n{GO_LINE.replace('AM=', 'AN=')}",
        f"{GO_TEXT}\n{GO_LINE.replace('=', '')}",
        f"{GO_TEXT}\n— PeterNeumann x08gow==\n",
        f"{GO_TEXT}\n— PeterNeumann é\n",
        f"a\tb\n\n{GO_LINE}",
        f"a\r\n\n{GO_LINE}",
        f"\ud800\n\n{GO_LINE}",
        f"{GO_TEXT}\n{GO_LINE * 101}",
        f"{'a' * 1_000_000}\n\n{GO_LINE}",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(ProofFormatError):
        Note.parse(note)


def test_a_hundred_signatures_are_read() -> None:
    assert len(Note.parse(f"{GO_TEXT}\n{GO_LINE * 100}").signatures) == 100


@pytest.mark.parametrize("text", [GO_KEY, GO_PRIVATE])
def test_no_part_of_a_key_is_a_key(text: str) -> None:
    parse = SigningKey.parse if text is GO_PRIVATE else VerifierKey.parse
    for at in range(len(text)):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        for wrong in (text[:at], text[at + 1 :], changed):
            with pytest.raises(ProofFormatError):
                parse(wrong)


@pytest.mark.parametrize("content", [b"", b"\x01", bytes([1] * 32), bytes([1] * 34), b"\x65" + bytes(32)])
def test_keys_of_another_length_or_kind_are_refused_though_their_ids_fit(content: bytes) -> None:
    assert VerifierKey.parse(key_text("log.example", bytes([1] * 33))).name == "log.example"
    with pytest.raises(ProofFormatError):
        VerifierKey.parse(key_text("log.example", content))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\0b", "\ud800"])
def test_names_that_a_note_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(ProofFormatError):
        SigningKey(name, b"\0" * 32)


def test_a_signing_key_does_not_show_itself() -> None:
    assert "seed" not in repr(KEY)
    with pytest.raises(ProofFormatError) as raised:
        SigningKey.parse(GO_PRIVATE[:-1] + "A")
    assert GO_PRIVATE[-44:-4] not in str(raised.value)


def test_a_witness_s_key_signs_no_log() -> None:
    name, seed = WITNESS
    text = witness_key(name, seed)
    assert str(VerifierKey.parse(text)) == text
    with pytest.raises(ProofFormatError):
        SigningKey.parse(f"PRIVATE+KEY+{text}")


def test_notes_that_follow_each_other_are_told_apart() -> None:
    notes = [str(sign_note(f"log\n{n}\n", [KEY, KEY])) for n in range(3)]
    assert split_notes("".join(notes)) == split_notes("\n\n".join(notes)) == notes


@pytest.mark.parametrize("text", ["", "log\n", "log\n\n\u2014 a b\nlog\n1\n", "\u2014 a b\n"])
def test_what_is_no_row_of_notes_is_refused(text: str) -> None:
    with pytest.raises(ProofFormatError):
        split_notes(text)
