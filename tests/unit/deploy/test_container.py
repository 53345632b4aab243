"""`deploy/container`: the compose file follows the specification, and what both files name is there."""

import json
import re
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from app.broker import REDELIVERY_SECONDS
from app.config import Settings
from app.environment import environment_name
from app.main import create_app
from support.deployment import DEPLOY, check_command, no_settings

ROOT = DEPLOY.parent
CONTAINERFILE = (DEPLOY / "container/Containerfile").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "container/compose.yaml").read_text(encoding="utf-8")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+):([-?])([^}]*)\}")
URL = re.compile(r"http://127\.0\.0\.1:(\d+)(/[\w/]+)")
OURS = ("schema", "api", "public", "worker", "beat")


def services() -> dict[str, Any]:
    """The services as an engine sees them, with variables that have no default set to `set`."""
    from compose_spec import PyOptions  # so that only a worker with these tests loads it

    text = VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "set", COMPOSE)
    options = PyOptions()
    options.apply_merge = True
    options.from_yaml(text).validate()
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of the Containerfile with this name, in order."""
    joined = CONTAINERFILE.replace("\\\n", " ")
    return re.findall(rf"^\s*{name}\s+(.*)$", joined, re.MULTILINE)


def path_and_port(check: str) -> tuple[str, str]:
    """Where a health check asks."""
    (found,) = URL.findall(check)
    return found[1], found[0]


def option(command: list[str], name: str) -> str:
    """The value of an option of a command."""
    return command[command.index(name) + 1]


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_with_settings_of_the_product(name: str) -> None:
    service = services()[name]
    check_command(service["command"])
    assert no_settings(list(service["environment"])) == []
    # It may write there alone.
    assert (service["read_only"], service["volumes"]) == (True, ["runlog:/var/lib/runlog"])


def test_every_service_waits_for_what_it_needs() -> None:
    found = services()
    assert set(found) == {*OURS, "postgres", "valkey"}
    conditions = {name: found[name]["depends_on"] for name in OURS}
    assert conditions.pop("schema") == {"postgres": {"condition": "service_healthy"}}
    for needed in conditions.values():
        assert needed["schema"] == {"condition": "service_completed_successfully"}
        assert needed["valkey"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_what_has_no_api_is_asked_for_its_metrics(name: str) -> None:
    service = services()[name]
    port = option(service["command"], "--metrics-port")
    assert path_and_port(" ".join(service["healthcheck"]["test"])) == ("/metrics", port)


def test_a_worker_has_the_time_that_its_tasks_may_take() -> None:
    assert services()["worker"]["stop_grace_period"] == f"{REDELIVERY_SECONDS}s"


def test_the_image_is_asked_for_a_path_of_the_product_at_its_port() -> None:
    (port,) = instructions("EXPOSE")
    (check,) = instructions("HEALTHCHECK")
    path, asked = path_and_port(check)
    assert path in create_app(Settings()).openapi()["paths"]
    (default,) = [json.loads(each) for each in instructions("CMD") if "urllib" not in each]
    check_command(default)
    commands = [default, *(services()[name]["command"] for name in ("api", "public"))]
    assert {asked, *(option(command, "--port") for command in commands)} == {port}


def test_the_image_runs_without_root_and_knows_no_secret() -> None:
    assert instructions("USER") == ["10001:10001"]
    variables = re.findall(r"(\w+)=", " ".join(instructions("ENV")))
    assert no_settings([name for name in variables if name.startswith("RUNLOG_")]) == []
    secret = {
        environment_name(name) for name, field in Settings.model_fields.items() if "Secret" in str(field)
    }
    assert len(secret) > 5
    assert secret.isdisjoint([*variables, *instructions("ARG")])


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [each for line in instructions("COPY") if "--from" not in line for each in line.split()[:-1]]
    assert "src" in copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(fnmatch(source, pattern.removeprefix("!")) for pattern in ignored if pattern[0] == "!")
