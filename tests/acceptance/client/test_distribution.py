"""The client as it is installed: small, typed, and in need of httpx alone."""

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import agent_run_log

CLIENT = Path(__file__).parents[3] / "src/client"
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(command, cwd=CLIENT, check=True, capture_output=True)
    (path,) = directory.glob("*.whl")
    return zipfile.ZipFile(path)


def test_it_takes_less_than_a_megabyte(wheel: zipfile.ZipFile) -> None:
    assert sum(each.file_size for each in wheel.infolist()) < MOST_BYTES


def test_it_has_types_and_its_licence_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(CLIENT).as_posix() for path in CLIENT.glob("agent_run_log/*.py")}
    assert names == modules | {"agent_run_log/py.typed"}
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_it_needs_httpx_alone(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    assert message_from_bytes(wheel.read(name)).get_all("Requires-Dist") == ["httpx>=0.28"]


def test_it_works_without_the_product(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path / "installed")!r})
import agent_run_log
from agent_run_log import *
assert agent_run_log.__file__.startswith({str(tmp_path)!r}), agent_run_log.__file__
assert report_run("sage", "success", timeout=0).spooled
assert not [name for name in sys.modules if name.partition(".")[0] in ("app", "celery", "apscheduler")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_what_it_exports_is_fixed() -> None:
    assert agent_run_log.__all__ == [
        "AgentRunLogError",
        "Delivery",
        "Report",
        "SpoolError",
        "SpoolFullError",
        "State",
        "Status",
        "areport_run",
        "current_run",
        "flush",
        "recorded",
        "report_run",
        "run",
    ]
    for name in agent_run_log.__all__:
        assert getattr(agent_run_log, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        agent_run_log.nothing  # noqa: B018
