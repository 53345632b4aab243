"""Every tuned value of the Auditor, with its unit and where it comes from.

Three sources: a formula or a bound that is given beside the value; a decision of the product; or an
experiment, which `benchmarks/calibration_audit.py` repeats: it sets one value after another in this module
and prints what then is found of what stopped, how late, and how many false alarms there are. So other
modules read the values of experiments when they need them (`calibration.NAME`) and keep no copy.
"""

from datetime import UTC, datetime, timedelta

HOUR, DAY = 3_600.0, 86_400.0  # seconds

# What is remembered of an agent's reports.

WEEKS_COMPARED = 5
"""Weeks. How far back the same time of the week is looked up. Experiment: of three weeks that count, one
may be an outage and one a recovered gap."""
PAST_DAYS = 7 * WEEKS_COMPARED + 2
"""Days. How far back reports are read: the weeks compared, and what a report may be off its time."""
NEWEST_GAPS = 50
"""Gaps between reports. How many matter however far back they reach. Bound: a monthly agent's history ends
there, and a cadence stays below 2 KB."""
MOST_REPORTS = 20_000
"""Reports. How many of one agent are read at once. Bound: two weeks of a report a minute."""

# Whether the gaps of an agent make a cadence.

LEAST_GAPS = 5
"""Gaps. Fewer say nothing of the next. Experiment: below it agents that are started by hand raise alarms."""
LEAST_UNEVEN_GAPS = 10
"""Gaps. As many are needed where the longest is over `EVEN` typical ones. Experiment, as `LEAST_GAPS`."""
LEAST_SPAN = 1 * HOUR
"""Seconds from the first report to the last. Decision: a burst of trials is no cadence yet."""
EVEN = 1.5
"""Ratio of the longest gap to the typical one up to which gaps are even. Formula: an interval of which one
report is lost is 2; half of the way to it."""
RECURRING_WITHIN = 0.25
"""Ratio by which two gaps may differ and still be the same. Experiment, with the next two."""
RECURRING_SHARE = 0.2
"""Share of all gaps, three at least, that must be the same as a gap for it to recur. Experiment: at random
times it hardly happens, with five different gaps a day it does."""
RECURRING_OF_ALL = 0.75
"""Share of the gaps that must recur. Experiment: runs by hand may make up a quarter."""

# The deadline by the gaps.

LONGEST_OF = 30
"""Gaps. The longest of as many counts, and of those of `LONGEST_WITHIN`. Experiment: fewer forget a
weekend."""
LONGEST_WITHIN = 17 * DAY
"""Seconds. Formula: two weeks and a long weekend."""
GAP_MARGIN = 0.1
"""Share of the longest gap that is allowed after it. Experiment: jitter of a tenth of the interval is
common."""
GAP_MARGIN_OF_FEW = 5.0
"""Divided by the number of gaps, the share that is allowed while few are known. Formula: the longest of n
gaps is exceeded by the next with a probability of 1 / (n + 1)."""

# The deadline by the clock.

LATEST_WEEKS = 3
"""Weeks of `WEEKS_COMPARED`, the latest without an exclusion, of which most must match. Experiment: with
one week a single odd day makes a pattern, with five a changed schedule takes too long to be learned."""
REPORTS_COMPARED = 16
"""Reports. As many of the newest must have come near their times of the week before. Bound on the cost."""
MOST_UNMATCHED = 0.2
"""Share of these that may have none near. Experiment: runs by hand come besides."""
NEAR = 0.4
"""Share of the typical gap within which a report is near a time. Formula: below half no report is near
two."""
NEXT_AFTER = 0.5
"""Share of the typical gap after a report before which the next one is the same job once more. Formula: as
`NEAR`."""
MOST_DRIFT = 2
"""Steps of five minutes that most reports may come later, or earlier, than a week before. Experiment: an
interval that does not divide the day drifts by more."""
DRIFT_OF_WIDEST = 0.25
"""Share of the widest difference that this may be instead, where reports scatter widely. Experiment, as
before."""
JITTER = 1 / 8
"""Share of the typical gap that a report may be off its time of the week before. Experiment: events at
random times are nearer by chance in fewer than one of 16 comparisons in turn."""
EQUAL_GAPS = 0.6
"""Share of gaps within `RECURRING_WITHIN` of the typical one that an agent needs which reports more than
once an hour: at random, all its times are near some time of a week before. Experiment."""
MATCHING_SPREAD = 70 * 60
"""Seconds that the matching times may differ. Formula: clocks change by an hour, and ten minutes of
jitter."""
MATCHING_DAYS = 2
"""Steps of five minutes by which days may differ from the week before and speak for it. Formula: jitter on
both sides."""
WAIT_MARGIN = 1 / 20
"""Share of the wait that is allowed after the latest time. Experiment: longer jobs scatter more."""
MOST_WAIT_MARGIN = HOUR / 2
"""Seconds. What `WAIT_MARGIN` comes to at most. Decision: a daily agent that stopped is known half an hour
later."""

