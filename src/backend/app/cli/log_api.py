"""Where commands find the log: one rule for all that read and change it through the API."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from app.cli.answers import RunId, decoded
from app.cli.api_client import Api, HttpApi, path_of
from app.environment import names_database, read_settings
from app.errors import InvalidRequestError
from app.kit.text import printable


@contextmanager
def open_api() -> Iterator[Api]:
    """The API of the server that runs are reported to, or on the database where `DATABASE_URL` is set.

    What the API finds wrong with a request is a wrong usage: `typer.BadParameter`. Raises `ConfigError` for
    a settings file that cannot be read.
    """
    try:
        if names_database():
            from app.cli.database_api import DatabaseApi  # a request by HTTP needs no database driver

            with DatabaseApi() as api:
                yield api
        else:
            yield HttpApi()
    except InvalidRequestError as error:
        raise typer.BadParameter(printable(str(error))) from error


def whole_id(api: Api, beginning: str) -> str:
    """The id of the one run whose id begins with `beginning`. Raises `NotFoundError`."""
    return decoded(api.request("GET", path_of("run-ids", beginning)), RunId).id


def public_pages() -> str | None:
    """Where people reach the pages, without a slash at its end; None where no setting says so."""
    url = read_settings(["public_url"]).get("public_url")
    return url.rstrip("/") if url else None
