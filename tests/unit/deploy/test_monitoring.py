"""The dashboard and the alert rules ask for metrics and labels that the product exports."""

import json
import re
from collections.abc import Iterator
from functools import cache

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import AggregateExpr, Expr, VectorSelector

from app import metrics
from app.api.fleet_metrics import fleet_exposition
from app.dashboard.gauges import FleetGauges, JudgeGauges
from app.proof.status import DeliveryStatus, SealStatus
from app.scoring.judge_budget import JudgeCosts
from app.scoring.status import Count, ScoringCounts
from support.deployment import DEPLOY
from unit.deploy.test_alert_rules import rules

# What Prometheus itself adds to each series.
OF_PROMETHEUS = {"job", "instance"}
SCRAPED = {"up": OF_PROMETHEUS}
DOCUMENTED = "".join(
    (DEPLOY.parent / f"docs/reference/{page}.md").read_text(encoding="utf-8")
    for page in ("metrics", "openclaw")
)
PANELS = json.loads((DEPLOY / "grafana/agent-run-log.json").read_text(encoding="utf-8"))["panels"]
TARGETS = [
    (target["expr"].replace("$__rate_interval", "5m"), target["legendFormat"])
    for panel in PANELS
    for target in panel.get("targets", [])
]
RULES = [(rule["expr"], " ".join(rule["annotations"].values())) for rule in rules()]
GAUGES = FleetGauges(
    findings={("late", "low"): 1},
    agents={"up": 1},
    alerts={("webhook", "sent"): 1},
    audit_age=1.0,
    scoring=ScoringCounts({"queued": Count(1, exact=True)}, None),
    oldest_queued_age=None,
    judge=JudgeGauges(JudgeCosts(1, 1, 1, {"judged": 1}, {"judged": 1.0}), 1),
    seals=SealStatus(1, 1.0, 1.0, 1, 1.0),
    unindexed=1,
    checkpoints={"webhook": DeliveryStatus(1.0, 1)},
)


@cache
def exported() -> dict[str, set[str]]:
    """The labels of each series of `/metrics`, by its name."""
    labels = {}
    for metric in metrics.REGISTRY.collect():
        own = set(getattr(metrics.REGISTRY._names_to_collectors.get(metric.name), "_labelnames", ()))
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
        for suffix in suffixes:
            labels[metric.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    for family in text_string_to_metric_families(fleet_exposition(GAUGES).decode()):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                labels[sample.name] = set(sample.labels)
    return {name: own | OF_PROMETHEUS for name, own in labels.items()} | SCRAPED


def parts(expression: str) -> Iterator[Expr]:
    """The expression and all that it is made of. Raises `ValueError` where it is no PromQL."""
    found: list[Expr] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    yield from found


def selectors(expression: str) -> list[VectorSelector]:
    """Each series that an expression asks for."""
    return [part for part in parts(expression) if isinstance(part, VectorSelector)]


@pytest.mark.parametrize("expression", [expression for expression, _ in TARGETS + RULES])
def test_an_expression_asks_for_what_is_exported(expression: str) -> None:
    found = selectors(expression)
    assert found
    for each in found:
        labels = exported()[each.name]
        for matcher in each.matchers.matchers:
            assert matcher.name in labels
            if matcher.name not in OF_PROMETHEUS:
                assert [value for value in matcher.value.split("|") if f"`{value}`" not in DOCUMENTED] == []
    known = set.union(*(exported()[each.name] for each in found))
    for part in parts(expression):
        if isinstance(part, AggregateExpr) and part.modifier:
            assert known.issuperset(part.modifier.labels)


@pytest.mark.parametrize(("expression", "text"), TARGETS + RULES)
def test_a_text_names_labels_that_its_expression_keeps(expression: str, text: str) -> None:
    named = set(re.findall(r"\{\{ ?(?:\$labels\.)?([a-z]\w*) ?\}\}", text))
    aggregates = [part for part in parts(expression) if isinstance(part, AggregateExpr)]
    kept = [set(part.modifier.labels if part.modifier else ()) for part in aggregates]
    assert named <= (set.intersection(*kept) if kept else exported()[selectors(expression)[0].name])


def test_every_metric_of_the_product_is_on_the_dashboard() -> None:
    shown = {each.name for expression, _ in TARGETS for each in selectors(expression)}
    family = re.compile(r"_(?:bucket|sum|count)$")
    missing = {
        name
        for name in exported()
        if name.startswith("runlog_")
        and not {name, *(family.sub(end, name) for end in ("_bucket", "_count"))} & shown
    }
    assert missing == set()


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert taken.isdisjoint(cells)
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