# Gaps that an agent came back from, overdue.

RECOVERED_LASTS = 8 * DAY
"""Seconds. How long one such gap postpones deadlines. Formula: a week, so that a changed schedule has one
alarm."""
RECOVERED_KEPT = 35 * DAY
"""Seconds. How long the longest that happened twice does. Formula: the weeks compared."""
RECOVERED_MARGIN = 0.1
"""Share of the gap that is allowed besides. Experiment, as `GAP_MARGIN`."""

# Weekends and clocks, in every time zone at once.

THURSDAY = datetime(2000, 1, 6, 16, tzinfo=UTC).timestamp()
"""Seconds since the epoch. A week-end may begin on Friday, which begins in UTC+8 on Thursday 16:00 UTC.
Decision: further east hardly any agent works from Saturday."""
WEEKEND = 104 * HOUR
"""Seconds. Formula: from then to Tuesday 00:00 UTC, when Monday is over in UTC."""
SATURDAY_NOON = 44 * HOUR
"""Seconds from then. Formula: who reports on a Saturday reports on weekends."""
CLOCK_CHANGE = 70 * 60.0
"""Seconds that a report may be later after clocks were changed. Formula: an hour, and ten minutes of
jitter."""
LONG_WAIT = 5 * HOUR
"""Seconds. From here on a change of clocks in the week before matters too. Decision: between runs of fewer
hours a run has shown by which clock the agent goes."""

# Times in which agents could not report.

OUTAGE_AGENTS = 5
"""Agents that usually report, at least. Decision: fewer may stop together by chance."""
OUTAGE_MISSING = 12
"""Reports that are missing, at least. Formula: of 12 expected at random, fewer than a quarter come with a
probability of 0.2 % (Poisson)."""
OUTAGE_SHARE = 0.25
"""Share of the usual agents and reports below which it is an outage. Experiment: with half, holidays are
outages."""
OUTAGE_SPANS = (10_800, 7_200, 3_600, 1_800, 1_200, 900, 600)
"""Seconds up to now in which an outage that lasts is looked for. Decision: from ten minutes, the least
grace, to hours."""
FLEET_SAMPLE = 300
"""Agents of a large fleet whose reports are read. Bound on the cost; a quarter of 300 is known to 5 %."""
FLEET_LOOK_BACK = timedelta(hours=3)
"""Formula: the longest of `OUTAGE_SPANS`."""
OWN_OUTAGE = timedelta(minutes=15)
"""The Auditor's own silence, at least, that is an outage. Decision: a restart is none."""
OWN_OUTAGE_CYCLES = 3
"""Cycles that it lasts at least. Decision: one may fail."""

# Declared schedules.

LEAST_GRACE = timedelta(minutes=10)
"""A declared agent without a grace of its own, and a learned one, is never called late before this.
Decision."""
MOST_GRACE = timedelta(hours=1)
"""What half a period comes to at most without a grace of its own. Decision: a daily job is known to be
missing soon."""
MOST_EARLY = timedelta(minutes=5)
"""A report so long before a due time answers it. Decision: clocks differ by less."""
LATENESS_RUNS = 6
"""Runs whose median lateness is added to the grace. Bound: as many as the prefilter reads."""

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
"""Changes from failing to not failing or back. Formula: 19 are possible, and 9.5 the mean of a coin: more
than these."""
STILL_CHANGES = 6
"""Changes. Below, it ends. Decision: half of `CHANGES`."""
LEAST_DROP = 0.15
"""Mean score, of 0 to 1, that a drop comes to. Decision: less is for the page of trends."""
STILL_DROPPED = LEAST_DROP / 2
"""Mean score. Below, the drop is over. Decision: half, so that it does not open and close by turns."""
DROP_CONFIDENCE = 0.995
"""Probability that chance does less, to both sides. Experiment: 0.99 has a third more false alarms, 0.998
misses one drop in six that it finds."""
DROP_DAYS = {7: 5, 3: 14}
"""Days that are compared, with how many scored runs at least. Decision: a week; a daily agent has five on
weekdays. Experiment: three days find a sudden drop two days earlier, and with fewer runs chance does."""
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

PREFILTER_DEPTH = 6
"""Runs of each agent that the prefilter reads. Bound: five gaps, as many as `LEAST_GAPS`."""
MOST_TRENDS = 1_000
"""Agents whose scores a cycle reads. Bound: 12,000 in an hour of cycles."""
MOST_WAITING = 10_000
"""Runs without a score that a cycle reads. Bound: whatever is stuck, a cycle stays short."""
