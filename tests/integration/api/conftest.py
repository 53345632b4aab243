"""A real server for the tests of a module."""

from collections.abc import Iterator

import pytest

from support.processes import serving


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, module_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a server that all tests of the module use.

    It may not log an error, nor what the module names in `NEVER_LOGGED`.
    """
    directory = tmp_path_factory.mktemp("server")
    env, log = {"DATABASE_URL": module_database, "RUNLOG_DATA_DIR": str(directory)}, directory / "serve.log"
    with serving(env=env, log=log) as url:
        yield url
    text = log.read_text(encoding="utf-8")
    forbidden = ("Traceback", '"level": "error"', *getattr(request.module, "NEVER_LOGGED", ()))
    assert [each for each in forbidden if each in text] == []
