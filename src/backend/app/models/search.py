"""The index that a search of the log is answered from: blocks of runs, with what their texts hold."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Index, SmallInteger, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class SearchBlock(Base):
    """Some runs of about the same time, and the items that searches ask for (`app.runs.search.items`).

    `items` is NULL where they are too many: the block is then looked through by every search. `oldest` and
    `newest` are the runs' `created_at`, without those that have none. A block is `stale` where a run of it
    has lost its text since.
    """

    __tablename__ = "search_block"
    __table_args__ = (
        Index("idx_search_block_items", "items", postgresql_using="gin"),
        Index("idx_search_block_no_items", "id", postgresql_where=text("(items IS NULL)")),
        Index("idx_search_block_stale", "id", postgresql_where=text("stale")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    run_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    oldest: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    newest: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    items: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    stale: Mapped[bool] = mapped_column(server_default=text("false"))


class SearchProgress(Base):
    """How far the log is indexed: one row. The runs of the leaves below `indexed_to` are in blocks."""

    __tablename__ = "search_progress"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    indexed_to: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
