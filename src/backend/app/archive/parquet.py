"""Runs as rows of a Parquet file, which DuckDB and others read.

A row holds every column of the log, and its results of `agent_run_score` as JSON. What PostgreSQL holds as
JSON is the text that PostgreSQL prints of it. Moments are microseconds since 1970; those without an end are
what DuckDB takes for infinity.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from app.errors import ArchiveError

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    raise ArchiveError("archives need pyarrow, which the extra `archive` installs") from error

Row = tuple[Any, ...]
"""The values of `COLUMNS`, moments as integers."""

_MOMENT = pa.timestamp("us", "UTC")
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("agent_id", pa.string()),
        ("run_at", _MOMENT),
        ("action_summary", pa.string()),
        ("actions_taken", pa.string()),
        ("status", pa.string()),
        ("consecutive_silence_count", pa.int32()),
        ("rlhf_scores", pa.string()),
        ("created_at", _MOMENT),
        ("scores", pa.string()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)


class RowDigest:
    """How many rows, and the SHA-256 of all that they hold, in their order."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = sha256()

    def add(self, rows: Sequence[Row]) -> None:
        """Go on with these."""
        for row in rows:
            self._hash.update(json.dumps(row, separators=(",", ":")).encode())
        self.rows += len(rows)

    @property
    def value(self) -> tuple[int, bytes]:
        """The number and the digest."""
        return self.rows, self._hash.digest()


class Writer:
    """Writes a new file, group by group; `digest` is of all rows that were written."""

    def __init__(self, path: Path) -> None:
        self.digest = RowDigest()
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        """Write these as a group, which is read as a whole."""
        self.digest.add(rows)
        columns = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))

    def close(self) -> None:
        """End the file."""
        self._writer.close()


def read_rows(path: Path) -> Iterator[list[Row]]:
    """The rows of a file, group by group. Raises `ArchiveError` where it is no such file."""
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                columns = [
                    (column.cast(pa.int64()) if column.type == _MOMENT else column).to_pylist()
                    for column in file.read_row_group(group, columns=list(COLUMNS)).columns
                ]
                yield list(zip(*columns, strict=True))
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"cannot read {path}: {error}") from error


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises `OSError`."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
