"""Agreement in words: how often a scorer, or another person, puts two runs in the same order."""

from app.kit.text import counted
from app.quality.domain.agreement import Measure
from app.quality.domain.agreement_report import AgreementReport

MOST_SENTENCES = 6
"""That are shown beside the queue: the scorers in use, and the people one rates with most."""


def agreement_in_words(report: AgreementReport, rater: str) -> list[str]:
    """A sentence for each scorer that has a figure, and for each person that `rater` can be compared with.

    Of two runs that people rated differently, it is the share which the other puts in the same order.
    """
    scorers = [
        f"{each.scorer} {each.version}: {_share(each.agreement.pairwise)},"
        f" over {counted(each.runs, 'rated run')}"
        for each in report.scorers
        if each.version is not None and each.agreement.pairwise.value is not None
    ]
    people = [
        f"you and {_other(each.raters, rater)}: {_share(each.agreement.pairwise)},"
        f" over {counted(each.runs, 'run')} that both rated"
        for each in report.rater_pairs
        if rater in each.raters and each.agreement.pairwise.value is not None
    ]
    return [*people, *scorers][:MOST_SENTENCES]


def _share(measure: Measure) -> str:
    same = "unknown" if measure.value is None else f"the same order in {_percent(measure.value)} of pairs"
    if measure.low is None or measure.high is None:
        return same
    return f"{same} (95 % interval {100 * measure.low:.0f} to {_percent(measure.high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _other(raters: tuple[str, str], rater: str) -> str:
    return raters[1] if raters[0] == rater else raters[0]
