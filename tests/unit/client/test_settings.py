"""What the client takes from the environment."""

from pathlib import Path

import pytest

from agent_run_log._settings import DEFAULT_URL, RunUnderWay, Target


def test_the_server_is_the_one_that_is_given_else_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Target().url == DEFAULT_URL
    monkeypatch.setenv("RUNLOG_URL", "https://runs.example/base/")
    assert Target().url == "https://runs.example/base"
    assert Target("http://other").url == "http://other"


def test_the_token_of_the_environment_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_TOKEN", "secret")
    assert Target().token == "secret"
    assert Target("http://other").token is None
    assert Target("http://other", "its").token == "its"
    assert Target(None, "given").token == "given"


def test_a_setting_may_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("RUNLOG_TOKEN_FILE", str(tmp_path / "token"))
    assert Target().token == "secret"
    monkeypatch.setenv("RUNLOG_TOKEN_FILE", str(tmp_path / "missing"))
    assert Target().token is None
    assert "RUNLOG_TOKEN_FILE: cannot read" in caplog.text


def test_the_run_under_way_is_reported_once_by_its_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = RunUnderWay()
    assert under_way.claim("sage") is None
    monkeypatch.setenv("RUNLOG_RUN_KEY", "key")
    monkeypatch.setenv("RUNLOG_AGENT_ID", "sage")
    assert under_way.claim("nova") is None
    assert under_way.claim("sage") == "key"
    assert under_way.claim("sage") is None
    monkeypatch.setenv("RUNLOG_RUN_KEY", "next")
    assert under_way.claim("sage") == "next"


def test_without_an_agent_the_first_report_is_of_the_run_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_RUN_KEY", "key")
    under_way = RunUnderWay()
    assert [under_way.claim("nova"), under_way.claim("sage")] == ["key", None]
