"""Restore a backup: all of it or nothing, and nothing that is there is lost unless that is asked for."""

import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.backup.archive import Archive, read_archive
from app.backup.contents import Contents, count, roles, server_major
from app.backup.tools import Database, Tools, failure, find_tools, newest_tools, run
from app.errors import BackupError
from app.models import FUNCTIONS, AgentRunLog, AuditCycleRecord, Base
from app.schema.sync import find_drift, sync_schema

# Transactions of a running product may want the same tables in another order: PostgreSQL then ends one.
_ATTEMPTS = 5
_PAUSE = 1.0  # seconds
_TRY_AGAIN = re.compile(r"deadlock detected|lock timeout")
_NOT_EMPTY = re.compile(r"runlog: (\w+) has rows")
# A fresh installation has these already.
_LOG = AgentRunLog.__tablename__
_OF_THEMSELVES = frozenset((AuditCycleRecord.__tablename__,))
_GRANTEES = re.compile(r'^GRANT .* TO ("(?:[^"]|"")+"|\w+)', re.MULTILINE)
# What pg_dump writes from version 17 on, and older servers do not know.
_TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
_FIRST_WITH_IT = 17
# What servers of late 2026 and later note of columns for themselves, as an older pg_dump copies it.
_MARK = re.compile(rb"ALTER TABLE ONLY .* SET \(pg_attver=\d+\);\n")


@dataclass(frozen=True)
class Restored:
    """What is in the database now, and how it differs from what it should be: not at all where all went well.

    `synchronised` is what the synchronisation of the schema did, as for a backup of an older version.
    `roles_missing` are those whose rights could not be restored with those of others.
    """

    contents: Contents
    synchronised: Sequence[str]
    differences: Sequence[str]
    roles_missing: Sequence[str]


def restore(url: str, path: Path, *, embedded: bool, replace: bool) -> Restored:
    """Restore the backup at `path` into the database at `url`, which is empty, or is replaced.

    1. Read the backup's table of contents, and find the tools that fit it and the server.
    2. In one transaction: lock the tables, refuse unless they are empty or to be replaced, drop them, and run
       all of the backup. Triggers come last in it, so what is derived is restored as it was, and not added up
       again. Where two transactions wait for each other, it is tried again.
    3. Bring the schema of an older version up to date, then compare it, and the figures, with the log.

    Raises `BackupError`, after which the database is as it was, and `DatabaseError` or `SchemaError`.
    """
    server = server_major(url)
    archive = read_archive(path, newest_tools(embedded=embedded))
    if archive.server > server:
        raise BackupError(
            f"{path} was made from PostgreSQL {archive.server}, and this is {server}: restore it into"
            f" {archive.server} or later"
        )
    tools = find_tools(server, archive.tool, embedded=embedded)
    missing = sorted(_grantees(archive, tools) - roles(url))
    database, script = Database.at(url, embedded=embedded), _Script(server, replace, privileges=not missing)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _replay(archive, tools, database, script)
            break
        except BackupError as error:
            if not _TRY_AGAIN.search(str(error)) or attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE)
    synchronised = asyncio.run(sync_schema(url))
    return Restored(count(url), synchronised, asyncio.run(find_drift(url)), missing)


def _grantees(archive: Archive, tools: Tools) -> set[str]:
    """The roles that the backup gives rights to, but for PUBLIC."""
    ddl = run([tools.path("pg_restore"), "--schema-only", "--no-owner", "--file=-", archive.path]).stdout
    found = _GRANTEES.findall(ddl.decode("utf-8", "replace"))
    return {name.strip('"').replace('""', '"') for name in found} - {"PUBLIC"}


