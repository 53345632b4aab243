"""Settings: where a value comes from, and that a wrong one is named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.config import Settings, get_settings
from app.environment import RUNTIME_FILE, environment_name, read_runtime
from app.errors import ConfigError

URL = "postgresql://u:p@{}/db"
OTHER = {
    "payload_days": "365",
    "database_url": "postgresql://h/db",
    "schema_database_url": "postgresql://owner@h/db",
    "replica_database_url": "postgresql://h2/db",
    "celery_broker_url": "redis://h/0",
    "url": "http://h:1",
    "public_url": "https://h/runlog/",
    "log_level": "debug",
    "log_format": "json",
    "expose": "public",
    "audit_ping_url": "https://h/ping",
    "alert_urls": "mailto://u:p@h slack://a/b/c",
    "alert_webhook_url": "https://h/hook",
    "checkpoint_webhook": "https://h/checkpoints",
    "checkpoint_urls": "json://h/daily",
    "timestamp_url": "https://h/stamp",
    "audit_holidays": "DE-BY,US",
    "alert_quiet_hours": "22:00-07:00 Europe/Berlin",
    "alert_digest": "08:00",
    "allowed_hosts": "runlog.internal",
    "judge_url": "http://h:11434/v1",
    "traces_url": "http://collector:4318",
    "judge_sample": "0.5",
    "openclaw_agents": "main=sage",
    "openclaw_timezone": "Europe/Berlin",
}


def other_value(field: str) -> str:
    """A valid value of `field` that is not its default."""
    default = Settings.model_fields[field].default
    if isinstance(default, bool):
        return str(not default)
    return OTHER.get(field) or str(default + 1 if isinstance(default, int | float) else "/elsewhere")


def plain(value: Any) -> str:
    """`value` as it is written in an environment variable."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@pytest.fixture
def runtime(tmp_path: Path) -> Any:
    """Writes what a running `runlog up` would have written."""
    directory = tmp_path / "data"
    directory.mkdir()

    def write(**values: Any) -> Path:
        (directory / RUNTIME_FILE).write_text(json.dumps(values), encoding="utf-8")
        return directory

    return write


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_read_from_its_variable(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment_name(field), other_value(field))
    assert plain(getattr(get_settings(), field)) in (other_value(field), f"{other_value(field)}.0")


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_read_from_a_file(
    field: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text(f"\n {other_value(field)}\n", encoding="utf-8")
    monkeypatch.delenv(environment_name(field), raising=False)
    monkeypatch.setenv(f"{environment_name(field)}_FILE", str(tmp_path / "value"))
    assert plain(getattr(get_settings(), field)) in (other_value(field), f"{other_value(field)}.0")


@pytest.mark.parametrize("field", ["database_url", "celery_broker_url", "url"])
def test_the_variable_wins_over_the_file_over_runlog_up(
    field: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: Any
) -> None:
    def effective() -> str:
        get_settings.cache_clear()
        return plain(getattr(get_settings(), field))

    runtime(pid=os.getpid(), **{field: "from-up"})
    assert effective() == "from-up"
    (tmp_path / "value").write_text("from-file", encoding="utf-8")
    monkeypatch.setenv(f"{environment_name(field)}_FILE", str(tmp_path / "value"))
    assert effective() == "from-file"
    monkeypatch.setenv(environment_name(field), "from-variable")
    assert effective() == "from-variable"


def test_given_values_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL.format("variable"))
    monkeypatch.setenv("RUNLOG_EXPOSE", "internal")
    settings = Settings(database_url=SecretStr(URL.format("given")), expose="public")
    assert settings.require_database_url() == URL.format("given")
    assert settings.expose == "public"


