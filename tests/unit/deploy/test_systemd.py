"""The units of `deploy/systemd`: systemd takes them, and what they name is there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from app.broker import REDELIVERY_SECONDS
from app.embedded.supervisor import STOP_TIMEOUT
from support.deployment import DEPLOY, check_command, no_settings

ROOT = DEPLOY.parent
UNITS = DEPLOY / "systemd"
INSTALLED = "/srv/agent-run-log"
SINCE_254 = re.compile(r"^Restart(?:Steps|MaxDelaySec)=.*\n", re.MULTILINE)
INSTANCES = {"runlog-api@.service": "runlog-api@internal.service"}
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
# As `systemd-analyze security` counts exposure, times ten: 0 is none, and 96 a service without any limit.
MOST_EXPOSED = "20"


def analyze(*arguments: str, units: Path) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze` on the units of a directory, and those of the system."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze")
    return subprocess.run(
        [program, *arguments],
        cwd=units,
        env={"SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as an administrator installs them, of this checkout."""
    units = tmp_path / "units"
    shutil.copytree(UNITS, units)
    version = int(analyze("--version", units=units).stdout.split()[1])
    for path in [*units.glob("*.service"), *units.glob("*.d/*.conf")]:
        text = path.read_text(encoding="utf-8").replace(INSTALLED, str(ROOT))
        path.write_text(text if version >= 254 else SINCE_254.sub("", text), encoding="utf-8")
    for template, instance in INSTANCES.items():
        (units / template).rename(units / instance)
    return units


def test_systemd_takes_the_units(installed: Path) -> None:
    names = [path.name for path in installed.glob("*.service")]
    checked = analyze("verify", "--man=no", "--recursive-errors=no", *names, units=installed)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_each_unit_is_hardened(installed: Path) -> None:
    for path in installed.glob("*.service"):
        limit = f"--threshold={MOST_EXPOSED}"
        measured = analyze("security", "--offline=true", "--no-pager", limit, path.name, units=installed)
        assert measured.returncode == 0, measured.stdout[-300:]


def directives(name: str, *sources: Path) -> list[str]:
    """The values of a directive in these files."""
    texts = "".join(path.read_text(encoding="utf-8") for path in sources)
    return re.findall(rf"^{name}=(.*)$", texts, re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_each_unit_runs_a_command_of_the_product(service: str) -> None:
    (command,) = directives("ExecStart", UNITS / service)
    variables = dict(
        each.split("=", 1) for each in " ".join(directives("Environment", UNITS / service)).split()
    )
    for name, value in variables.items():
        command = command.replace(f"${{{name}}}", value)
    program, *arguments = shlex.split(command.replace("%i", "internal"))
    assert program == f"{INSTALLED}/.venv/bin/runlog"
    check_command(arguments)


def test_what_is_set_are_settings() -> None:
    common = UNITS / "runlog-.service.d/common.conf"
    names = [each.partition("=")[0] for each in directives("Environment", common)]
    offered = re.findall(r"^#?([A-Z_]+)=", (UNITS / "runlog.env").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(offered) > 3
    assert no_settings([*names, *offered]) == []


def test_a_stop_leaves_each_process_its_time() -> None:
    (together,) = directives("TimeoutStopSec", UNITS / "runlog-up.service")
    (worker,) = directives("TimeoutStopSec", UNITS / "runlog-worker.service")
    # Three services and two servers, one after another.
    assert int(together) > 5 * STOP_TIMEOUT
    assert int(worker) >= REDELIVERY_SECONDS
