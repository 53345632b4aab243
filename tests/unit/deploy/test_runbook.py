"""The runbook has a section for every alert rule, and for every warning and error that the product logs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import agent_run_log
import app
from support.deployment import DEPLOY, check_command
from unit.deploy.test_alert_rules import rules

ROOT = DEPLOY.parent
RUNBOOK = "docs/howto/runbook.md"
TEXT = (ROOT / RUNBOOK).read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
LEVELS = {"warning", "error", "exception", "critical"}
LOGGERS = {"log", "_log", "logger", "_logger"}
# It logs the event that it is given: its callers name it.
HANDED_ON = Path("tasks/outage.py")
HANDING = "postponed_on_outage"
PLACEHOLDER = re.compile(r"%\w")


def events(path: Path, root: Path) -> Iterator[str]:
    """The texts of the warnings and errors of a module, as they stand in the source."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and is_logging(node, path.relative_to(root)):
            (text, *_) = node.args
            assert isinstance(text, ast.Constant), f"{path}:{node.lineno}: an event has a constant name"
            yield str(text.value)
        elif isinstance(node, ast.Dict):  # an event that is made without a logger
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, ast.Constant):
                    yield str(value.value)


def is_logging(call: ast.Call, module: Path) -> bool:
    """Whether a call names a warning or error that is logged."""
    name = call.func
    if isinstance(name, ast.Name):
        return name.id == HANDING
    return (
        isinstance(name, ast.Attribute)
        and name.attr in LEVELS
        and isinstance(name.value, ast.Name)
        and name.value.id in LOGGERS
        and module != HANDED_ON
    )


def all_events() -> set[str]:
    """Every event of the product and its client."""
    found = set()
    for package in (app, agent_run_log):
        root = Path(str(package.__file__)).parent
        found |= {event for path in root.rglob("*.py") for event in events(path, root)}
    return found


def test_every_event_has_a_section_and_every_section_its_event() -> None:
    named = {f"`{PLACEHOLDER.sub('…', event)}`" for event in all_events()}
    assert len(named) > 40
    assert set(SECTIONS) == named | {rule["alert"] for rule in rules()}


def test_every_alert_leads_to_its_section() -> None:
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOK}#{rule['alert'].lower()}"


def test_every_section_says_what_it_means_and_what_to_do() -> None:
    pattern = re.compile(r"\s*\*\*Means:\*\* .+\n\s*\*\*Look:\*\* .+\n\s*\*\*Do:\*\* .+", re.DOTALL)
    assert [title for title, text in SECTIONS.items() if not pattern.fullmatch(text)] == []


def test_its_own_links_lead_to_sections() -> None:
    anchors = {title.strip("`").lower() for title in SECTIONS}
    assert [each for each in re.findall(r"\]\(#([^)]+)\)", TEXT) if each not in anchors] == []


def test_every_command_in_it_is_one() -> None:
    named = re.findall(r"`runlog ([a-z][^`]*)`", TEXT)
    assert len(named) > 5
    for each in named:
        check_command(each.split())
