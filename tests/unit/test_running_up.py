"""How a command finds the `runlog up` that runs, when nothing says where."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import get_settings
from app.embedded.data_dir import DataDirectory
from app.environment import (
    RUNNING,
    RUNTIME_FILE,
    SETTINGS_FILE,
    TOKEN_FILE,
    data_directory,
    default_data_dir,
    names_database,
    new_data_dir,
    read_token,
    read_url,
    use_running,
)
from app.errors import ConfigError

Started = Callable[[str], DataDirectory]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Makes a data directory known as that of a `runlog up`, which is this process."""
    monkeypatch.delenv("RUNLOG_DATA_DIR")

    def start(name: str) -> DataDirectory:
        directory = DataDirectory(tmp_path / name if name else default_data_dir())
        directory.path.mkdir(parents=True, exist_ok=True)
        directory.publish(database_url=f"db-{name}", celery_broker_url="b", url=f"http://h/{name}")
        return directory

    return start


def test_the_only_one_is_found_until_it_ends(started: Started) -> None:
    directory = started("elsewhere")
    assert data_directory() == get_settings().data_dir == directory.path
    assert (read_url(), get_settings().require_database_url()) == ("http://h/elsewhere", "db-elsewhere")
    directory.withdraw()
    assert data_directory() == default_data_dir()
    assert list((default_data_dir() / RUNNING).iterdir()) == []


def test_a_new_one_does_not_run_where_another_does(started: Started) -> None:
    started("elsewhere")
    assert new_data_dir() == default_data_dir()


def test_one_on_the_default_directory_is_preferred(started: Started) -> None:
    for name in ("", "one", "two"):
        started(name)
    assert (data_directory(), read_url()) == (default_data_dir(), "http://h/")


def test_of_several_a_command_that_needs_one_names_them(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {str(started(name).path) for name in ("one", "two")}
    for asked in (read_url, get_settings().require_database_url, get_settings().require_broker_url):
        with pytest.raises(ConfigError, match="several `runlog up` are running") as raised:
            asked()
        assert all(path in str(raised.value) for path in paths)
    monkeypatch.setenv("RUNLOG_URL", "http://h:1")
    monkeypatch.setenv("DATABASE_URL", "given")
    get_settings.cache_clear()
    assert (read_url(), get_settings().require_database_url()) == ("http://h:1", "given")


def test_the_one_that_a_command_names_comes_before_the_environment(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        started(name)
    (started("two").path / TOKEN_FILE).write_text("its token", encoding="ascii")
    for name in ("RUNLOG_URL", "RUNLOG_TOKEN", "DATABASE_URL", "CELERY_BROKER_URL_FILE"):
        monkeypatch.setenv(name, "http://elsewhere")
    use_running(started("two").path)
    assert (read_url(), read_token(), names_database()) == ("http://h/two", "its token", False)
    with pytest.raises(ConfigError, match=r"no `runlog up` is running on /no/such"):
        use_running(Path("/no/such"))


@pytest.mark.parametrize(
    ("environment", "filed", "is_database"),
    [
        ({}, "", False),
        ({"DATABASE_URL": "d", "RUNLOG_URL": "u"}, "", True),
        ({"DATABASE_URL": "", "RUNLOG_URL": "u"}, "", False),
        ({}, "DATABASE_URL=d", True),
        ({"RUNLOG_URL": "u"}, "DATABASE_URL=d", False),
        ({"DATABASE_URL": "d"}, "RUNLOG_URL=u", True),
        ({}, "RUNLOG_URL=u\nDATABASE_URL=d", True),
        ({"RUNLOG_URL": ""}, "DATABASE_URL=d", True),
    ],
)
def test_the_log_is_read_where_the_nearest_setting_says(
    environment: dict[str, str],
    filed: str,
    is_database: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(tmp_path))
    (tmp_path / SETTINGS_FILE).write_text(filed, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert names_database() == is_database


def test_one_that_was_killed_is_ignored_and_forgotten_at_the_next_start(started: Started) -> None:
    killed = started("killed")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (killed.path / RUNTIME_FILE).write_text(json.dumps({"pid": ended.pid, "url": "c"}), encoding="utf-8")
    assert data_directory() == default_data_dir()
    other = started("other")
    assert [link.readlink() for link in (default_data_dir() / RUNNING).iterdir()] == [other.path]


def test_another_users_is_not_followed(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    started("theirs")
    ours = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: ours)
    assert data_directory() == default_data_dir()


def test_what_is_no_link_is_ignored(started: Started) -> None:
    directory = default_data_dir() / RUNNING / "copy"
    directory.mkdir(parents=True)
    (directory / RUNTIME_FILE).write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    assert data_directory() == default_data_dir()


def test_a_home_that_takes_no_link_is_no_reason_to_fail(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    default_data_dir().parent.mkdir(parents=True)
    default_data_dir().write_text("a file")
    directory = started("elsewhere")
    assert f"only with RUNLOG_DATA_DIR={directory.path}," in capsys.readouterr().err
    directory.withdraw()
