#!/usr/bin/env python3
"""Verify proofs of runs without the server that gave them, and without any other file of it.

    pip install cryptography
    python3 verify-proof.py export.jsonl --key 'runlog.example/log+42ae322c+AQOh…'

FILE holds the proof of one run, or one such document a line. Every run that is not proved is named on a line,
and a summary ends the output. The exit status is 0 when all is proved, 1 when a line is not proved or cannot
be read, and 2 when nothing can be read.

With `--checkpoint`, one that you kept, the log that the proofs are of must also be the one that you saw then.
Where its size is another, `--consistency` names the proofs of that, one a line.

The format is described in docs/reference/proof-format.md.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from datetime import datetime, timezone
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG_SIGNATURE, COSIGNATURE = 1, 4  # C2SP signed-note: the kinds of keys
FIELDS = {"v", "entry", "leaf_index", "path", "salt", "payload", "erasure", "tree_size", "checkpoint"}


class NotProved(Exception):  # noqa: N818
    """Something is not as the proof claims."""


class Unreadable(Exception):  # noqa: N818
    """Something is not in its form."""


def main():
    """Verify what the command line names; returns the exit status."""
    arguments = parse_arguments()
    try:
        trust = Trust(read_keys(arguments))
        trust.keep(arguments.checkpoint, arguments.consistency)
        return verify_file(arguments.file, trust)
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    except NotProved as error:
        print(f"NOT PROVED: {arguments.checkpoint}: {error}")
        return 1


def parse_arguments():
    """What the command line says."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("file", type=Path, metavar="FILE", help="a proof, or an export: one proof a line")
    parser.add_argument("--key", action="append", default=[], help="a verifier key of the log or a witness")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="a file of such keys, one a line")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint that you kept")
    parser.add_argument("--consistency", type=Path, metavar="FILE", help="proofs that lead from or to it")
    arguments = parser.parse_args()
    if not arguments.key and not arguments.keys:
        parser.error("name at least one key, by --key or --keys")
    if arguments.consistency and not arguments.checkpoint:
        parser.error("--consistency is of use with --checkpoint alone")
    return arguments


def verify_file(path, trust):
    """Verify each document of the file and print what came of it."""
    proved = erased = failed = unreadable = 0
    for number, text in documents(path):
        try:
            erased += verify_run(parse_json(text), trust)
            proved += 1
        except NotProved as error:
            failed += 1
            print(f"NOT PROVED: line {number}, run {run_id(text)}: {error}")
        except (Unreadable, RecursionError) as error:
            unreadable += 1
            print(f"cannot read line {number}: {error}")
    print(f"{proved} proved, of which {erased} erased; {failed} not proved; {unreadable} unreadable")
    for line in trust.seen():
        print(line)
    return 2 if not proved and not failed else 1 if failed or unreadable else 0


def documents(path):
    """The documents of a file, each with the number of the line that it begins on.

    What is no UTF-8 becomes surrogates, which no text of a document may have.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        first = file.readline()
        if first.strip() == "{":  # one document on several lines
            first += file.read()
        yield 1, first
        yield from ((number, line) for number, line in enumerate(file, 2) if line.strip())


# ---- runs


def verify_run(document, trust):
    """Verify a run's document; returns whether its payload was erased."""
    if set(document) != FIELDS or document["v"] != 1:
        raise Unreadable("this is no proof of a run in version 1")
    checkpoint = trust.open(text_of(document["checkpoint"]))
    if document["tree_size"] != checkpoint.size:
        raise NotProved("the checkpoint is of a tree of another size")
    run = sealed_entry(document, "run", checkpoint)
    salt, payload = document["salt"], document["payload"]
    if document["erasure"] is None:
        verify_payload(run, salt, payload)
        return False
    if salt is not None or payload is not None:
        raise NotProved("a payload that is said to be erased is there")
    verify_erasure(run, document["erasure"], checkpoint)
    return True


def verify_payload(run, salt, payload):
    """Check that a payload, with its salt, is the one that the run's entry commits to."""
    if salt is None or payload is None:
        raise NotProved("the payload is missing, and its erasure is not proved")
    if len(bytes_of(salt)) != 32 or sha256(bytes_of(salt), text_of(payload).encode()).hex() != run.get(
        "payload"
    ):
        raise NotProved("the payload is not the one that was reported")


def verify_erasure(run, erasure, checkpoint):
    """Check that the log has the erasure of the run's payload."""
    if not isinstance(erasure, dict) or set(erasure) != {"entry", "leaf_index", "path"}:
        raise Unreadable("an erasure has entry, leaf_index and path")
    if sealed_entry(erasure, "erasure", checkpoint).get("run_id") != run.get("id"):
        raise NotProved("the erasure is that of another run's payload")


