"""The seals of the log: a Merkle tree over what was recorded and changed, and what waits to go into it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class SealPending(Base):
    """What a transaction recorded or changed and no leaf has yet; triggers write it, in that transaction.

    `kind` is `run` (recorded), `merge` (a run that further reports were merged into), `scores`, each with
    `run_ids`, or `event`, with `content`: a change of a row of another table. `began_at` is when the
    transaction began, before which no run of it can have come.
    """

    __tablename__ = "seal_pending"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    run_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    noted_by: Mapped[str] = mapped_column(Text, server_default=text("SESSION_USER"))
    began_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    noted_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )


class SealLeaf(Base):
    """A leaf of the tree: the hash of an entry, and what of the entry is nowhere else.

    A leaf of a run has the `salt` of its payload's commitment, and no `body`: the entry is made of the run
    itself. Once the payload is erased the salt is gone, and `body` is the entry. Other leaves have their
    entry in `body`.
    """

    __tablename__ = "seal_leaf"
    __table_args__ = (
        Index("idx_seal_leaf_run", "run_id", postgresql_where=text("(run_id IS NOT NULL)")),
        # Few beside the runs' leaves, and verified apart from them.
        Index("idx_seal_leaf_others", "leaf_index", postgresql_where=text("((kind)::text <> 'run'::text)")),
    )

    leaf_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(8))
    run_id: Mapped[UUID | None]
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    body: Mapped[str | None] = mapped_column(Text)


class SealNode(Base):
    """The hash of a complete subtree of 2 ** `level` leaves, from the leaf `node_index` * 2 ** `level` on."""

    __tablename__ = "seal_node"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    node_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class SealCheckpoint(Base):
    """A signed statement of what the tree was at a size: a C2SP checkpoint, cosignatures included.

    `cosigned_at` is when the last of these came. `timestamp_response` is what a time stamp authority answered
    (RFC 3161) about the checkpoint without cosignatures.
    """

    __tablename__ = "seal_checkpoint"
    __table_args__ = (
        Index(
            "idx_seal_checkpoint_cosigned", "tree_size", postgresql_where=text("(cosigned_at IS NOT NULL)")
        ),
        Index(
            "idx_seal_checkpoint_stamped",
            "tree_size",
            postgresql_where=text("(timestamp_response IS NOT NULL)"),
        ),
    )

    tree_size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    cosigned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    timestamp_response: Mapped[bytes | None] = mapped_column(LargeBinary)


class SealAdoption(Base):
    """How far the runs have been sealed that are older than the triggers: one row.

    Those with an id up to `adopted_to` have leaves; `ended_at` is when all had.
    """

    __tablename__ = "seal_adoption"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    adopted_to: Mapped[UUID | None]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
