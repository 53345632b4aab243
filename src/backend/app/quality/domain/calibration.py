"""Every chosen value of trends, agreement, reviews, feedback and pairs: its unit, and where it comes from.

"Product" marks a decision about what people and agents are shown. Formulas and their sources stand where they
are computed.
"""

from datetime import timedelta

# Trends. `tests/unit/quality/test_trend.py` simulates weeks of runs and asserts how often a change is seen
# with these values, with and without one; docs/reference/trends.md lists the figures.
LEAST_CHANGE = 0.05
"""Points of a mean score below which no change matters, even a certain one. Product."""

LARGEST_MARGIN = 0.2
"""Points to either side beyond which an interval is too wide to say that nothing changed. Product."""

LEAST_RUNS = 14  # scored runs in a window: two a day of a week
LEAST_DAYS = 3  # days with runs in a window: fewer say nothing about how days differ

# Agreement.
LEAST_COMPARED = 5
"""Runs below which no agreement is measured. Student's quantile is right to 0.01 from there on."""
MOST_RATERS = 20  # people whose pairs are compared, the busiest ones; some hundred pairs at most
MOST_RATER_PAIRS = 20  # pairs that are shown; product

# The review queue. Product; what the signals mean is in `review.signals`.
BOUNDARY = 0.5  # the score that says neither good nor bad
NEAR_BOUNDARY = 0.1  # points from it
NEAR_MEAN = 0.03  # points from the agent's mean that make a run typical
RUNS_OF_A_MEAN = 5  # scored runs from which an agent has a typical score
DISAGREEMENT = 0.15  # points between scorers; people's ratings are coarser and differ by twice that
NEW_AGENT = 20  # runs, the first ones, during which an agent is new
FEW_RATINGS = 5  # ratings of an agent's recent runs from which it is known

# What a signal is worth: the chance, in part, that a rating teaches something.
WORTH_OF_DISAGREEMENT = 2.0  # for each point between scorers, 1 at most
WORTH_OF_PEOPLE_DISAGREEING = 0.8
WORTH_OF_NO_SCORE = 0.6
WORTH_AT_BOUNDARY = 0.7  # half of that at the edge of `NEAR_BOUNDARY`
WORTH_OF_TYPICAL = 0.2
WORTH_OF_NEW_AGENT = 0.5  # without any rating; less with each
WORTH_OF_UNRATED_AGENT = 0.4  # one that is not new
WORTH_OF_NO_SIGNAL = 0.05
WORTH_OF_RATED = 0.5  # factor for a run that others have rated
HALF_AS_RECENT = timedelta(days=7)  # the age at which half of what age can take away is gone

# Feedback to agents. Product.
FALLS_SHORT = 0.6  # of a dimension: below it a run lacked something
DOES_WELL = 0.8  # the mean from which a dimension is a strength
WORTH_SHOWING = 0.5  # of an example, in its dimension and as a whole
BETTER = 0.1  # points by which an example exceeds the mean in its dimension
OTHER_WEIGHT = 0.2  # of a dimension that the rubric does not have: the middle of those that it has
MOST_LACKS = 3  # dimensions
MOST_STRENGTHS = 2  # dimensions
MOST_COMMENTS = 3  # the newest
EXAMPLE_LENGTH = 120  # characters
COMMENT_LENGTH = 140  # characters
NAME_LENGTH = 60  # characters
MOST_CHARACTERS = 1_500  # of the whole: a prompt has other things to say
MOST_WORDS = 300  # of the whole

# Preference pairs. Product: pairs of like tasks, and no run in so many that it outweighs others.
PAIRING_WINDOW = 10  # rated runs of the agent before a run that it is compared with
PAIRS_PER_RUN = 3  # with runs before it, and as many with runs after it

MOST_EXAMPLES_TRIED = 8
"""Runs that are looked at for an example that may be quoted: a bound on what unfit texts cost."""
