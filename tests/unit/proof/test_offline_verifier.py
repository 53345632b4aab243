"""`scripts/verify-proof.py`: alone in a directory, and in the same mind as the product of every document."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.errors import ProofError
from app.proof.domain.checkpoint import Checkpoint
from app.proof.domain.note import Note, SigningKey
from app.proof.domain.proofs import RunProof
from support.scripts import load_script
from support.sealed_log import ERASED, KEY, ORIGIN, RUNS, SealedLog, example_log
from support.witnesses import cosignature_line, key_text, witness_key
from unit.proof.test_proofs import changes, shifted

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "verify-proof.py"
LOG = example_log()
WITNESS = ("witness.example/w1", b"\x09" * 32)
MOMENT = 1_796_022_000  # 2026-11-30T07:00:00Z


@pytest.fixture(scope="module")
def script() -> Any:
    """The script as a module."""
    return load_script(SCRIPT)


class Desk:
    """What an auditor has: files in a directory, and the script in another, empty one."""

    def __init__(self, script: Any, directory: Path, printed: pytest.CaptureFixture[str]) -> None:
        self.script, self.directory, self.printed = script, directory, printed
        self.key = str(KEY.verifier)

    def file(self, name: str, content: str) -> str:
        path = self.directory / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    def verify(self, content: str, *arguments: str, keys: tuple[str, ...] = ()) -> tuple[int, str]:
        """Exit status and output for a file of this content."""
        named = [argument for key in keys or (self.key,) for argument in ("--key", key)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["verify-proof.py", self.file("proofs", content), *named, *arguments])
            status: int = self.script.main()
        captured = self.printed.readouterr()
        return status, captured.out + captured.err


@pytest.fixture
def desk(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(script, tmp_path, capsys)


def export(log: SealedLog = LOG, checkpoint: Note | None = None) -> str:
    return "".join(f"{log.proof(id_, checkpoint).to_json()}\n" for id_ in RUNS)


def test_an_export_is_verified_from_an_empty_directory_without_our_code(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copy(SCRIPT, tmp_path / "empty")
    (tmp_path / "export.jsonl").write_text(export(), encoding="utf-8")
    (tmp_path / "keys").write_text(f"# the log's\n\n{KEY.verifier}\n", encoding="utf-8")
    command = [sys.executable, "-I", "verify-proof.py", "../export.jsonl", "--keys", "../keys"]
    code = (
        f"import runpy, sys; sys.argv = {command[2:]}; runpy.run_path('verify-proof.py', run_name='__main__')"
    )
    forbidden = "sys.modules['app'] = sys.modules['agent_run_log'] = None"
    for line in (command, [sys.executable, "-I", "-c", f"import sys; {forbidden}; {code}"]):
        done = subprocess.run(line, cwd=tmp_path / "empty", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("5 proved, of which 1 erased; 0 not proved; 0 unreadable\n")
        assert f"{ORIGIN}: 11 entries" in done.stdout


def test_a_single_proof_is_read_on_one_line_or_on_several(desk: Desk) -> None:
    document = LOG.proof(RUNS[0]).to_json()
    for text in (document, f"{document}\n", json.dumps(json.loads(document), indent=2)):
        assert desk.verify(text)[0] == 0


@pytest.mark.parametrize("id_", [RUNS[0], ERASED])
def test_a_document_that_is_changed_anywhere_is_not_proved(script: Any, id_: str) -> None:
    original = json.loads(LOG.proof(id_).to_json())
    key = script.Key(str(KEY.verifier))
    trust = script.Trust({(key.name, key.id): key})
    assert script.verify_run(original, trust) == (id_ == ERASED)
    for changed in changes(original):
        text = json.dumps(changed)
        # A number that is equal, though written otherwise, proves the same.
        if changed == original:
            continue
        with pytest.raises((script.NotProved, script.Unreadable)):
            script.verify_run(json.loads(text), trust)
        with pytest.raises(ProofError):
            RunProof.parse(text).verify([KEY.verifier])


def test_each_run_that_is_not_proved_is_named(desk: Desk) -> None:
    status, output = desk.verify(export().replace("Paid three", "Paid four"))
    assert status == 1
    assert f"NOT PROVED: line 1, run {RUNS[0]}: the payload is not the one that was reported\n" in output
    assert "4 proved, of which 1 erased; 1 not proved; 0 unreadable" in output


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("payload", None, "the payload is missing, and its erasure is not proved"),
        ("leaf_index", 2, "the entry is not leaf 2 of the tree that was signed"),
        ("leaf_index", 99, "there is no leaf 99"),
        ("tree_size", 12, "another size"),
        ("path", [], "the path is shorter"),
        ("entry", LOG.entries[0].decode(), "of another kind than run"),
        ("checkpoint", str(LOG.checkpoint(3)), "another size"),
        ("checkpoint", str(LOG.checkpoint(11, SigningKey(ORIGIN, b"\1" * 32))), "no key that you gave"),
    ],
)
def test_the_reason_is_told(desk: Desk, name: str, value: object, reason: str) -> None:
    status, output = desk.verify(json.dumps(json.loads(LOG.proof(RUNS[0]).to_json()) | {name: value}))
    assert (status, reason in output) == (1, True), output


def test_the_salt_ends_where_it_does(desk: Desk) -> None:
    status, output = desk.verify(json.dumps(shifted(json.loads(LOG.proof(RUNS[0]).to_json()))))
    assert (status, "the payload is not the one" in output) == (1, True), output


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_proof_of_consistency_with_a_hash_too_many_fails(desk: Desk, place: int) -> None:
    document = json.loads(LOG.consistency(3, 11).to_json())
    document["path"].insert(place, "00" * 32)
    kept, lines = desk.file("kept", str(LOG.checkpoint(3))), desk.file("lines", json.dumps(document))
    status, output = desk.verify(export(), "--checkpoint", kept, "--consistency", lines)
    assert (status, "0 proved" in output) == (1, True), output


def test_a_run_whose_erasure_is_another_s_is_not_proved(desk: Desk) -> None:
    document = json.loads(LOG.proof(ERASED).to_json())
    log = example_log()
    log.erase(RUNS[1])
    other = json.loads(log.proof(RUNS[1]).to_json())["erasure"]
    newest = json.loads(log.proof(ERASED).to_json())
    assert desk.verify(json.dumps(newest))[0] == 0
    status, output = desk.verify(json.dumps(newest | {"erasure": other}))
    assert (status, "another run's payload" in output) == (1, True), output
    assert desk.verify(json.dumps(document | {"payload": "{}", "salt": "00" * 32}))[0] == 1


def test_lines_that_are_no_proof_are_told_and_the_others_verified(desk: Desk) -> None:
    status, output = desk.verify(f"{export()}nonsense\n\n[]\n{'[' * 100_000}\n{{}}\n")
    assert status == 1
    assert "5 proved, of which 1 erased; 0 not proved; 4 unreadable" in output
    assert "cannot read line 6" in output
    status, output = desk.verify(f"nonsense\n{export()}")
    assert (status, "cannot read line 1:" in output, "5 proved" in output) == (1, True, True)


@pytest.mark.parametrize("content", ["", "\n", "nonsense", "null", "{"])
def test_a_file_without_proofs_cannot_be_read(desk: Desk, content: str) -> None:
    assert desk.verify(content)[0] == 2


def test_missing_files_and_wrong_keys_cannot_be_read(desk: Desk) -> None:
    changed = desk.key.replace("+4", "+5")
    too_long = key_text(ORIGIN, bytes([1] * 34))
    for keys in (("",), ("nonsense",), (changed,), (desk.key[:-4],), (too_long,)):
        assert desk.verify(export(), keys=keys)[0] == 2
    assert desk.verify(export(), "--checkpoint", str(desk.directory / "none"))[0] == 2
    assert desk.verify(export(), "--checkpoint", desk.file("kept", "nonsense"))[0] == 2
    assert desk.verify(export(), "--keys", desk.file("keys", "# none\n"))[0] == 0


def test_a_key_must_be_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["verify-proof.py", "export.jsonl"])
    with pytest.raises(SystemExit) as exited:
        desk.script.main()
    assert exited.value.code == 2


def test_keys_of_several_generations_are_trusted_at_once(desk: Desk) -> None:
    newer = SigningKey(ORIGIN, b"\x02" * 32)
    both = f"{desk.key}\n{newer.verifier}\n"
    text = export(checkpoint=LOG.checkpoint(9, newer)) + export(checkpoint=LOG.checkpoint(11, KEY, newer))
    status, output = desk.verify(text, "--keys", desk.file("keys", both))
    assert (status, "10 proved" in output) == (0, True), output
    assert desk.verify(text)[0] == 1


def test_witnesses_are_named_and_their_wrong_cosignatures_found(desk: Desk) -> None:
    note = LOG.checkpoint(11)
    cosigned = Note.parse(f"{note}{cosignature_line(note.text, *WITNESS, MOMENT)}")
    keys = (desk.key, witness_key(*WITNESS))
    status, output = desk.verify(export(checkpoint=cosigned), keys=keys)
    assert (status, "witness.example/w1 at 2026-11-30T07:00:00+00:00" in output) == (0, True), output
    assert desk.verify(export(checkpoint=cosigned), keys=keys[1:])[0] == 1
    other = Note.parse(f"{note}{cosignature_line(LOG.checkpoint(10).text, *WITNESS, MOMENT)}")
    assert desk.verify(export(checkpoint=other), keys=keys)[0] == 1
    assert desk.verify(export(checkpoint=other))[0] == 0


@pytest.mark.parametrize("kept", range(12))
def test_the_log_is_linked_to_a_checkpoint_that_was_kept(desk: Desk, kept: int) -> None:
    checkpoint = desk.file("kept", str(LOG.checkpoint(kept)))
    linked = "" if kept in (0, 11) else f"{LOG.consistency(kept, 11).to_json()}\n"
    lines = f"{LOG.consistency(5, 7).to_json()}\n{linked}"
    arguments = ("--checkpoint", checkpoint, "--consistency", desk.file("consistency", lines))
    assert desk.verify(export(), *arguments)[0] == 0
    without = desk.verify(export(), "--checkpoint", checkpoint)
    assert without[0] == (0 if kept in (0, 11) else 1), without


def test_an_earlier_tree_is_linked_to_a_later_checkpoint(desk: Desk) -> None:
    arguments = (
        *("--checkpoint", desk.file("kept", str(LOG.checkpoint(11)))),
        *("--consistency", desk.file("consistency", LOG.consistency(9, 11).to_json())),
    )
    assert desk.verify(export(checkpoint=LOG.checkpoint(9)), *arguments)[0] == 0


@pytest.mark.parametrize("kept", [3, 4, 8, 11])
def test_a_fork_is_found_by_any_checkpoint_that_was_kept(desk: Desk, kept: int) -> None:
    fork = example_log()
    fork.entries[0] = fork.entries[10]
    checkpoint = desk.file("kept", str(LOG.checkpoint(kept)))
    for proof in (LOG, fork):
        lines = desk.file("consistency", proof.consistency(min(kept, 10), 11).to_json())
        status, output = desk.verify(export(fork), "--checkpoint", checkpoint, "--consistency", lines)
        assert status == 1
        assert "0 proved" in output


def test_two_logs_of_one_size_in_one_file_are_a_fork(desk: Desk) -> None:
    fork = example_log()
    fork.entries[10] = fork.entries[0]
    status, output = desk.verify(export() + export(fork))
    assert (status, "forked" in output, "5 proved" in output) == (1, True, True), output


def test_a_checkpoint_that_was_kept_must_be_signed_and_of_this_log(desk: Desk) -> None:
    stranger = LOG.checkpoint(3, SigningKey(ORIGIN, b"\x02" * 32))
    status, output = desk.verify(export(), "--checkpoint", desk.file("kept", str(stranger)))
    assert (status, "no key that you gave" in output) == (1, True), output
    elsewhere = SigningKey("else.example", b"\x02" * 32)
    kept = desk.file("kept", str(Checkpoint("else.example", 3, bytes(32)).sign([elsewhere])))
    status, output = desk.verify(export(), "--checkpoint", kept, keys=(desk.key, str(elsewhere.verifier)))
    assert (status, "another log, else.example" in output) == (1, True), output
