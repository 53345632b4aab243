"""The tuned constants of sealing and verifying, each with its unit and where it comes from."""

from datetime import timedelta

SEAL_SECONDS = 10.0
"""Seconds between two passes of the sealer: most runs are scored by then, and a change goes unsealed no
longer than that."""

PASS_SECONDS = 8.0
"""How long a pass seals at most while more is pending; the next one goes on. Alerts may be waiting for its
process."""

PENDING_AT_ONCE = 1_000
"""Rows of `seal_pending` that one transaction seals: each of up to `models.sealing.CHUNK` runs, mostly of the
few of a batch of ingest."""

RUNS_AT_ONCE = 5_000
"""Runs that one transaction seals: some 150 ms (`benchmarks/sealing.py`)."""

BYTES_AT_ONCE = 16 * 2**20
"""Bytes of payloads that are read together: those of a whole transaction but where agents report a lot."""

LEAVES_AT_ONCE = 1_024
"""Leaves whose proofs are made together, of four tiles: some 30 ms, and some 5 MB of documents as a rule."""

SCORES_AN_ENTRY = 1_000
"""Runs in an entry of scores: 110 kB of it, of which a proof of one of them is."""

CHECKPOINT_SECONDS = 60.0
"""Seconds between two checkpoints, of 250 bytes that are kept for ever."""

MAIL_PAUSE = timedelta(days=1)
"""Between two checkpoints that are sent as mail or to a chat. Decision: one a day is kept, and not muted."""

TIMESTAMP_PAUSE = timedelta(hours=1)
"""Between two time stamps. Decision: public authorities ask for few requests."""

DELIVERIES_KEPT = timedelta(days=90)
"""How long it is known which checkpoints were sent. Decision: as long as alerts are."""

CLOCK_SECONDS = 60.0
"""Seconds before its transaction began that a run may be dated: the database's clock can be set back."""

CHUNK_LEVEL = 13
"""The leaves that a process verifies at a time are 2 to the power of this: a complete subtree of 8,192, some
tenths of a second of work and some megabytes."""

PARTS_AT_ONCE = 8
"""Parts of that size that a process is handed together: a connection is made for each hand-over."""

VERIFY_SECONDS = 60.0
"""Seconds between two passes of the background verification: how long a change of a short log goes
unnoticed."""

VERIFY_PASS_SECONDS = 2.0
"""Seconds after which a pass begins no further part: a thirtieth of a processor, and as much
of the database's."""

COMPARISON_SECONDS = 30.0
"""Seconds that a comparison of the background verification may take, within the task time limit of 90: what
takes longer in a long log is left to `runlog verify`."""

ERASED_AT_ONCE = 200
"""Old payloads that one transaction erases: some tenths of a second of locks."""
