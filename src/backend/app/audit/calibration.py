"""Every tuned value of the Auditor, with its unit and where it comes from.

A value is a formula or a bound, which is given beside it; a decision of the product; or was chosen by an
experiment, which `benchmarks/calibration_audit.py` repeats. It sets a value to others and prints what then
is found of what stopped, how late, and how many false alarms there are; what it printed (`--each 4`, of
cadences with `--seed 2`) stands beside the value.

Those of when a report is due are in `app.audit.cadence.calibration`.
"""

from datetime import timedelta

from app.audit.cadence.calibration import DAY, HOUR

# Agents that are missing together, and times in which none could report.

FLEET_SAMPLE = 300
"""Agents of a large fleet whose reports are read. Bound on the cost; a quarter of 300 is known to 5 %."""
FLEET_LOOK_BACK = timedelta(hours=3)
"""Formula: the longest of `OUTAGE_SPANS`."""
OWN_OUTAGE = timedelta(minutes=15)
"""The Auditor's own silence, at least, that is an outage. Decision: a restart is none."""
OWN_OUTAGE_CYCLES = 3
"""Cycles that it lasts at least. Decision: one may fail."""
TOGETHER = timedelta(hours=3)
"""Between the deadlines of agents that stopped together. Decision: hourly ones of one host are among them."""
TOGETHER_OF_MISSING = 3
"""Agents that stopped together, at least, where as many reports as of `COMPANIONS` are missing at this hour:
the deadlines of some come later. Decision: two are by chance."""
MOST_MISSING = 1_000
"""Agents of one finding. Bound on its size: 40 KB of names."""
EXCUSED_FROM = 6 * HOUR
"""Seconds that agents are missing together, at least, to learn nothing from it. Decision: schedules that
change together, as with a change of clocks, move by less, and that is to be learned."""
HELD_FOR = HOUR
"""Seconds for which an overdue agent is not reported alone while others may be missing with it. Decision: by
then the hourly ones of a host are overdue, too."""
HELD_OF_WAIT = 0.25
"""Share of the wait for which one is not that does not begin its day, `TOGETHER` at most. Decision: little
of what it takes to know it."""
REST = 36 * HOUR
"""Seconds. The longest gap of late of an agent that rests on some days. Formula: a daily one with half a day
to spare; the shortest weekend of working hours is longer."""
DAILY = 26 * HOUR
"""Seconds. The typical gap of such an agent at most. Formula: a day, and what its report may differ."""
HOLIDAYS_AHEAD = timedelta(days=8)
"""How far ahead public holidays are known. Formula: deadlines of working days lie within a week."""
OFF_SCHEDULE_RUNS = 6
"""Gaps between reports that are all off the declared schedule. Decision: most of a week of a daily agent."""
OFF_SCHEDULE_FOR = timedelta(days=4)
"""How long it has been so, at least. Decision: a few days, so that a weekend of work by hand is none."""
OFF_SCHEDULE_SPREAD = timedelta(minutes=30)
"""What the times may differ to be the same each time. Decision: zones differ by half an hour at least."""
OFF_SCHEDULE_MISSED = 3
"""Due times between two reports that are too many. Decision: a run may be long enough to skip two."""
OFF_SCHEDULE_GAP = timedelta(hours=6)
"""Between the reports of agents whose hour is looked at. Decision: less may be the length of a run."""

# The rules.

