"""Spans in words."""

from datetime import timedelta


def in_words(span: timedelta) -> str:
    """A span in words, to two units at most: `45 s`, `1 h 30 min`, `2 days 4 h`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    days = f"{hours // 24} day" + ("s" if hours >= 48 else "")
    return days + (f" {hours % 24} h" if hours % 24 else "")
