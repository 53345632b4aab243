"""Every tuned value of the Auditor, with its unit and where it comes from.

A value is a formula or a bound, which is given beside it; a decision of the product; or was chosen by an
experiment, which `benchmarks/calibration_audit.py` repeats. It sets a value to others and prints what then
is found of what stopped, how late, and how many false alarms there are; what it printed (`--each 4`, of
cadences with `--seed 2`) stands beside the value.
"""

from datetime import UTC, datetime, timedelta

HOUR, DAY = 3_600.0, 86_400.0  # seconds

# What is remembered of an agent's reports.

WEEKS_COMPARED = 5
"""Weeks. How far back the same time of the week is looked up. Decision: of three weeks that count, one may
be an outage and one a recovered gap. Measured: 3 to 5 do alike."""
PAST_DAYS = 7 * WEEKS_COMPARED + 2
"""Days. How far back reports are read: the weeks compared, and what a report may be off its time."""
NEWEST_GAPS = 50
"""Gaps between reports. How many matter however far back they reach. Bound: a monthly agent's history ends
there, and a cadence stays below 2 KB."""
MOST_REPORTS = 20_000
"""Reports. How many of one agent are read at once. Bound: two weeks of a report a minute."""

# Whether the gaps of an agent make a cadence.

LEAST_GAPS = 5
"""Gaps. Fewer say nothing of the next. Experiment: with 3 there are 2.5 times as many false alarms; 8 finds
no less."""
LEAST_UNEVEN_GAPS = 10
"""Gaps. As many are needed where the longest is over `EVEN` typical ones. Decision. Measured: 5 to 20 do
alike on schedules."""
LEAST_SPAN = 1 * HOUR
"""Seconds from the first report to the last. Decision: a burst of trials is no cadence yet."""
EVEN = 1.5
"""Ratio of the longest gap to the typical one up to which gaps are even. Formula: an interval of which one
report is lost is 2; half of the way to it."""
RECURRING_WITHIN = 0.25
"""Share by which two gaps may differ and still be the same. Experiment: with 0.1, three in a hundred stops
fewer are found; with 0.5 there are twice as many alarms about events."""
RECURRING_SHARE = 0.2
"""Share of all gaps, three at least, that must be the same as a gap for it to recur. Experiment: with 0.4,
three in a hundred stops fewer are found; with 0.1 there are half as many alarms about events again."""
RECURRING_OF_ALL = 0.75
"""Share of the gaps that must recur. Decision: runs by hand may make up a quarter. Measured: 0.5 doubles
the alarms about events, 0.9 finds no less."""

# The deadline by the gaps.

LONGEST_OF = 30
"""Gaps. The longest of as many counts, and of those of `LONGEST_WITHIN`. Decision: an agent that runs a few
times a day has a weekend among them. Measured: 10 to 50 do alike."""
LONGEST_WITHIN = 17 * DAY
"""Seconds. Formula: two weeks and a long weekend."""
GAP_MARGIN = 0.1
"""Share of the longest gap that is allowed after it. Decision: common jitter. Measured: 0 to 0.3 do alike."""
GAP_MARGIN_OF_FEW = 5.0
"""Divided by the number of gaps, the share that is allowed while few are known. Formula: the longest of n
gaps is exceeded by the next with a probability of 1 / (n + 1)."""

# The deadline by the clock.

LATEST_WEEKS = 3
"""Weeks of `WEEKS_COMPARED`, the latest without an exclusion, of which most must match. Experiment: with
one there are four times as many false alarms, and fewer stops are found; 2 and 5 do alike."""
REPORTS_COMPARED = 16
"""Reports. As many of the newest must have come near their times of the week before. Bound on the cost."""
MOST_UNMATCHED = 0.2
"""Share of these that may have none near: runs by hand come besides. Experiment: with 0.05, six in a
hundred stops fewer are found; 0.4 does alike."""
NEAR = 0.4
"""Share of the typical gap within which a report is near a time. Formula: below half, no report is near
two. Experiment: with 0.2 there are half as many false alarms again."""
NEXT_AFTER = 0.5
"""Share of the typical gap after a report before which another one is no next one. Formula: as `NEAR`."""
MOST_DRIFT = 2
"""Steps of five minutes that most reports may come later, or earlier, than a week before. Decision: an
interval that does not divide the day drifts by more. Measured: 1 to 4 do alike."""
DRIFT_OF_WIDEST = 0.25
"""Share of the widest difference that this may be instead, where reports scatter widely. Decision."""
JITTER = 1 / 8
"""Share of the typical gap that a report may be off its time of the week before. Decision: at random times
one in four would be. Measured: 1/16 to 1/4 do alike."""
EQUAL_GAPS = 0.6
"""Share of gaps within `RECURRING_WITHIN` of the typical one that an agent needs which reports more than
once an hour: all its times are near some time of a week before. Experiment: with 0.9, five in a hundred
stops fewer are found; 0.3 does alike."""
MATCHING_SPREAD = 70 * 60
"""Seconds that matching times may differ. Formula: clocks change by an hour, and ten minutes of jitter."""
MATCHING_DAYS = 2
"""Steps of five minutes by which days may differ from the week before and speak for it. Formula: jitter on
both sides."""
WAIT_MARGIN = 1 / 20
"""Share of the wait that is allowed after the latest time. Decision: the longer a wait, the more it varies.
Measured: 1/5 delays findings by a quarter, 0 does alike."""
MOST_WAIT_MARGIN = HOUR / 2
"""Seconds. What `WAIT_MARGIN` comes to at most. Decision: a daily agent that stopped is known half an hour
later."""

