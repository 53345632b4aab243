"""Wire types of agreement."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.quality.domain.agreement import CATEGORIES, Agreement
from app.quality.domain.agreement_report import AgreementReport, RaterAgreement, ScorerAgreement


class MeasureOut(BaseModel):
    """A figure with its 95% interval; what is missing of them has a reason."""

    model_config = ConfigDict(from_attributes=True)

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


class AgreementOut(BaseModel):
    """Five measures of how scores agree with ratings."""

    model_config = ConfigDict(from_attributes=True)

    spearman: MeasureOut = Field(description="Rank correlation, -1 to 1.")
    pairwise: MeasureOut = Field(description="Share of pairs of runs put in the same order; ties are half.")
    kappa: MeasureOut = Field(description="Cohen's, over `kappa_categories`, with quadratic weights.")
    error: MeasureOut = Field(description="Mean of score less rating; above 0 the scores are too kind.")
    absolute_error: MeasureOut = Field(description="Mean distance of score and rating.")


class ScorerAgreementOut(AgreementOut):
    """A version of a scorer against people's mean ratings; without a version it scored no rated run."""

    scorer: str
    version: str | None
    runs: int
    ratings: int
    raters: int

    @classmethod
    def of(cls, found: ScorerAgreement) -> "ScorerAgreementOut":
        """What was measured of a scorer."""
        return cls(
            scorer=found.scorer,
            version=found.version,
            runs=found.runs,
            ratings=found.ratings,
            raters=found.raters,
            **_measures(found.agreement),
        )


class RaterAgreementOut(AgreementOut):
    """Two people on the runs that both rated; `error` is of the first against the second."""

    raters: tuple[str, str]
    runs: int

    @classmethod
    def of(cls, found: RaterAgreement) -> "RaterAgreementOut":
        """What was measured of two raters."""
        return cls(raters=found.raters, runs=found.runs, **_measures(found.agreement))


def _measures(found: Agreement) -> dict[str, MeasureOut]:
    return {name: MeasureOut.model_validate(getattr(found, name)) for name in AgreementOut.model_fields}


class AgreementReportOut(BaseModel):
    """How scorers agree with people, and people with each other, over the runs rated last."""

    since: datetime | None
    runs: int
    ratings: int
    raters: int
    kappa_categories: tuple[str, ...] = CATEGORIES
    scorers: list[ScorerAgreementOut]
    rater_pairs: list[RaterAgreementOut]

    @classmethod
    def of(cls, found: AgreementReport, since: datetime | None) -> "AgreementReportOut":
        """What was measured over the runs rated since."""
        return cls(
            since=since,
            runs=found.runs,
            ratings=found.ratings,
            raters=found.raters,
            scorers=[ScorerAgreementOut.of(each) for each in found.scorers],
            rater_pairs=[RaterAgreementOut.of(each) for each in found.rater_pairs],
        )
