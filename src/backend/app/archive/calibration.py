"""The tuned constants of archives, each with its unit and where it comes from."""

LEAST_DAYS = 37
"""Days after its end in which a month is not archived: agents' scores are compared over 36 of them."""

GROUP_ROWS = 10_000
"""Rows that are written together at most, and read as a whole. Decision: megabytes, of small payloads."""

GROUP_BYTES = 16 * 2**20
"""Bytes of payloads that are written together, but for the last of them: as the sealer reads together
(`proof.calibration.BYTES_AT_ONCE`)."""

ROWS_AT_ONCE = 100
"""Rows that PostgreSQL sends together, each of a mebibyte at most."""

LIMITS = {"statement_timeout": "1h"}
"""Of the transactions that read, empty or fill a month of millions of runs."""
