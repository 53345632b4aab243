"""The workers that run these tests: what they report, and what becomes of the tests of one that is lost."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
CONFTEST = """
from functools import partial
from support.dealing import deal
from support.workers import Workers

def pytest_configure(config):
    dealt = partial(deal, group_of=lambda item: item.path, is_slow=lambda item: True)
    config.pluginmanager.register(Workers(2, dealt))
"""
LOST = """
import os, pytest, signal, warnings

@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    yield
    (tmp_path_factory.getbasetemp().parent / f"left-{os.getpid()}").touch()

def test_passes(): pass
def test_fails(): print("what it printed"); assert 1 == 2
def test_warns(): warnings.warn("careful")
def test_is_killed(): os.kill(os.getpid(), signal.SIGKILL)
def test_ends_its_process(): os._exit(0)
def test_comes_after(shared, subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert number != 1
"""
OTHER = "import pytest\n@pytest.mark.parametrize('number', range(20))\ndef test_other(number): pass\n"


def test_all_is_reported_and_a_worker_that_is_lost_is_a_failure_and_replaced(tmp_path: Path) -> None:
    for name, text in (("conftest", CONFTEST), ("test_lost", LOST), ("test_other", OTHER)):
        (tmp_path / f"{name}.py").write_text(text)
    plugins = (
        "-p",
        "no:xdist",
        "-p",
        "no:schemathesis",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
    )
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *plugins,
            "--basetemp",
            str(tmp_path / "base"),
            "--import-mode=importlib",
            ".",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert "4 failed, 23 passed, 1 warning" in run.stdout
    assert run.returncode == 1
    assert "what it printed" in run.stdout
    assert "UserWarning: careful" in run.stdout
    assert "the worker ended with -9 while it ran test_lost.py::test_is_killed" in run.stdout
    assert "the worker ended with 0 while it ran test_lost.py::test_ends_its_process" in run.stdout
    assert "SUBFAILED" in run.stdout
    assert len(list((tmp_path / "base").glob("left-*"))) == 1
