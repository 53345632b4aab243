"""Wire types of quality: trends, feedback to agents, agreement, and the review queue."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.kit.cursors import AgentCursor
from app.quality.domain.agreement import CATEGORIES, Agreement
from app.quality.domain.agreement_report import AgreementReport, RaterAgreement, ScorerAgreement
from app.quality.domain.review import Suggestion
from app.quality.domain.trend import Verdict

_FROM_ATTRIBUTES = ConfigDict(from_attributes=True)


def _encoded(place: AgentCursor | None) -> str | None:
    return place.encode() if place else None


class TrendOut(BaseModel):
    """Mean scores, 0 to 1, of the window up to now and of the one before, and what to make of them."""

    model_config = _FROM_ATTRIBUTES

    verdict: Verdict
    mean: float | None
    runs: int
    previous_mean: float | None
    previous_runs: int
    change: float | None = Field(description="Null where nothing is compared.")
    interval: tuple[float, float] | None = Field(
        description="Where the true change lies, with a confidence of 95 %."
    )
    scorer_changed: bool = Field(description="Whether another scorer than before scored over a fifth.")


class QualityOut(BaseModel):
    """How scores went: the fleet's with every agent's, or one agent's; and by dimension."""

    model_config = _FROM_ATTRIBUTES

    generated_at: datetime
    days: int = Field(description="The length of either window.")
    agent_id: str | None = Field(description="Null for the fleet.")
    overall: TrendOut
    dimensions: dict[str, TrendOut]
    agents: dict[str, TrendOut] = Field(
        description="Of the fleet, agents that had a run in either window, by id, in whole hours: a page."
    )
    total: int | None = Field(description="How many such agents there are; null for one agent.")
    next_cursor: Annotated[str | None, BeforeValidator(_encoded)] = Field(
        description="Null where no agents follow."
    )
    scorers: dict[str, int] = Field(description="How many runs each scorer scored, and `people` rated.")
    previous_scorers: dict[str, int]
    sampled: bool = Field(
        description="Whether dimensions and scorers stand on the newest 200 runs of each day alone."
    )


class ExampleOut(BaseModel):
    """A run of the agent's own that did well."""

    model_config = _FROM_ATTRIBUTES

    run_id: UUID
    ran_at: datetime
    score: float
    quote: str


class LackOut(BaseModel):
    """A dimension in which `runs` of `of` runs fell short."""

    model_config = _FROM_ATTRIBUTES

    dimension: str
    mean: float
    runs: int
    of: int
    next_time: str = Field(description="What to do next time, in one sentence.")
    example: ExampleOut | None


class CommentOut(BaseModel):
    """What a person wrote of a run."""

    model_config = _FROM_ATTRIBUTES

    run_id: UUID
    commented_at: datetime
    rating: float
    text: str


class StrengthOut(BaseModel):
    """A dimension in which the agent does well."""

    model_config = _FROM_ATTRIBUTES

    dimension: str
    mean: float
    praise: str


class AgentFeedbackOut(BaseModel):
    """What an agent's newest scored runs of 7 days lacked, the most costly first, and what was good.

    Texts of reports and comments are quoted: on one line, shortened, masked, and without those that carry
    instructions.
    """

    model_config = _FROM_ATTRIBUTES

    agent_id: str
    runs: int = Field(description="How many runs were looked at, at most 50.")
    trend: TrendOut
    lacks: list[LackOut]
    comments: list[CommentOut]
    comments_left_out: int = Field(description="How many were not fit to be quoted in a prompt.")
    strengths: list[StrengthOut]


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


class SuggestionOut(BaseModel):
    """A run worth a look, and why."""

    id: UUID
    agent_id: str
    created_at: datetime
    status: str
    action_summary: str | None = Field(description="Its first 300 characters.")
    overall: float | None
    scores: dict[str, float] = Field(description="The latest score of each scorer.")
    ratings: int = Field(description="How many people have rated it.")
    worth: float = Field(description="What a rating of it would teach, compared with the others: 0 to 1.")
    reasons: list[str] = Field(description="Why, the weightiest reason first.")

    @classmethod
    def of(cls, suggestion: Suggestion) -> "SuggestionOut":
        """A suggestion as it is shown."""
        run = suggestion.run
        return cls(
            id=run.id,
            agent_id=run.agent_id,
            created_at=run.created_at,
            status=run.status,
            action_summary=run.action_summary,
            overall=run.overall,
            scores=dict(run.scores),
            ratings=run.ratings,
            worth=suggestion.worth,
            reasons=list(suggestion.reasons),
        )


class ReviewQueue(BaseModel):
    """The runs most worth a rating, in that order."""

    runs: list[SuggestionOut]
