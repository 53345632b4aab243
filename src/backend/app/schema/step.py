"""A step from what a database contains to what the models declare."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One difference, and the statements that repair it: none where that is for a person to decide.

    `online` statements run one by one outside a transaction and never block a writer; the others
    run together in one short transaction. After a step that `opens_gap` the derived tables have to be
    filled again, and the one that `fills` them has no statements of its own.
    """

    table: str
    drift: str
    action: str = ""
    statements: tuple[str, ...] = ()
    online: bool = False
    creates_table: bool = False
    opens_gap: bool = False
    fills: bool = False

    @property
    def repairable(self) -> bool:
        """Whether the step can be taken without guessing."""
        return bool(self.statements) or self.fills
