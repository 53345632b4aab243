"""Moments as entries have them."""

from app.proof.domain.entries import MOMENT_PATTERN


def moment_text(moment: str) -> str:
    """SQL of the text of a moment, given as SQL: also of one that lies beyond the years 1 to 9999."""
    utc = f"{moment} AT TIME ZONE 'UTC'"
    return f"""CASE
        WHEN isfinite({moment}) THEN to_char({utc}, '{MOMENT_PATTERN}')
            || CASE WHEN {utc} < '0001-01-01' THEN ' BC' ELSE '' END
        ELSE CAST({utc} AS text) END"""
