"""`runlog score eval` as a process: on pairs, on what is none, with nothing set and no server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.processes import RUNLOG, called


def evaluate(*options: str | Path) -> subprocess.CompletedProcess[str]:
    done = called("score", "eval", *options, COLUMNS="100")
    assert "Traceback" not in done.stderr
    return done


def pair(name: str, category: str, better: str, worse: str, **more: Any) -> str:
    sides = {
        side: {"agent_id": "sage", "status": "success", "actions_taken": {"summary": summary}}
        for side, summary in (("better", better), ("worse", worse))
    }
    return json.dumps({"id": name, "category": category, "why": "x", **sides, **more})


FACT, NOTHING = "Raised payments-api memory 512Mi -> 768Mi in deploy/values.yaml", "It all went well."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [
        pair("one", "evidence", FACT, NOTHING),
        "",
        pair("two", "evidence", NOTHING, FACT),
        pair("three", "repetition", FACT, FACT),
        pair(
            "four\x1b[2J",
            "repetition",
            "Closed ticket #4410",
            FACT,
            history=[{"status": "success", "actions_taken": {"summary": FACT}}],
        ),
    ]
    path.write_text("\n".join(lines))
    return path


def test_the_last_line_of_json_holds_the_figures(file: Path) -> None:
    env = {"PATH": os.environ["PATH"], "RUNLOG_DATA_DIR": "/nonexistent"}
    command = [*RUNLOG, "score", "eval", file, "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    *wrong, figures = map(json.loads, done.stdout.splitlines())
    assert [line["id"] for line in wrong] == ["two", "three"]
    assert wrong[0]["better"] < wrong[0]["worse"]
    assert wrong[1]["better"] == wrong[1]["worse"]
    assert figures == {
        "pairs": 4,
        "accuracy": 0.625,
        "by_category": {"evidence": 0.5, "repetition": 0.75},
        "baselines": {"length": 0.375, "status": 0.5},
    }


def test_the_table_shows_categories_baselines_and_what_went_wrong(file: Path) -> None:
    done = evaluate(file)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["evidence", "2", "0.500", "0.500", "0.500"] in rows
    assert ["all", "4", "0.625", "0.375", "0.500"] in rows
    assert [row[0] for row in rows if row[:1] in (["two"], ["three"])] == ["two", "three"]
    assert "\x1b[2J" not in done.stdout


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([pair("one", "evidence", FACT, NOTHING), "{"], "line 2: no pair"),
        (["[]"], "line 1: no pair"),
        (['{"id": "one", "category": "evidence"}'], "line 1: no pair"),
        ([pair("one", "evidence", FACT, NOTHING).replace("success", "done")], "line 1: no pair"),
        ([pair("", "evidence", FACT, NOTHING)], "line 1: no pair"),
        (['{"id": ' * 100_000], "line 1: no pair"),
        (["", " "], "holds no pairs"),
    ],
)
def test_what_is_no_pair_is_named_by_its_line(tmp_path: Path, lines: list[str], said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(lines))
    done = called("score", "eval", path, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = evaluate(tmp_path / "none.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"runlog: cannot read {tmp_path}/none.jsonl: No such file or directory\n"
