"""Logs stay within their bounds while others write to them, and can be followed all the time."""

import os
from pathlib import Path

import pytest

from app.embedded.log_files import Follower, bound, older


def test_a_log_is_begun_again_under_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    with path.open("ab") as writer:
        os.write(writer.fileno(), b"first\n" * 20)
        bound(path, limit=100)
        os.write(writer.fileno(), b"second\n")
        bound(path, limit=100)
    assert path.read_bytes() == b"second\n"
    assert older(path).read_bytes() == b"first\n" * 20
    assert older(path).stat().st_mode & 0o777 == 0o600


def test_two_times_the_bound_is_kept_at_most(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    for number in range(50):
        with path.open("a") as writer:
            writer.write(f"{number:09}\n")
        bound(path, limit=100)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["server.log", "server.log.1"]
    assert path.stat().st_size <= 100
    assert older(path).stat().st_size <= 110
    lines = older(path).read_text().splitlines() + path.read_text().splitlines()
    assert lines == [f"{number:09}" for number in range(50)][-len(lines) :]


def test_what_cannot_be_kept_does_not_break_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"first\n" * 20)
    older(path).mkdir()  # nothing can be put in its place
    bound(path, limit=100)
    assert path.stat().st_size == 0
    assert not path.with_name("server.log.new").exists()


def test_no_line_is_missed_when_a_log_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "up.log"
    path.write_text("one\ntwo\n")
    follower = Follower(path)
    assert follower.before(1) == ["two"]
    with path.open("a") as writer:
        writer.write("three\nfo")
        writer.flush()
        assert follower.read() == ["three"]
        writer.write("ur\n" + "x" * 100 + "\n")
        writer.flush()
        bound(path, limit=100)
        writer.write("five\n")
    assert follower.read() == ["four", "x" * 100, "five"]
    assert Follower(path).before(3) == ["four", "x" * 100, "five"]
    assert follower.read() == []


@pytest.mark.parametrize("count", [0, 1, 5])
def test_as_many_of_the_last_lines_as_there_are(tmp_path: Path, count: int) -> None:
    path = tmp_path / "up.log"
    path.write_text("one\ntwo\n")
    assert Follower(path).before(count) == ["one", "two"][max(0, 2 - count) :]
