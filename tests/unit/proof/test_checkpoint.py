"""Checkpoints: their text, and which signatures make one believed."""

import pytest

from app.errors import ProofFailedError, ProofFormatError
from app.proof.domain.checkpoint import Checkpoint, open_checkpoint
from app.proof.domain.note import Note, SigningKey, VerifierKey, sign_note
from support.witnesses import cosignature_line, witness_key

ORIGIN = "example.com/behind-the-sofa"
# The example of C2SP tlog-checkpoint.
ROOT_TEXT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"{ORIGIN}\n20852163\n{ROOT_TEXT}\n"
OLDER, NEWER = SigningKey(ORIGIN, b"\x01" * 32), SigningKey(ORIGIN, b"\x02" * 32)
WITNESSES = [(f"witness.example/w{number}", bytes([number]) * 32) for number in (3, 4)]
MOMENT = 1_679_315_147


def checkpoint() -> Checkpoint:
    return Checkpoint.parse(TEXT)


def cosigned(note: Note) -> Note:
    lines = "".join(cosignature_line(note.text, *witness, MOMENT) for witness in WITNESSES)
    return Note.parse(f"{note}{lines}")


def test_the_example_of_the_specification_is_read_and_written() -> None:
    assert (checkpoint().origin, checkpoint().size) == (ORIGIN, 20_852_163)
    assert len(checkpoint().root) == 32
    assert checkpoint().text == TEXT


@pytest.mark.parametrize("extensions", [("one",), ("one", "two words")])
def test_extension_lines_are_kept(extensions: tuple[str, ...]) -> None:
    with_more = Checkpoint(ORIGIN, 0, bytes(32), extensions)
    assert Checkpoint.parse(with_more.text) == with_more


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n1\n",
        TEXT.removesuffix("\n"),
        f"\n1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n01\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n-1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n+1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1 \n{ROOT_TEXT}\n",
        f"{ORIGIN}\n\u0661\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT[:-4]}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT.rstrip('=')}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT.replace('I=', 'J=')}\n",
        f"{ORIGIN}\n1\n\n",
        f"{TEXT}\n",
        f"{TEXT}one\n\ntwo\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ProofFormatError):
        Checkpoint.parse(text)


def test_any_key_of_the_log_is_enough_so_that_keys_can_be_rotated() -> None:
    note = Note.parse(str(checkpoint().sign([OLDER, NEWER])))
    for keys in ([OLDER], [NEWER], [NEWER, OLDER]):
        opened = open_checkpoint(note, [key.verifier for key in keys])
        assert opened.checkpoint == checkpoint()
        assert set(opened.log_keys) == {key.verifier for key in keys}


def test_another_key_of_the_same_name_is_not_enough() -> None:
    with pytest.raises(ProofFailedError, match=ORIGIN):
        open_checkpoint(checkpoint().sign([NEWER]), [OLDER.verifier])


def test_a_key_of_another_log_signs_nothing_here() -> None:
    elsewhere = SigningKey("example.com/elsewhere", b"\x05" * 32)
    with pytest.raises(ProofFormatError, match=ORIGIN):
        checkpoint().sign([OLDER, elsewhere])
    with pytest.raises(ProofFailedError, match=ORIGIN):
        open_checkpoint(sign_note(TEXT, [elsewhere]), [elsewhere.verifier])


def test_witnesses_are_told_and_are_not_enough_alone() -> None:
    note = cosigned(checkpoint().sign([OLDER]))
    trusted = VerifierKey.parse(witness_key(*WITNESSES[1]))
    opened = open_checkpoint(note, [OLDER.verifier, trusted])
    assert [(each.key.name, each.moment) for each in opened.witnesses] == [("witness.example/w4", MOMENT)]
    with pytest.raises(ProofFailedError, match=ORIGIN):
        open_checkpoint(note, [trusted])


def test_a_witness_that_is_named_as_the_log_is_not_the_log() -> None:
    seed = b"\x05" * 32
    note = Note.parse(f"{checkpoint().sign([OLDER])}{cosignature_line(TEXT, ORIGIN, seed, MOMENT)}")
    with pytest.raises(ProofFailedError, match=ORIGIN):
        open_checkpoint(note, [VerifierKey.parse(witness_key(ORIGIN, seed))])


def test_a_wrong_cosignature_of_a_trusted_witness_spoils_the_checkpoint() -> None:
    note = cosigned(checkpoint().sign([OLDER]))
    other_text = Checkpoint(ORIGIN, 1, bytes(32))
    forged = Note(other_text.text, (*other_text.sign([OLDER]).signatures, note.signatures[1]))
    with pytest.raises(ProofFailedError, match=r"witness\.example/w3"):
        open_checkpoint(forged, [OLDER.verifier, VerifierKey.parse(witness_key(*WITNESSES[0]))])


@pytest.mark.parametrize(
    "parts", [("", 0, bytes(32)), ("two\nlines", 0, bytes(32)), ("o", -1, bytes(32)), ("o", 0, bytes(31))]
)
def test_no_checkpoint_is_made_that_could_not_be_read(parts: tuple[str, int, bytes]) -> None:
    with pytest.raises(ProofFormatError):
        Checkpoint(*parts)
