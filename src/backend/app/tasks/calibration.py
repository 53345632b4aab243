"""The tuned constants of the worker, each with its unit and where it comes from.

Any of them can be varied: `benchmarks/ingest.py --set tasks.MIN_FREE_PROCESSORS=0` measures ingest with
another value while a worker scores, and `benchmarks/sustained.py --set tasks.BATCH_SIZE=50` how far scoring
falls behind.
"""

from datetime import timedelta

# A worker process beside the others of the machine (`app.tasks.runtime`, `app.tasks.celery_app`).

NICENESS = 10
"""What a worker lowers its priority by. Not further: it holds locks on the runs that it is scoring, and must
get its turn (decision 12)."""

GC_THRESHOLDS = (20_000, 20, 50)
"""`gc.set_threshold` of a worker. A batch makes objects by the thousand and no cycles: by Python's default
thresholds, looking for cycles takes a tenth of scoring's time (`benchmarks/scoring.py`, task)."""

MAX_KIB = 400_000
"""KiB of memory beyond which a pool process is replaced after its task. Two of them
and their parent have some 310,000 together in `benchmarks/sustained.py` (worker MiB); the room above that is
for the largest payloads."""

# How much is scored at once (`app.tasks.rlhf_tasks`, `app.tasks.backfill_tasks`).

BATCH_SIZE = 500
"""Runs in one transaction: a few tenths of a second of locks. Few at a time cost up
to twice the processor time a run (decision 12; `benchmarks/scoring.py`)."""

SWEEP_LIMIT = 20_000
"""Unscored runs that one sweep reads, more than a process scores in `SWEEP_SECONDS`."""

RETRY_LIMIT = 1_000
"""Failed runs that one sweep tries again."""

SWEEP_SHARE = 2 / 3
"""Share of its interval for which a sweep scores; the rest is left to runs that come in meanwhile."""

SWEEP_SECONDS = 60.0
"""How long a sweep scores at most, within the task time limit of 90 seconds."""

BACKFILL_SHARE = 0.3
"""Share of its interval for which the system's backfills go on: where there is one process, new runs wait
behind them."""

# When a worker gives way to ingest (`app.tasks.pacing`; decision 12).

MIN_FREE_PROCESSORS = 1.0
"""Processors that others must leave free for a worker to score without delays. A process that is always busy
takes a third of the ingest rate on two processors, at any niceness (`benchmarks/ingest.py`)."""

DELAYS_PER_BATCH = 50
"""Delay after a batch for each missing processor, as a multiple of the batch's duration: where a tenth of
one is missing, the worker waits for five sixths of the time."""

MAX_DELAY = 10.0
"""Seconds of a delay, at most: as often at least, it is measured whether the machine is still busy."""

LOOK_SECONDS = 1.0
"""Seconds between two looks, during a delay, for more urgent messages: a millisecond of the broker's each."""

MAX_ENDED = 5
"""How many delays more urgent messages may end between two batches: those of an interval. Where nothing takes
such messages, runs are scored all the same."""

MAX_AGE = timedelta(seconds=3)
"""Age of a batch's oldest run from which it is scored without delay, unless there is an overload: at a rate
that a worker can follow, scores are later by no more than this (`benchmarks/sustained.py`, last scored after
s)."""

OVERLOAD_FACTOR = 3
"""In an overload this many times as many runs a second come in as the process scored in its last batch..."""

MIN_OVERLOAD_RATE = 1_500
"""... and at least this many a second: a small batch, or one that a lock delayed, says little of what a
process can score, and this is a quarter more than one scores (`benchmarks/scoring.py`, task)."""

IDLE_SECONDS = 1.0
"""Pause after which an overload counts as newly begun, and is measured before the first batch."""

MEASURE_SECONDS = 0.2
"""How long processor use is measured for, at least: the kernel counts it in hundredths of a second."""

# How expired keys are removed (`app.tasks.rollup_tasks`).

EXPIRY_SECONDS = 20.0
"""How long a task removes expired keys; the next one, minutes later, goes on."""

# How the log is indexed (`app.tasks.search_tasks`).

INDEX_PASS_SECONDS = 5.0
"""How long a task indexes what waits; the next one goes on. Alerts may be waiting for its process."""

INDEX_REST_SECONDS = 60.0
"""For how long a process indexes nothing after it has given way to runs that come in; longer while they do: a
step each ten seconds took 6 % of a flood's rate, one a minute 2 to 5 % (`benchmarks/indexing.py`)."""

RETENTION_SECONDS = 20.0
"""How long a task erases old payloads, some thousands a second; the next one, a minute later, goes on."""

# How agents are audited that there was no time for (`app.tasks.audit_tasks`).

AUDIT_SECONDS = 20.0
"""For how long cycles of the Auditor follow each other where agents are left to judge, as after an import.
Bound: the lock that keeps others from auditing is held meanwhile, in a transaction that may not idle for a
minute."""

# How the judge is asked (`app.tasks.judge_tasks`).

JUDGE_MESSAGE_SIZE = 20
"""Runs in one message: about what a task judges within `JUDGE_TASK_SECONDS` at a few seconds a call."""

JUDGE_MESSAGE_SECONDS = 24 * 3600
"""How long a message may wait for the judge: as long as a run may be judged (`judge_runs.WINDOW`)."""

JUDGE_SWEEP_LIMIT = 200
"""Runs that one sweep takes, more than a minute's work."""

JUDGE_CALLS_AT_ONCE = 4
"""Calls under way at the same time; endpoints limit them, and a judge is in no hurry."""

JUDGE_SPACING = 0.1
"""Seconds between the beginnings of two calls, so that a limit on their rate is not met in bursts."""

JUDGE_TASK_SECONDS = 20.0
"""Seconds after which a task begins no further call: with the longest call of 60 it ends within the task time
limit of 90."""

# How alerts are delivered (`app.tasks.alert_tasks`).

DELIVERY_SECONDS = 30.0
"""Seconds after which a task begins no further try: with the longest one of 30 it ends within the task time
limit of 90."""

DELIVERY_TRANSACTIONS = 5
"""Transactions of a task at a time, as many as the connections that its process keeps. With one for each of a
hundred channels, most waited longer for a connection than `RUNLOG_DATABASE_TIMEOUT`."""

DELIVERY_RECHECK = 2.0
"""Seconds between looks at what has become due while a slow channel keeps a task waiting. The next task may
be later: every process of the worker may be waiting for a slow channel."""
