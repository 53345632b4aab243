"""The OpenClaw plugin's own tests, by the Node.js that Playwright has brought with it."""

import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

PLUGIN = Path(__file__).parents[3] / "integrations/openclaw"
TESTS = sorted(PLUGIN.glob("tests/*.test.js"))


def test_there_are_tests_of_each_part() -> None:
    assert {path.name for path in TESTS} == {
        "delivery.test.js",
        "events.test.js",
        "killed.test.js",
        "plugin.test.js",
        "spool.test.js",
    }


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_plugin(path: Path) -> None:
    node, _ = compute_driver_executable()
    done = subprocess.run(
        [node, "--test", str(path)], cwd=PLUGIN, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout
    assert "skipped 0" in done.stdout
