"""Changing the append-only log as a superuser can, who may disable its triggers."""

from app.models import GUARD_TRIGGERS

UNGUARD = "; ".join(f"ALTER TABLE {each.table} DISABLE TRIGGER {each.name}" for each in GUARD_TRIGGERS)
"""SQL after which the log of a test's database may be changed; what is derived follows."""

GUARD = "; ".join(f"ALTER TABLE {each.table} ENABLE ALWAYS TRIGGER {each.name}" for each in GUARD_TRIGGERS)
"""SQL after which it may not any more."""
