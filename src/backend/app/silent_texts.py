"""Texts that are no output of a run, for the rule of silence in Python and in SQL alike."""

BLANKS = (
    "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""White space: the characters of which Python's `str.isspace` is true. A text of these alone is blank."""

QUIET_REPLIES = ("NO_REPLY", "HEARTBEAT_OK")
"""Summaries with which a scheduled agent reports that there was nothing to report."""
