"""The tuned constants of recording runs, each with its unit and where it comes from.

Any of them can be varied: `benchmarks/ingest.py --set runs.OVERDUE_SECONDS=0.1` measures the product with
another value, and `benchmarks/sustained.py` takes the same option.
"""

# How runs are joined into commits (`app.runs.writer`).

BATCH_BYTES = 8 * 1024 * 1024
"""Bytes of memory that a batch's texts take when it is full. Eight reports of the largest default size: a
statement of more would hold its agents' locks for long, and one of less would split an ordinary batch."""

DIGEST_CHARACTERS = 16_384
"""Characters of a report with an idempotency key from which a thread makes its digest: that takes up to 2 ms,
for which the event loop would do nothing else, and handing it over a tenth of one."""

OVERDUE_SECONDS = 0.02
"""Wait after which a run gets a second flush task. Above the longest ordinary commit under full load, and so
only for a commit that a lock or a disk delays: with 0 seconds, that is with two commits always under way,
`benchmarks/ingest.py` loses a tenth to a fifth of its rate on two processors (decision 3)."""

QUEUE_TIMEOUT = 1.0
"""Seconds that a run waits for the start of its commit, then it is refused (decision 11)."""

ANSWER_SECONDS = 8.0
"""Seconds after its arrival by which a run is committed, or refused as one to be sent again: within the 10
that the specification's clients wait (decision 11), however many hosts, statements or attempts it takes.
Enough for the longest wait, a statement's timeout of 5, and a server that is restarted (`tests/faults`)."""

RETRY_PAUSE = 0.1
"""Seconds between two attempts to reach the database: ten a second cost nothing, and the first runs after an
outage are refused for no longer than that."""

LOCK_TIMEOUT = "3s"
"""PostgreSQL's `lock_timeout` for a batch: who keeps one agent's state locked must not stop the other agents.
Below the specification's 10 seconds."""

LIMITS = {"lock_timeout": LOCK_TIMEOUT, "idle_in_transaction_session_timeout": "5s"}
"""PostgreSQL's settings for transactions of several statements: one that was cut off must not stop other
agents either."""

# How ids are handed to Celery (`app.runs.dispatch`).

QUEUE_SIZE = 50_000
"""Ids that wait for the broker, at most: about 5 MB. The sweep finds the others."""

MESSAGE_SIZE = 500
"""Ids in one message, as many as a worker scores in one transaction (`app.tasks.calibration.BATCH_SIZE`)."""

GATHER_SECONDS = 0.05
"""How long ids are gathered for a message after a pause: a single run is scored this much later."""

GATHER_SECONDS_UNDER_LOAD = 0.5
"""How long from one message to the next. A message costs as much processor time as recording several runs,
and scoring few runs at a time up to twice as much a run (decision 12); `benchmarks/ingest.py` and
`benchmarks/sustained.py` measure both."""

PAUSE_AFTER_FAILURE = 1.0
"""Seconds after a message that the broker did not take. What comes meanwhile is sent then, in one message."""

CLOSE_TIMEOUT = 5.0
"""Seconds for which a process that ends still sends, half of the time that `docker stop` gives it."""

# How the rate at which runs come in is measured (`app.runs.arrivals`).

RATE_RUNS = 500
"""Runs over which the rate is computed, as many as one message hands on: a burst is seen from its first
message."""

MIN_RATE_SECONDS = 0.01
"""Seconds over which it is computed, at least: the runs of one commit have nearly the same moment."""

# How further reports of a run are merged into its row (`app.runs.merger`).

MERGES_AT_ONCE = 2
"""Merges under way in a process, each with a connection: one waits for a scorer's lock at times, and two
processors have no work for more."""

MERGES_WAITING = 5_000
"""Reports that wait to be merged, at most: at 500 a second, their callers' 10 seconds."""

MOST_RECOUNTED = 10_000
"""Silent runs after a merged one that are counted again: a week of one a minute, and within the statement
timeout."""

# How expired keys are removed (`app.runs.keys`).

KEYS_AT_ONCE = 5_000
"""Keys that one transaction removes: some 50 ms of their locks."""

# How long it is remembered that a run started (`app.runs.starts`).

STARTS_KEPT = 100
"""Starts of one agent, at most: what an agent has under way at once, and some whose process was killed."""

START_DAYS = 35
"""Days after which a start is forgotten though the agent reported nothing since: as far as reports are looked
back upon to judge an agent (`audit.cadence.calibration.EXTREMES_WITHIN`)."""

DURATIONS_KEPT = 300
"""Runs of an agent of which it is kept how long they took: as many as its habits are learned from
(`audit.calibration.HABIT_DEPTH`)."""

# How the log is indexed and searched (`app.runs.search`).

BLOCK_RUNS = 256
"""Runs of a block. Of varied reports of 350 characters, each with a hash of 32 digits, it has some 11,900
items: 93 bytes a run (`benchmarks/search.py`). With 64 runs they are 151, and with 512 twice as many runs are
looked through for each that has a rare text."""

BLOCK_GRAMS = 30_000
"""Pieces of text of a block, at most: they have 65,536 numbers. A run that has more of its own gets a block
without items."""

INDEXED_AT_ONCE = 4_096
"""Runs that one transaction indexes, at most: they are put in order of time first, for where old runs are
sealed between new ones."""

PENDING_KB, MERGE_KB = 16 * 1024, 64 * 1024
"""Items of some 70 blocks that wait beside the index on items, and the memory to put them into it together.
Each of its 65,536 numbers has pages of its own, in a large log more than PostgreSQL's cache holds: with its
defaults of 4 MB it reads and writes nearly all of them for every five blocks. A search reads what waits."""

TEXT_BYTES = 4 * 1024 * 1024
"""Bytes of texts that are read together."""

UNINDEXED_RUNS = 20_000
"""Runs that are in no block yet and are looked through by a search, at most: half a second. Where more are,
the index is not used."""

CANDIDATES = 2_000
"""Blocks that the index on items is asked for at once."""

MOST_ITEMS = 64
"""Pieces of text that the index is asked for, of a longer text: the log decides in any case."""

FIRST_BLOCKS, BLOCKS_FACTOR, MOST_BLOCKS = 1, 4, 32
"""Blocks whose runs are looked through together, at first and at most, and how many times as many each time:
one is enough for a page of what is common, and 32 are some tenths of a second."""

PATIENCE_SECONDS = 1.0
"""After which a page that is not full ends where it has come to, and says so."""
