"""Functions and triggers as the models declare them, to be compared with a database as text."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Function:
    """A function of no arguments; `body` is its source as PostgreSQL keeps it, and so are its `settings`."""

    name: str
    body: str
    settings: tuple[str, ...] = ()
    returns: str = "trigger"

    @property
    def ddl(self) -> tuple[str, ...]:
        """The statements that create or replace it.

        It has its owner's rights. So temporary tables must not precede ours, as they do unless the
        search_path names pg_temp, and no other role may call it from a trigger of its own.
        """
        path = f"ALTER FUNCTION {self.name}() SET search_path = %s, pg_temp"
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS {self.returns} LANGUAGE plpgsql"
            f" SECURITY DEFINER AS $function${self.body}$function$",
            f"DO $do$ BEGIN EXECUTE format('{path}', current_setting('search_path')); END $do$",
            *(f"ALTER FUNCTION {self.name}() SET {setting}" for setting in self.settings),
            f"REVOKE ALL ON FUNCTION {self.name}() FROM PUBLIC",
        )


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger; `definition` creates it, as PostgreSQL itself prints it.

    One that fires `always` does so in a session with `session_replication_role = replica` too.
    """

    name: str
    table: str
    definition: str
    always: bool = False
    partition: bool = False

    @property
    def ddl(self) -> tuple[str, ...]:
        """The statements that create it."""
        return (self.definition, self.enable) if self.always else (self.definition,)

    @property
    def enable(self) -> str:
        """The statement by which it fires when it should, once it is there."""
        return f"ALTER TABLE {self.table} ENABLE {'ALWAYS ' if self.always else ''}TRIGGER {self.name}"

    @property
    def place(self) -> str:
        """Where it is, to be said after its name: nothing on the table that it is declared for."""
        return f" on {self.table}" if self.partition else ""

    @property
    def each_row(self) -> bool:
        """Whether it fires for rows: a partitioned table's are on its partitions by themselves."""
        return " FOR EACH ROW" in self.definition

    def on(self, partition: str) -> "Trigger":
        """The same trigger on a partition of its table."""
        definition = self.definition.replace(f" ON {self.table} ", f" ON {partition} ", 1)
        return replace(self, table=partition, definition=definition, partition=True)

    @property
    def drop(self) -> str:
        """The statement that drops it."""
        return f"DROP TRIGGER {self.name} ON {self.table}"
