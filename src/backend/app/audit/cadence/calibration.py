"""Every tuned value of when a report is due and what is rare, with its unit and where it comes from.

What that may be is said in `app.audit.calibration`, which holds the values of the rules.
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
PREFILTER_DEPTH = 6
"""Runs of each agent that the prefilter reads. Bound: five gaps, as many as `LEAST_GAPS`."""
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
COMPANIONS = 4
"""Others that stopped with an agent, at least, to be named together. Decision, as `OUTAGE_AGENTS`."""
ATTENDANCE_SHARE = 0.75
"""Share of the usual agents below which some are missing. Decision: half of what a host with half of them
leaves."""

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
OVERDUE_ONCE_IN = 1_000 * DAY
"""Seconds. How seldom by chance an agent that is well may be called overdue. Experiment
(`benchmarks/realistic_audit.py`): half of those that stopped are reported within 0.96 periods at 0.32 false
findings in 1,000 agent-days; with 2,000 days within 1.06, at 0.27."""
LATE_ONCE_IN = 500 * DAY
"""Seconds. The same of a notice that it is late. Decision: two for one of `OVERDUE_ONCE_IN`."""
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

# Days of work and of rest.

NIGHT = 8 * HOUR
"""Seconds without a report before a day begins. Decision."""
WORKING_DAYS = 4
"""Days of the week, by UTC, on which an agent works that rests on others. Decision: most of them."""
WORKING_DAY = 0.25
"""Share of a seventh of its reports that makes one. Decision: working hours may span two days by UTC."""
DAY_OFF = 0.05
"""Share of a seventh of its reports on a day of rest at most. Decision: for a few runs by hand."""
