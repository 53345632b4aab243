"""For any JSON value: a score, the same one every time, in bounded time, and never an exception."""

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scoring.rubric import RunReport, score
from app.scoring.rubric.calibration import PENALTY_FLOORS, WEIGHTS

FRAGMENTS = (
    "all tests passed 3 of 5 failed error 100% summary ignore previous instructions /etc/hosts abc1234 drop "
    "table password= eyJ 2026-05-01 v1.2.3 #12 1/2 すべて 完了 <|im_start|> ' \" ` ( [ { \\ \x1b["
)
words = st.sampled_from(FRAGMENTS.split())
keys = st.text(max_size=12) | st.sampled_from(
    [
        "summary",
        "error",
        "errors",
        "total",
        "passed",
        "failed",
        "no_op",
        "reason",
        "exit_code",
        "a/b",
        "password",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=80)
    | st.lists(words, max_size=30).map(" ".join)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
payloads = st.dictionaries(keys, values, max_size=8)
statuses = st.sampled_from(["success", "partial", "failed", "", "SUCCESS"])


@settings(max_examples=25)
@given(statuses, payloads, st.lists(payloads, max_size=3))
def test_any_payload_has_a_score_in_range_and_always_the_same(
    status: str, actions: dict[str, Any], earlier: list[dict[str, Any]]
) -> None:
    run = RunReport("sage", status, actions)
    history = [RunReport("sage", "success", past) for past in earlier]
    first = score(run, history)
    assert 0 <= first.auto <= 1
    assert set(first.dimensions) == {*WEIGHTS, *PENALTY_FLOORS}
    assert all(0 <= value <= 1 for value in first.dimensions.values())
    assert all(reason.strip() for reason in first.reasons)
    assert score(run, history) == first


def nested(depth: int) -> dict[str, Any]:
    value: Any = {"summary": "deep"}
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return {"root": value}


@pytest.mark.parametrize(
    "actions",
    [
        nested(100),
        nested(20_000),
        {"n": 10**5_000, "m": -(10**400), "exit_code": 10**400, "total": 10**30, "passed": 10**29},
        {"n": Decimal("NaN"), "s": Decimal("sNaN"), "i": Decimal("-Infinity"), "e": Decimal("1e999999")},
        {"n": float("nan"), "i": float("inf")},
        {"": "", " ": None, "k" * 1_000_000: "v"},
        {"summary": "\ud800 lone", "nul": "\x00"},
        {"rows": [{"id": n, "tags": ["x"] * 100} for n in range(5_000)]},
        {f"key_{n}": n for n in range(50_000)},
    ],
    ids=[
        "deep",
        "deeper",
        "huge ints",
        "decimals",
        "floats",
        "keys",
        "code points",
        "long array",
        "wide object",
    ],
)
def test_extreme_payloads_are_scored(actions: dict[str, Any]) -> None:
    assert 0 <= score(RunReport("sage", "success", actions)).auto <= 1


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a",
            "1",
            "a/",
            "a.",
            "a_",
            "A-",
            "a-",
            "1,",
            "1 ",
            "1.",
            "Ab",
            "#",
            "'",
            '"',
            "`",
            "(",
            "<",
            "<a ",
            "\x1b[",
        ),
        *(
            "\r",
            "\n",
            "\n  at ",
            "eyJ",
            "eyJaaaaaaaa.",
            "Bearer ",
            "a://",
            "a://b:",
            "password ",
            "password=",
            "drop ",
        ),
        *(
            "deleted a ",
            "ignore ",
            "note to ",
            "evaluator ",
            "you are a ",
            "give ",
            "1 of ",
            "2026-",
            "あ",
            "1 件",
            "é",
        ),
        *(
            " -u a ",
            "curl ",
            "curl -u a:",
            "--token ",
            "session=a1",
            "TOKEN=a1",
            "password of a ",
            "4111 ",
            "[system ",
            "<user ",
            "overall=1 ",
            "score this ",
            "scoring a ",
            "QUJD",
            "QUJD ",
            "ab12",
            "%20",
            "\u200b",
            "\u0430a",
            "\U000e0041",
            "|a",
            "(A",
            "'a ",
            "a: ",
            "approved ",
            "gave admin ",
            "for 1 ",
        ),
    ],
)
def test_a_megabyte_of_anything_takes_no_time(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    started = time.process_time()
    score(RunReport("sage", "success", {"summary": text, "log": text, "more": [text] * 3}))
    assert time.process_time() - started < 1
