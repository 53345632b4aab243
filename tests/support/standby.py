"""A primary and its synchronous standby, as embedded servers."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.embedded.postgres import Postgres
from support.background import Background
from support.database import until_it_is
from support.processes import free_port

IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@dataclass(frozen=True)
class Pair:
    """Both run; `url` names the primary first and asks for the one that takes writes."""

    primary: Postgres
    standby: Postgres
    url: str

    def promote(self, background: Background) -> None:
        """Have the standby take writes."""
        background.run(until_it_is(self.standby.url, "SELECT pg_promote()", True))


def copy_of(stopped: Postgres, directory: Path, **settings: str) -> Postgres:
    """A server on a copy of a stopped one's data, not started."""
    subprocess.run(["cp", "-a", f"{stopped.directory}/.", directory], check=True)
    return Postgres(directory, password=stopped.password, port=free_port(), settings=settings)


def make_primary(make_postgres: Callable[..., Postgres]) -> Postgres:
    """A primary whose commits wait for a standby, not started."""
    return make_postgres("primary", synchronous_standby_names="*")


async def start_pair(
    make_postgres: Callable[..., Postgres], primary: Postgres, reached_at: str | None = None
) -> Pair:
    """Start `primary` and its standby, copies of one database.

    `reached_at` is the URL by which the standby and the product reach the primary, where it is not its own.
    """
    reached_at = reached_at or primary.url
    standby = make_postgres(
        "standby", primary_conninfo=reached_at.replace("/runlog", "/postgres"), hot_standby="on"
    )
    # Both are copies of one database, so the standby goes on from where the primary starts.
    (standby.data / "standby.signal").touch()
    primary.start()
    standby.start()
    await until_it_is(primary.url, IN_STEP, 1)
    login, _, first = urlsplit(reached_at).netloc.rpartition("@")
    second = urlsplit(standby.url).netloc.rpartition("@")[2]
    return Pair(primary, standby, f"postgresql://{login}@{first},{second}/runlog")
