"""Every chosen value of judging, with its unit and why it is so. They are decisions of the product.

`tests/data/quality_pairs.jsonl` holds reports that speak to their judge; `docs/howto/judge.md` says how many
of 160 varied reports the limits below concern. How often and when a judge is asked again is in `retry`.
"""

from datetime import timedelta

EARLIER_RUNS = 3  # runs shown beside the judged one: enough to see a repeat, at a fraction of its tokens
ROOM = 12_000  # characters of a report that are shown, some 3,000 to 4,000 tokens
EARLIER_ROOM = 1_500  # characters of each earlier report

MOST_ABOVE_RUBRIC = 0.05
"""Points by which a judge may raise the rubric's score of a report that may speak to it.

As much as a change of a mean that a trend takes for one (`quality.domain.calibration.LEAST_CHANGE`): what a
deceived judge adds is not seen in any trend.
"""

WINDOW = timedelta(days=1)
"""How long after it came in a run may still be judged: the budget is for news, and for one day's backlog."""

LEASE = timedelta(minutes=3)
"""How long a run is one worker's. Longer than a task may take: what is not answered then was lost with it."""