@dataclass(frozen=True)
class _Script:
    """What is run before and after the backup's own statements."""

    server: int
    replace: bool
    privileges: bool

    def before(self) -> str:
        """SQL that begins the transaction and makes room."""
        # The log first: it is what is named where a database is not empty.
        tables = sorted((table.name for table in Base.metadata.sorted_tables), key=lambda n: n != _LOG)
        names = ", ".join(f"'{name}'" for name in tables)
        functions = ", ".join(f"{function.name}()" for function in FUNCTIONS)
        spared = ", ".join(f"'{name}'" for name in sorted(_OF_THEMSELVES))
        return f"""
BEGIN;
SET LOCAL lock_timeout = '1min';
SET LOCAL client_min_messages = warning;
DO $restore$
DECLARE
    name text;
    found text[];
    has_rows boolean := false;
BEGIN
    FOREACH name IN ARRAY ARRAY[{names}] LOOP
        CONTINUE WHEN to_regclass(quote_ident(name)) IS NULL;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
        found := found || quote_ident(name);
        IF NOT {str(self.replace).lower()} AND name NOT IN ({spared}) THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO has_rows;
        END IF;
        IF has_rows THEN
            RAISE EXCEPTION 'runlog: % has rows', name;
        END IF;
    END LOOP;
    IF found IS NOT NULL THEN
        EXECUTE 'DROP TABLE ' || array_to_string(found, ', ');
    END IF;
END
$restore$;
DROP FUNCTION IF EXISTS {functions};
SET LOCAL lock_timeout = 0;
"""  # noqa: S608

    def after(self) -> str:
        """SQL that commits, with our functions for no one else to call: they have their owner's rights."""
        functions = ", ".join(f"{function.name}()" for function in FUNCTIONS)
        return f"RESET search_path;\nREVOKE ALL ON FUNCTION {functions} FROM PUBLIC;\nCOMMIT;\n"


def _replay(archive: Archive, tools: Tools, database: Database, script: _Script) -> None:
    """Run the backup's statements within `script`, by `psql`. Raises `BackupError`."""
    options = ["--no-owner", *([] if script.privileges else ["--no-privileges"])]
    psql: list[str | Path] = [
        tools.path("psql"),
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        f"--dbname={database.url}",
    ]
    with (
        tempfile.TemporaryFile() as reader_said,
        tempfile.TemporaryFile() as writer_said,
        subprocess.Popen(
            [tools.path("pg_restore"), *options, "--file=-", archive.path],
            stdout=subprocess.PIPE,
            stderr=reader_said,
        ) as reader,
        subprocess.Popen(
            psql,
            env=database.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=writer_said,
        ) as writer,
    ):
        assert reader.stdout is not None and writer.stdin is not None  # noqa: S101, PT018  # they are pipes
        with suppress(BrokenPipeError):
            writer.stdin.write(script.before().encode())
            _copy(reader.stdout, writer.stdin, script.server)
            # Without it psql ends, at a backup that is cut short too, and nothing is kept.
            if reader.wait() == 0:
                writer.stdin.write(script.after().encode())
        with suppress(BrokenPipeError):
            writer.stdin.close()
        status = writer.wait()
        reader.stdout.close()
        reader.wait()
        _check("psql", status, writer_said)
        _check("pg_restore", reader.returncode, reader_said)


def _copy(source: IO[bytes], target: IO[bytes], server: int) -> None:
    """Copy SQL, without the statements that say nothing of a table and that `server` may refuse."""
    for line in source:
        is_unknown = server < _FIRST_WITH_IT and line == _TRANSACTION_TIMEOUT
        if not is_unknown and not _MARK.fullmatch(line):
            target.write(line)
        if line.startswith(b"COPY "):  # from here on there are rows
            break
    shutil.copyfileobj(source, target, 1024 * 1024)


def _check(program: str, status: int, said: IO[bytes]) -> None:
    if status == 0:
        return
    said.seek(0)
    text = said.read()
    if found := _NOT_EMPTY.search(text.decode("utf-8", "replace")):
        raise BackupError(
            f"the database is not empty, for {found[1]} has rows: nothing was restored; --replace drops what"
            " is there"
        )
    raise BackupError(f"nothing was restored: {failure(program, status, text)}")
