"""Nothing inside the fence closes it or forges it."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring.judge import Case, prepare
from app.scoring.judge.fence import make_fence, one_line
from app.scoring.rubric import RunReport
from support.attacks import ATTACKS, CLEAN, Attack

KEY = b"a key that no agent knows"
RUN_ID = UUID(int=7)

TEXTS = st.text() | st.text(alphabet="<>/ report0123456789abcdef\n\r\u2028\u0085\\\"'\u202e\u200b")
VALUES = st.recursive(TEXTS | st.integers() | st.booleans() | st.none(), st.lists) | st.dictionaries(
    TEXTS, TEXTS
)


@given(VALUES)
def test_content_is_one_line_without_a_mark_and_comes_back_whole(value: Any) -> None:
    line = one_line(value)
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert "<" not in line
    assert ">" not in line
    assert json.loads(line) == value


@given(TEXTS)
def test_the_code_does_not_occur_in_the_content(text: str) -> None:
    first = make_fence(KEY, RUN_ID, "")
    for content in (text, first.opening, first.opening + text + first.closing):
        fence = make_fence(KEY, RUN_ID, content)
        assert fence.opening not in content
        assert fence.closing not in content
        assert fence == make_fence(KEY, RUN_ID, content)


def test_the_code_depends_on_key_and_run() -> None:
    codes = {make_fence(key, run_id, "").opening for key in (KEY, b"x") for run_id in (RUN_ID, uuid4())}
    assert len(codes) == 4


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_stays_inside(attack: Attack) -> None:
    history = [RunReport("sage", "success", earlier) for earlier in attack.history]
    case = prepare(RUN_ID, RunReport("sage", "success", attack.actions), history, KEY)
    if not isinstance(case, Case):
        return
    lines = case.prompt.user.splitlines()
    clean = prepare(RUN_ID, RunReport("sage", "success", CLEAN), [], KEY)
    assert isinstance(clean, Case)
    outside = [lines[0], *lines[2:]]
    expected = clean.prompt.user.splitlines()
    assert outside == [expected[0], *expected[2:]]
    assert case.prompt.system == clean.prompt.system
    assert set(json.loads(lines[1])) == {"run", "earlier_runs"}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_order_does_not_reach_the_judge(attack: Attack) -> None:
    history = [RunReport("sage", "success", earlier) for earlier in attack.history]
    case = prepare(RUN_ID, RunReport("sage", "success", attack.actions), history, KEY)
    if isinstance(case, Case):
        shown = json.loads(case.prompt.user.splitlines()[1])
        assert [order for order in attack.orders if order in "\n".join(texts(shown))] == []


def texts(value: Any) -> list[str]:
    """Every string and key in a JSON value."""
    if isinstance(value, dict):
        return [text for key, child in value.items() for text in (key, *texts(child))]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []
