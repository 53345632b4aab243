"""Trigger functions and triggers as the models declare them, to be compared with a database as text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """A trigger function; `body` is its source as PostgreSQL keeps it, and so are its `settings`."""

    name: str
    body: str
    settings: tuple[str, ...] = ()

    @property
    def ddl(self) -> tuple[str, ...]:
        """The statements that create or replace it.

        It has its owner's rights. So temporary tables must not precede ours, as they do unless the
        search_path names pg_temp, and no other role may call it from a trigger of its own.
        """
        path = f"ALTER FUNCTION {self.name}() SET search_path = %s, pg_temp"
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            f" AS $function${self.body}$function$",
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

    @property
    def ddl(self) -> tuple[str, ...]:
        """The statements that create it."""
        enable = f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}"
        return (self.definition, enable) if self.always else (self.definition,)

    @property
    def drop(self) -> str:
        """The statement that drops it."""
        return f"DROP TRIGGER {self.name} ON {self.table}"