# Gaps that an agent came back from, overdue.

RECOVERED_LASTS = 8 * DAY
"""Seconds. How long one such gap postpones deadlines. Formula: a week, so that a changed schedule has one
alarm."""
RECOVERED_KEPT = 35 * DAY
"""Seconds. How long the longest that happened twice does. Formula: the weeks compared."""
RECOVERED_MARGIN = 0.5
"""Share of the gap that is allowed besides, a day at most. Formula: if lengths are exponential, the next is
half as long again as one with a probability of 2/5, and as the longest of three with 3/20."""
RECOVERED_BY_HABIT = 3
"""Gaps within `RECOVERED_KEPT`. As many make a habit. Decision: one more than happened twice."""

# Weekends and clocks, in every time zone at once.

THURSDAY = datetime(2000, 1, 6, 16, tzinfo=UTC).timestamp()
"""Seconds since the epoch. A week-end may begin on Friday, which begins in UTC+8 on Thursday 16:00 UTC.
Decision: further east hardly any agent works from Saturday."""
WEEKEND = 104 * HOUR
"""Seconds. Formula: from then to Tuesday 00:00 UTC, when Monday is over in UTC."""
SUNDAY_NOON = 68 * HOUR
"""Seconds from then. Formula: who reports on a Sunday reports on weekends. On a Saturday many do that rest on
Sundays."""
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
probability of 0.05 % (Poisson)."""
OUTAGE_SHARE = 0.25
"""Share of the usual agents and reports below which it is an outage. Decision: on a holiday half of them
may come. Measured: 0.1 to 0.5 do alike."""
OUTAGE_SPANS = (10_800, 7_200, 3_600, 1_800, 1_200, 900, 600)
"""Seconds up to now in which an outage that lasts is looked for. Decision: from ten minutes, the least
grace, to hours."""
GO_ON_FOR = 2 * HOUR
"""Seconds for which some agents report as usual while most do not: it is no outage then. Decision: before the
third hour, who is missing is to be reported."""
GO_ON_AGENTS = 2
"""Agents that do, at least. Decision: one may have another way to the log."""
GO_ON_SHARE = 2 / 3
"""Share of a present outage, up to now, in which these came. Formula: it may have begun within the time that
is looked at."""
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
NEW_FOR = 14 * DAY
"""Seconds. An agent known for less may be silent for longer than it has shown (`may_be_away`). Decision: what
happens to a machine twice a month has been seen by then."""
MOST_EARLY = timedelta(minutes=15)
"""A report so long before a due time answers it, a quarter of the period at most. Decision: the clocks of
machines that are not synchronised differ by less."""

# What is rare for an agent: return levels.

EXTREMES_WITHIN = 35 * DAY
"""Seconds. How far back the longest gaps and waits matter. Formula: the weeks compared."""
EXTREMES_KEPT = 32
"""Values. Bound: twice `TAIL`, so that enough are left when old ones go."""
TAIL = 16
"""Values. Of how many of the largest the tail is. Bound: half of `EXTREMES_KEPT`."""
TAIL_INDEX = 0.5
"""The tail index of one value that is added to those seen. Decision: twice that of a normal distribution's
sixteen largest of a hundred, so that little is taken for sure of few values."""
LARGEST_ALIKE = 3
"""Values. So many of the largest that are alike recur, as nights and weekends do. Decision, as of gaps."""
RESTS_END_WITHIN = 2 * HOUR
"""Seconds by which most rests end at the same time of the day. Formula: an hour where clocks change, and as
much again; at random times one in six would."""
MOST_TAIL_INDEX = 5.0
"""Tail index. Bound: of more, a level is no number any more; with 1 already there is no mean."""
OVERDUE_ONCE_IN = 2_000 * DAY
"""Seconds. How seldom by chance an agent that is well may be called overdue. Decision: a fleet of 2,000
agents has one false alarm a day."""
LATE_ONCE_IN = 500 * DAY
"""Seconds. The same of a notice that it is late. Decision: four for one of `OVERDUE_ONCE_IN`."""
LATE_SCALE = 120
"""Seconds that are added to how late a report is before its tail is looked at. Decision: what differs by less
is alike, as the clocks of machines are."""
LATE_TAIL = 0.5
"""Share of the reports later than by the clock that tell of later ones. Formula: only the later half is
kept."""
LATE_ERRORS = 1.0
"""Standard errors by which the tail of waits of declared agents is taken for heavier than it seems. Decision:
five in six are no heavier, and who knows the due times can afford to wait."""
DAYS_END_EARLY = 5
"""Times in 35 days that an agent was away for a night though the clock expected a report before. Decision:
once a week. Measured: on laptops, 3 to 5 have no false alarm beyond the fifth week, 7 a few, never many."""
DAY_ENDS_KEPT = 15
"""Ends of days, and starts. Formula: two weeks, and the day before."""
DAY_SPREAD = 4
"""Times the median by which these differ, that one may be off. Formula: 2.7 normal deviations."""
LATE_DOUBTFUL = 2
"""Of these, how many may be so late because the clock was wrong, as when clocks change. Decision: twice in
five weeks."""
LONGEST_TIMES = 3
"""How many times the longest gap is too long for any agent. Decision."""
AT_ONCE = 60
"""Seconds between reports that were kept and come at once. Decision: a client sends them in turn."""
LEAST_FLUSHED = 3
"""Reports that come at once, at least, to say that the agent ran meanwhile. Decision: two may be a retry."""
LAST_RESORT_KNOWN = 7 * DAY
"""Seconds. An agent without a cadence is not called gone before it is known for as long, with its silence;
nor, known for less, before it is silent for as long as it is known. Decision: then a week has been seen."""
SAME_OCCASION = 0.1
"""Share of the mean gap within which, and within a step of five minutes, reports are of one occasion: sent
twice, or started together. Formula: gaps of a Poisson process are as short in one case of ten."""

TOGETHER = timedelta(hours=3)
"""Between the deadlines of agents that stopped together. Decision: hourly ones of one host are among them."""
COMPANIONS = 4
"""Others that stopped with an agent, at least, to be named together. Decision, as `OUTAGE_AGENTS`."""
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
NIGHT = 8 * HOUR
"""Seconds without a report before a day begins. Decision."""
REST = 36 * HOUR
"""Seconds. The longest gap of late of an agent that rests on some days. Formula: a daily one with half a day
to spare; the shortest weekend of working hours is longer."""
DAILY = 26 * HOUR
"""Seconds. The typical gap of such an agent at most. Formula: a day, and what its report may differ."""
HOLIDAYS_AHEAD = timedelta(days=8)
"""How far ahead public holidays are known. Formula: deadlines of working days lie within a week."""
WORKING_DAYS = 4
"""Days of the week, by UTC, on which an agent works that rests on others. Decision: most of them."""
WORKING_DAY = 0.25
"""Share of a seventh of its reports that makes one. Decision: working hours may span two days by UTC."""
DAY_OFF = 0.05
"""Share of a seventh of its reports on a day of rest at most. Decision: for a few runs by hand."""
ATTENDANCE_SHARE = 0.75
"""Share of the usual agents below which some are missing. Decision: half of what a host with half of them
leaves."""

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

PREFILTER_DEPTH = 6
"""Runs of each agent that the prefilter reads. Bound: five gaps, as many as `LEAST_GAPS`."""
OUTLOOK_FOR = timedelta(days=1)
"""How long a judgement holds at most. Decision: whatever else may have changed counts within a day."""
AGENTS_AT_ONCE = 1_000
"""Agents whose histories are in memory at once. Bound: of 50 runs each, 40 MB."""
MOST_DUE = 20_000
"""Agents that a cycle judges beside those it watches. Bound: six seconds, at 0.3 ms of a processor each."""
MOST_TRENDS = 1_000
"""Agents whose scores a cycle reads. Bound: 12,000 in an hour of cycles."""
MOST_WAITING = 10_000
"""Runs without a score that a cycle reads. Bound: whatever is stuck, a cycle stays short."""
