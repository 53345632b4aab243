"""The product and its tests, compiled before the workers begin.

On a clean checkout each of them would compile all for itself.
"""

import compileall
import multiprocessing
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc, _rewrite_test, _write_pyc, assertstate_key

ROOT = Path(__file__).parents[2]


def compile_all(config: pytest.Config, paths: Iterable[Path], processes: int) -> None:
    """Compile the product, and as pytest does the modules of tests at or below `paths`, by `processes`."""
    if sys.dont_write_bytecode:
        return
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    tests = [file for file in files if file.name.startswith("test_") or file.name == "conftest.py"]
    fork = multiprocessing.get_context("fork")
    shares = [
        fork.Process(target=_rewrite, args=(config, tests[number::processes])) for number in range(processes)
    ]
    for share in shares:
        share.start()
    for directory in (ROOT / "src", ROOT / "tests/support"):
        compileall.compile_dir(directory, quiet=1)
    for share in shares:
        share.join()


def _rewrite(config: pytest.Config, tests: Sequence[Path]) -> None:
    """Keep each of `tests` with its assertions rewritten where pytest looks for it."""
    state = config.stash[assertstate_key]
    for test in tests:
        kept = test.parent / "__pycache__" / (test.stem + PYC_TAIL)
        if _read_pyc(test, kept) is None:
            kept.parent.mkdir(exist_ok=True)
            source, code = _rewrite_test(test, config)
            _write_pyc(state, code, source, kept)