def sealed_entry(leaf, kind, checkpoint):
    """The fields of an entry of this kind, once it is shown to be in the checkpoint's tree."""
    content, index, path = text_of(leaf["entry"]), leaf["leaf_index"], leaf["path"]
    if type(index) is not int or not isinstance(path, list):
        raise Unreadable("leaf_index is a number and path a list")
    entry = parse_json(content)
    if entry.get("v") != 1 or json.dumps(entry, sort_keys=True, separators=(",", ":")) != content:
        raise NotProved("the entry is not in its canonical form")
    if entry.get("kind") != kind:
        raise NotProved(f"the entry is of another kind than {kind}")
    if not 0 <= index < checkpoint.size:
        raise NotProved(f"there is no leaf {index} in a tree of {checkpoint.size}")
    leaf_hash = sha256(b"\0", content.encode())
    if (
        root_by_inclusion(leaf_hash, index, checkpoint.size, [bytes_of(each) for each in path])
        != checkpoint.root
    ):
        raise NotProved(f"the entry is not leaf {index} of the tree that was signed")
    return entry


def run_id(text):
    """The id that a document's run claims to have; of a text that proves nothing, so nothing else of it."""
    claimed = re.search(r'\\"id\\":\\"([0-9a-f-]{36})\\"', text)
    return claimed[1] if claimed else "without an id"


# ---- the tree, as RFC 6962 defines it: from the root down


def root_by_inclusion(leaf_hash, index, size, path):
    """The root that a leaf and its path lead to."""
    if size == 1:
        if path:
            raise NotProved("the path is longer than the tree is high")
        return leaf_hash
    if not path:
        raise NotProved("the path is shorter than the tree is high")
    left = left_size(size)
    if index < left:
        return node_hash(root_by_inclusion(leaf_hash, index, left, path[:-1]), path[-1])
    return node_hash(path[-1], root_by_inclusion(leaf_hash, index - left, size - left, path[:-1]))


def roots_by_consistency(old_size, new_size, path, old_root):
    """The roots of both trees that a path leads to; `old_root` is None where it is not in the new one."""
    if old_size == new_size:
        if len(path) != (old_root is None):
            raise NotProved("the path is not as long as the tree is high")
        known = path[0] if old_root is None else old_root
        return known, known
    if not path:
        raise NotProved("the path is shorter than the tree is high")
    left = left_size(new_size)
    if old_size <= left:
        old, new = roots_by_consistency(old_size, left, path[:-1], old_root)
        return old, node_hash(new, path[-1])
    old, new = roots_by_consistency(old_size - left, new_size - left, path[:-1], None)
    return node_hash(path[-1], old), node_hash(path[-1], new)


def left_size(size):
    """The largest power of two below a size of two or more."""
    return 2 ** (size - 1).bit_length() // 2


def node_hash(left, right):
    """The hash of a node over two others."""
    return sha256(b"\1", left, right)


