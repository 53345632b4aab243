"""Settings in a file of the data directory, and what is said of probable mistakes in them."""

import os
from pathlib import Path

import pytest

from app.config import Settings, get_settings
from app.environment import SETTINGS_FILE, environment_name, is_given, read_url
from app.errors import ConfigError
from support.processes import called
from support.reporting import listened_to
from unit.test_config import other_value, plain


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file, in a data directory that is there."""
    directory = tmp_path / "data"
    directory.mkdir(exist_ok=True)
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(directory))
    monkeypatch.delenv("RUNLOG_DATABASE_TIMEOUT", raising=False)
    return directory / SETTINGS_FILE


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    get_settings.cache_clear()


@pytest.mark.parametrize("field", [field for field in Settings.model_fields if field != "data_dir"])
def test_every_setting_is_read_from_the_settings_file(field: str, file: Path) -> None:
    write(file, f"{environment_name(field)}={other_value(field)}\n")
    assert plain(getattr(get_settings(), field)) in (other_value(field), f"{other_value(field)}.0")


@pytest.mark.parametrize(
    "line",
    [
        "RUNLOG_ALERT_URLS=mailto://u:p=q@h",
        'RUNLOG_ALERT_URLS="mailto://u:p=q@h"',
        "export RUNLOG_ALERT_URLS='mailto://u:p=q@h'",
        "  RUNLOG_ALERT_URLS = mailto://u:p=q@h \r",
        "\ufeff# mail\n\nRUNLOG_ALERT_URLS=mailto://u:p=q@h",
        "RUNLOG_ALERT_URLS=slack://a/b/c\nRUNLOG_ALERT_URLS=mailto://u:p=q@h",
    ],
)
def test_a_line_is_read_as_a_shell_would(line: str, file: Path) -> None:
    write(file, line)
    urls = get_settings().alert_urls
    assert urls is not None
    assert urls.get_secret_value() == "mailto://u:p=q@h"


def test_a_variable_wins_over_the_file_over_runlog_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = os.getpid()
    (file.parent / "runtime.json").write_text(f'{{"pid": {pid}, "url": "http://running"}}', encoding="utf-8")
    assert get_settings().url == read_url() == "http://running"
    (file.parent / "url").write_text("http://file-of-file\n", encoding="utf-8")
    write(file, f"RUNLOG_URL_FILE={file.parent / 'url'}")
    assert get_settings().url == read_url() == "http://file-of-file"
    write(file, f"RUNLOG_URL=http://filed\nRUNLOG_URL_FILE={file.parent / 'url'}")
    assert get_settings().url == read_url() == "http://filed"
    assert is_given("url")
    (file.parent / "other").write_text("http://file-of-variable", encoding="utf-8")
    monkeypatch.setenv("RUNLOG_URL_FILE", str(file.parent / "other"))
    get_settings.cache_clear()
    assert get_settings().url == read_url() == "http://file-of-variable"
    monkeypatch.setenv("RUNLOG_URL", "http://variable")
    get_settings.cache_clear()
    assert get_settings().url == read_url() == "http://variable"


def test_a_line_that_is_none_is_named_and_not_shown(file: Path) -> None:
    write(file, "RUNLOG_URL=http://filed\nhunter2222\n")
    with pytest.raises(ConfigError, match=r"settings\.env, line 2: this is no NAME=value") as raised:
        get_settings()
    assert "hunter2222" not in str(raised.value)
    # What reports a run does not fail for it.
    assert read_url() == "http://127.0.0.1:8000"


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ConfigError, match=r"cannot read the settings in .*settings\.env"):
        get_settings()
    assert read_url() == "http://127.0.0.1:8000"


def test_a_wrong_value_names_its_setting(file: Path) -> None:
    write(file, "RUNLOG_ALERT_RATE=often")
    with pytest.raises(ConfigError, match=r"^RUNLOG_ALERT_RATE: "):
        get_settings()


def test_config_names_the_file_and_each_probable_mistake(file: Path) -> None:
    absent = called("config")
    assert f"settings file: {file}\n(there is none yet)" in absent.stdout
    assert absent.stderr == ""
    write(file, "RUNLOG_ALERT_WEBHOK_URL=https://h/hunter2222\nRUNLOG_DATA_DIR=/elsewhere\nPATH=/bin\n")
    file.chmod(0o644)
    done = called(
        "config", RUNLOG_ALERT_URL="slack://hunter2222", RUNLOG_ALERT_URLS_FILES="x", RUNLOG_XYZ="1"
    )
    assert f"settings file: {file}\n" in done.stdout
    said = done.stderr.splitlines()
    assert (
        f"runlog: RUNLOG_ALERT_WEBHOK_URL in {file} is no setting; did you mean RUNLOG_ALERT_WEBHOOK_URL?"
        in said
    )
    assert any("RUNLOG_DATA_DIR" in line and "has no effect" in line for line in said)
    assert any(line.startswith(f"runlog: PATH in {file} is no setting") for line in said)
    assert "runlog: RUNLOG_ALERT_URL is no setting; did you mean RUNLOG_ALERT_URLS?" in said
    assert "runlog: RUNLOG_ALERT_URLS_FILES is no setting; did you mean RUNLOG_ALERT_URLS_FILE?" in said
    assert "runlog: RUNLOG_XYZ is no setting" in [line.partition(";")[0] for line in said]
    assert f"runlog: {file} may be read by others: chmod 600 {file}" in said
    assert "hunter2222" not in done.stdout + done.stderr


def test_what_agents_shells_have_is_no_mistake(file: Path) -> None:
    assert called("config", RUNLOG_RUN_KEY="k", RUNLOG_AGENT_ID="a", RUNLOG_SPOOL_DIR="/spool").stderr == ""


def test_known_names_are_no_mistake(file: Path) -> None:
    write(
        file,
        "".join(
            f"{environment_name(field)}_FILE=\n" for field in Settings.model_fields if field != "data_dir"
        ),
    )
    names = {f"{environment_name(field)}_FILE": "" for field in Settings.model_fields}
    assert called("config", **names).stderr == ""


@pytest.mark.parametrize("arguments", ["runs", "report sage success", "--version"])
def test_a_quick_command_says_nothing_of_names(arguments: str, file: Path) -> None:
    with listened_to() as shell:
        done = called(*arguments.split(), RUNLOG_ALERT_URL="x", RUNLOG_URL=shell.env["RUNLOG_URL"])
    assert "no setting" not in done.stderr


@pytest.mark.parametrize("arguments", ["up --data-dir /dev/null/nowhere", "worker", "beat"])
def test_a_command_that_stays_says_it(arguments: str, file: Path) -> None:
    done = called(
        *arguments.split(),
        DATABASE_URL="postgresql://h/db",
        CELERY_BROKER_URL="nonsense://h",
        RUNLOG_ALERT_URL="x",
    )
    assert "runlog: RUNLOG_ALERT_URL is no setting; did you mean RUNLOG_ALERT_URLS?" in done.stderr