HISTORY_DEPTH = 50
"""Runs. How many of the newest a rule judges by. Bound: enough for the streaks and rates below."""
REGISTERED_FOR = timedelta(days=7)
"""How long an agent without a schedule may be registered and never report. Decision: weekly agents exist."""
NEWEST = 20
"""Runs that `failure_rate` and `flapping` look at. Decision."""
FAILED = 10
"""Of these, how many failed. Decision: half."""
FAILED_APART = 5
"""Of these, how many apart from the longest streak, which has a rule of its own. Decision: half of
`FAILED`."""
STILL_FAILED = 6
"""Runs. Below, it ends. Decision: 30 %, so that it does not open and close by turns."""
CHANGES = 12
"""Changes from failing to not failing or back. Decision: 19 are possible, and 9.5 the mean of a coin."""
STILL_CHANGES = 6
"""Changes. Below, it ends. Decision: half of `CHANGES`."""
HABIT_DEPTH = 300
"""Runs. How many of the newest show how often an agent says nothing or fails. Bound: twelve days of an hourly
agent, with a weekend."""
LEAST_HABIT = 100
"""Runs. Of fewer a share is not known well. Formula: of 12 in 100, the deviation is 3."""
UNUSUAL = 1e-5
"""Probability that as many runs in a row go one way though all is as before. Formula: an hourly agent has
one such streak in eleven years."""
UNUSUAL_FAILURE = 1e-3
"""The same of failures, which it is worse not to tell of. Decision."""
FAILED_BEFORE = 2
"""Streaks of failures before, that make one as long a habit. Decision: what happens for the third time."""
LONGEST_FLAKE = timedelta(hours=12)
"""How long a streak may be to be one of a time of the day. Decision: longer ones are of days."""
LONGER_STREAK = 1.5
"""Times the longest streak known that another one is to be news. Decision, as `EVEN`."""
LASTING_RATE = 0.12
"""Share of the known runs that fail, apart from the longest streak, to be a rate. Decision: one in eight."""
STILL_LASTING = 0.06
"""Share. Below, it ends. Decision: half of `LASTING_RATE`."""
PARTIAL_STREAK = 10
"""Runs in a row that were partial, at least, to be called without success. Decision: twice `LEAST_GAPS`."""
LEAST_USAGE = 30
"""Runs that report what they took. Of fewer it is not known what is usual. Decision: a daily agent is judged
after a month. Measured (as all of usage with `--each 30 --days 110`): 20 has a third more false alarms, 50
half as many, and as many unusual runs are found."""
USAGE_FACTOR = 3.0
"""Times the most that a run took before, at least, for another to be unusual. Decision: what doubles once may
be a larger batch."""
USAGE_ONCE_IN = 10_000 * DAY
"""Seconds. How seldom by chance a run may be called unusual, if its tail were known. Decision, as of
`RUNNING_ONCE_IN`."""
USAGE_EPISODE = 20
"""Runs in a row that take far more, after which that is usual. Decision: a day of an hourly agent."""
USAGE_LOOKED_BACK = timedelta(minutes=15)
"""How long before the newest run another one may be news still. Decision: three cycles of the Auditor."""
RUNNING_ONCE_IN = 10_000 * DAY
"""Seconds. How seldom by chance a run may be called too long, if its tail were known. Experiment: with 2,000
days there are twice as many false alarms; with 40,000 hung runs are found a fifth later, one in 25 not."""
RUNNING_FACTOR = 2.0
"""Times the longest run known that another may take at least. Decision."""
RUNNING_FACTOR_OF_FEW = 20.0
"""The same while fewer than `LEAST_USAGE` are known. Decision. Measured: 40 does alike."""
RUNS_OF_OUTLIER = 50
"""Runs of which one may have hung and be recorded in the end. Decision: 2 %. Measured: 1,000 does alike."""
RUNNING_SEEN = timedelta(minutes=15)
"""How long a run that is too long is a finding, whatever else its agent reports. Decision: three cycles."""
UNKNOWN_LENGTH = timedelta(days=1)
"""How long a run may take at most where no others are known. Decision: few scheduled ones take longer."""
TWICE = 5
"""Runs in a row that were each reported twice. Decision, as `LEAST_GAPS`."""
TWICE_WITHIN = timedelta(seconds=60)
"""Decision: two schedulers that start the same job differ by less."""
MOST_TOGETHER = 3
"""Reports of one run. Decision: more are of a job with many parts."""
ALTERNATING = 30
"""Runs that are looked at for whether every second one says nothing. Formula: by a coin, 27 of 29 possible
changes come once in a million times."""
ALTERNATES = 27
"""Changes among these. Formula: see there."""
STILL_ALTERNATES = 20
"""Changes. Below, it ends. Decision: of a coin, one in thirty has as many."""
LEAST_DROP = 0.15
"""Mean score, of 0 to 1, that a drop comes to. Decision: less is for the page of trends. Measured: 0.1 has
a third more false alarms, 0.2 half as many."""
STILL_DROPPED = LEAST_DROP / 2
"""Mean score. Below, the drop is over. Decision: half, so that it does not open and close by turns."""
DROP_CONFIDENCE = 0.995
"""Probability that chance does less, to both sides. Experiment: 91 % of drops by 0.3 are found with 0.99,
85 % with 0.995 and 76 % with 0.998, with 2.3, 1.9 and 1.3 false alarms in 1,000 agent-days, nearly all
about agents whose scores wander from day to day."""
DROP_DAYS = {7: 5, 3: 14}
"""Days that are compared, with how many scored runs at least. Decision: a week; a daily agent has five runs
on weekdays. Experiment: with three days besides, drops are found a day earlier; with 5 runs in them there
are two thirds more false alarms."""
LEAST_PAST_RUNS = 20
"""Scored runs in the four weeks before. Decision: a daily agent has as many on weekdays."""
LEAST_DAYS = 3
"""Days with runs in either time. Formula: the variance of fewer is known with one degree of freedom."""
SCORED_WITHIN = timedelta(hours=1)
"""How long after it was recorded a run may wait for its score. Decision: several sweeps."""
SCORER_SAMPLE = 20
"""Scored runs of each time of which it is looked up who scored them. Bound: a fifth of them is four runs."""
NAME_PARTS = 8
"""Words and numbers of a name whose subsets are looked for among other names. Bound: 2^8 look-ups."""

# The cost of a cycle.

OUTLOOK_FOR = timedelta(days=1)
"""How long a judgement holds at most. Decision: whatever else may have changed counts within a day."""
AGENTS_AT_ONCE = 500
"""Agents whose histories are in memory at once. Bound: of 50 runs each, 20 MB, and a quarter of a second to
judge."""
JUDGING_SECONDS = 3.0
"""After which a cycle begins no further batch of agents of which something has changed, or may be found by
now. Bound: a cycle takes five seconds, where each agent has a thousand reports to learn from."""
JUDGING_SECONDS_AN_AGENT = 50e-6
"""The same of the others, which were never judged or by other circumstances, times the agents of the fleet.
Bound: a cycle of 10,000 agents takes a second."""
MOST_DUE = 20_000
"""Agents that a cycle judges beside those it watches. Bound: six seconds, at 0.3 ms of a processor each."""
MOST_TRENDS = 1_000
"""Agents whose scores a cycle reads. Bound: 12,000 in an hour of cycles."""
MOST_WAITING = 10_000
"""Runs without a score that a cycle reads. Bound: whatever is stuck, a cycle stays short."""