def test_runlog_up_is_found_in_a_data_directory_named_by_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: Any
) -> None:
    directory = runtime(pid=os.getpid(), url="http://h:9")
    (tmp_path / "dir").write_text(str(directory), encoding="utf-8")
    monkeypatch.delenv("RUNLOG_DATA_DIR")
    monkeypatch.setenv("RUNLOG_DATA_DIR_FILE", str(tmp_path / "dir"))
    assert get_settings().url == "http://h:9"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNLOG_MAX_BODY_BYTES", "lots"),
        ("RUNLOG_MAX_BODY_BYTES", "10"),
        ("RUNLOG_MAX_BODY_BYTES", ""),
        ("RUNLOG_EXPOSE", "everything"),
        ("RUNLOG_LOG_LEVEL", "LOUD"),
        ("RUNLOG_INGEST_CONNECTIONS", "0"),
        ("RUNLOG_DATABASE_TIMEOUT", "-1"),
        ("RUNLOG_DATABASE_TIMEOUT", "nan"),
        ("RUNLOG_DATABASE_TIMEOUT", "inf"),
        ("RUNLOG_SCORE_SWEEP_INTERVAL", "0"),
        ("RUNLOG_SCORE_SWEEP_INTERVAL", "nan"),
        ("RUNLOG_SCORE_SWEEP_AGE", "inf"),
        ("RUNLOG_AUDIT_INTERVAL", "1e999"),
        ("RUNLOG_AUDIT_PING_URL", "example.com"),
        ("RUNLOG_ALERT_URLS", "mailto://u:p@h, me@example.com"),
        ("RUNLOG_ALERT_WEBHOOK_URL", "https://h/a https://h/b"),
        ("RUNLOG_ALERT_WEBHOOK_SECRET", "whsec_%"),
        ("RUNLOG_ALERT_TIMEOUT", "31"),
        ("RUNLOG_ALERT_REMINDER_INTERVAL", "0"),
        ("RUNLOG_ALERT_RATE", "0"),
        ("RUNLOG_ALERT_QUIET_HOURS", "22:00"),
        ("RUNLOG_ALERT_QUIET_HOURS", "22:00-22:00"),
        ("RUNLOG_ALERT_QUIET_HOURS", "22:00-07:00 Mars/Olympus"),
        ("RUNLOG_ALERT_DIGEST", "25:00"),
    ],
)
def test_a_wrong_value_is_an_error_naming_the_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"^{variable}: ."):
        get_settings()


def test_a_wrong_value_in_a_file_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("many", encoding="utf-8")
    monkeypatch.setenv("RUNLOG_INGEST_QUEUE_SIZE_FILE", str(tmp_path / "value"))
    with pytest.raises(ConfigError, match=r"^RUNLOG_INGEST_QUEUE_SIZE: ."):
        get_settings()


@pytest.mark.parametrize("path", ["missing", ".", "latin-1"])
def test_an_unreadable_file_is_an_error_naming_the_variable(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "latin-1").write_bytes(b"\xff")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / path))
    with pytest.raises(ConfigError, match=r"^DATABASE_URL_FILE: cannot read "):
        get_settings()


@pytest.mark.parametrize("require", [Settings.require_database_url, Settings.require_broker_url])
def test_a_missing_url_is_an_error_naming_the_variable(require: Any) -> None:
    with pytest.raises(ConfigError, match=r"^(DATABASE_URL|CELERY_BROKER_URL) is not set"):
        require(get_settings())


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@h/db")
    assert "hunter2" not in repr(get_settings())


@pytest.mark.parametrize("variable", ["RUNLOG_ALERT_URLS", "RUNLOG_ALERT_WEBHOOK_URL"])
def test_secrets_are_not_in_what_is_wrong_with_them(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "hunter2://x hunter2 hunter2")
    with pytest.raises(ConfigError) as raised:
        get_settings()
    assert "hunter2" not in f"{raised.value} {raised.value.__cause__}"


def test_a_running_runlog_up_is_read(runtime: Any) -> None:
    directory = runtime(pid=os.getpid(), database_url="a", celery_broker_url="b", url="c")
    assert read_runtime(directory) == {"database_url": "a", "celery_broker_url": "b", "url": "c"}


def test_a_runlog_up_that_ended_is_ignored(runtime: Any) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert read_runtime(runtime(pid=ended.pid, url="c")) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "5", '"up"', "[]", '["pid"]', "\x00", "[" * 100_000),
        *("{}", '{"pid": "x"}', '{"pid": null}', '{"pid": 1e9}', '{"pid": 999999999999999999999}'),
    ],
)
def test_a_damaged_runtime_file_is_ignored(text: str, runtime: Any) -> None:
    directory = runtime()
    (directory / RUNTIME_FILE).write_text(text, encoding="utf-8")
    assert read_runtime(directory) == {}