def sha256(*parts):
    """The hash of these bytes, one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


# ---- checkpoints


class Checkpoint:
    """What a checkpoint says, and who has signed it."""

    def __init__(self, text, signers):
        lines = text.split("\n")
        if len(lines) < 4 or not all(lines[:-1]) or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
            raise Unreadable("a checkpoint has three lines: origin, size and root")
        self.origin, self.size, self.root = lines[0], int(lines[1]), from_base64(lines[2])
        self.signers = signers


class Trust:
    """The keys that are trusted, the checkpoint that was kept, and the checkpoints met since."""

    def __init__(self, keys):
        self.keys = keys
        self.kept = None
        self.paths = {}
        self.opened = {}
        self.roots = {}

    def keep(self, checkpoint, consistency):
        """Remember a checkpoint, and the proofs that lead from or to it."""
        if checkpoint:
            self.kept = self.signed(checkpoint.read_text(encoding="utf-8"))
        for _, text in documents(consistency) if consistency else ():
            document = parse_json(text)
            if set(document) != {"v", "from_size", "to_size", "path"} or not isinstance(
                document["path"], list
            ):
                raise Unreadable(f"{consistency}: this is no proof of consistency")
            path = [bytes_of(each) for each in document["path"]]
            if type(document["from_size"]) is not int or type(document["to_size"]) is not int:
                raise Unreadable(f"{consistency}: the sizes are numbers")
            self.paths[document["from_size"], document["to_size"]] = path

    def open(self, note):
        """The checkpoint of this note, verified once however often it is met."""
        if note not in self.opened:
            checkpoint = self.signed(note)
            known = self.roots.setdefault((checkpoint.origin, checkpoint.size), checkpoint.root)
            if known != checkpoint.root:
                raise NotProved("the log is forked: another checkpoint of the same size has another root")
            if self.kept:
                self.link(checkpoint)
            self.opened[note] = checkpoint
        return self.opened[note]

    def signed(self, note):
        """The checkpoint of this note, by its signatures alone."""
        text, signatures = split_note(note)
        known = [(self.keys.get((name, value[:4])), value[4:]) for name, value in signatures]
        signers = {key: key.verify(text, value) for key, value in known if key}
        checkpoint = Checkpoint(text, [(key.name, moment) for key, moment in signers.items()])
        if checkpoint.origin not in [key.name for key in signers if key.kind == LOG_SIGNATURE]:
            raise NotProved(f"no key that you gave for {checkpoint.origin!a} has signed the checkpoint")
        return checkpoint

    def link(self, checkpoint):
        """Check that a checkpoint is of the log of which one was kept."""
        old, new = sorted((self.kept, checkpoint), key=lambda each: each.size)
        if old.origin != new.origin:
            raise NotProved(f"the checkpoint that you kept is of another log, {self.kept.origin}")
        if old.size in (0, new.size):
            if old.size and old.root != new.root:
                raise NotProved("the log is forked: the checkpoint that you kept has another root")
            return
        path = self.paths.get((old.size, new.size))
        if path is None:
            raise NotProved(f"no proof of consistency leads from {old.size} leaves to {new.size}")
        known = old.root if old.size & (old.size - 1) == 0 else None
        if roots_by_consistency(old.size, new.size, path, known) != (old.root, new.root):
            raise NotProved(f"the log of {new.size} leaves does not continue that of {old.size}")

    def seen(self):
        """A line for each checkpoint that was met."""
        for each in self.opened.values():
            names = [name if moment is None else f"{name} at {moment}" for name, moment in each.signers]
            yield f"{each.origin}: {each.size} entries, root {each.root.hex()}, signed by {', '.join(names)}"


class Key:
    """A verifier key, as text `<name>+<id in hex>+<base64 of kind and public key>`."""

    def __init__(self, text):
        name, id_, content = [*text.split("+", 2), "", ""][:3]
        key = from_base64(content)
        if len(key) != 33 or key[0] not in (LOG_SIGNATURE, COSIGNATURE):
            raise Unreadable(f"this is no verifier key: {text}")
        self.name, self.kind, self.id = name, key[0], sha256(name.encode(), b"\n", key)[:4]
        if self.id.hex() != id_:
            raise Unreadable(f"the verifier key does not have the id that it names: {text}")
        self.public_key = Ed25519PublicKey.from_public_bytes(key[1:])

    def verify(self, text, signature):
        """Check a signature; returns when a witness made it, else None."""
        message, moment = text.encode(), None
        if self.kind == COSIGNATURE:
            if len(signature) != 72:
                raise NotProved(f"the cosignature of {self.name} is none")
            (seconds,) = struct.unpack(">Q", signature[:8])
            message, signature = f"cosignature/v1\ntime {seconds}\n{text}".encode(), signature[8:]
            moment = moment_text(seconds)
        try:
            self.public_key.verify(signature, message)
        except InvalidSignature:
            raise NotProved(f"the signature of {self.name} is not of this checkpoint") from None
        return moment


def read_keys(arguments):
    """The keys of the command line, by name and id."""
    lines = arguments.keys.read_text(encoding="utf-8").splitlines() if arguments.keys else []
    texts = arguments.key + [line.strip() for line in lines if line.strip() and line[0] != "#"]
    if not texts:
        raise Unreadable(f"{arguments.keys} has no key")
    return {(key.name, key.id): key for key in map(Key, texts)}


def split_note(note):
    """The text of a signed note, and the name and value of each signature."""
    text, separator, lines = note.rpartition("\n\n")
    matches = [re.fullmatch("— ([^ +]+) ([A-Za-z0-9+/=]+)", line) for line in lines.split("\n")[:-1]]
    if not separator or not lines.endswith("\n") or not all(matches):
        raise Unreadable("a checkpoint ends in an empty line and lines of signatures")
    return f"{text}\n", [(match[1], from_base64(match[2])) for match in matches]


# ---- text


def moment_text(seconds):
    """Seconds since 1970 as a moment in UTC."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat()  # noqa: UP017
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def parse_json(text):
    """The object that a JSON text is."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"this is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Unreadable("this is no JSON object")
    return document


def text_of(value):
    """The value, where it is a text that UTF-8 can hold."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise Unreadable("what should be a text is none")
    return value


def bytes_of(value):
    """The bytes of a text of hexadecimal digits in lower case."""
    if not isinstance(value, str) or not re.fullmatch("([0-9a-f]{2})*", value):
        raise Unreadable("what should be a text of hexadecimal digits is none")
    return bytes.fromhex(value)


def from_base64(text):
    """The bytes of base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        content = b""
    if not content or base64.b64encode(content).decode() != text:
        raise Unreadable("what should be base64 is none")
    return content


if __name__ == "__main__":
    sys.exit(main())
