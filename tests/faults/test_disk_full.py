"""PostgreSQL has no room left: real errors of the file system while runs come in."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.embedded.postgres import Postgres
from support.load import Check, UnderLoad

MEGABYTE = 1024 * 1024
# Above a segment of the write-ahead log, below what the payloads come to.
LARGEST_FILE = 18 * MEGABYTE
PAYLOAD = secrets.token_hex(75_000)


def limit_files(postgres: Postgres, size: int) -> None:
    """Let no file of the server grow beyond `size` bytes."""
    server = psutil.Process(postgres.pid)
    for process in (server, *server.children()):
        process.rlimit(psutil.RLIMIT_FSIZE, (size, psutil.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's files by Linux's prlimit")
def test_files_that_may_not_grow(
    postgres: Postgres, check: Check, under_load: UnderLoad, tmp_path: Path
) -> None:
    with under_load(payload=PAYLOAD) as (_, load):
        try:
            limit_files(postgres, LARGEST_FILE)
        except psutil.AccessDenied:
            pytest.skip("this account may not limit the files of PostgreSQL's account")
        load.wait_for_refusals(50, within=60)
        limit_files(postgres, psutil.RLIM_INFINITY)
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(50)
        fault = "PostgreSQL's files at their size limit (EFBIG), then free to grow"
        check(load, postgres.url, fault, back_after=back_after)
    assert "File too large" in (tmp_path / "serve.log").read_text(encoding="utf-8")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 MB of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system of the test's own")
    directory = tmp_path / "small"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", directory]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", directory], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        while (free := os.statvfs(path).f_bavail * os.statvfs(path).f_frsize) > 0:
            file.write(bytes(min(free, MEGABYTE)))


def test_a_full_disk(
    small_disk: Path,
    make_postgres: Callable[..., Postgres],
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    under_load: UnderLoad,
    tmp_path: Path,
) -> None:
    postgres = make_postgres("small/postgres")
    postgres.start()
    monkeypatch.setenv("DATABASE_URL", postgres.url)
    with under_load() as (_, load):
        fill(small_disk / "filler")
        load.wait_for_refusals(50, within=60)
        (small_disk / "filler").unlink()
        time.sleep(0.5)
        if postgres.poll() is not None:  # as it does when its write-ahead log has no room
            postgres.start()
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(100)
        fault = "PostgreSQL's disk full (ENOSPC), then with room again"
        check(load, postgres.url, fault, back_after=back_after)
    assert "No space left on device" in (tmp_path / "serve.log").read_text(encoding="utf-8")
