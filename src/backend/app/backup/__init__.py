"""Backing up the database and restoring it, by PostgreSQL's own tools."""
