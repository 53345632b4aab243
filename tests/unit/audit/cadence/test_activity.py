"""ActivityBitmap answer as a plain set of steps would."""

from hypothesis import given
from hypothesis import strategies as st

from app.audit.cadence.activity import A_WEEK, ActivityBitmap

steps = st.lists(st.integers(0, 3 * A_WEEK), min_size=1, max_size=60).map(sorted)
places = st.integers(-A_WEEK, 4 * A_WEEK)
START = 5_900_000


def marked(at: list[int]) -> ActivityBitmap:
    marks = ActivityBitmap()
    for step in at:
        marks.add(START + step)
    return marks


@given(steps, places)
def test_the_first_one_from_a_step_on(at: list[int], place: int) -> None:
    expected = min((START + step for step in at if step >= place), default=None)
    assert marked(at).first_from(START + place) == expected


@given(steps, places, st.integers(0, 400))
def test_the_nearest_one(at: list[int], place: int, tolerance: int) -> None:
    found = marked(at).nearest(START + place, tolerance)
    off = min(abs(step - place) for step in at)
    assert (found is None) == (off > tolerance)
    assert found is None or abs(found - START - place) == off
    assert found is None or found - START in at


@given(steps, places, places)
def test_how_many_there_are(at: list[int], start: int, end: int) -> None:
    expected = len({step for step in at if start <= step < end})
    assert marked(at).count(START + start, START + end) == expected


@given(steps, st.integers(1, 30))
def test_times_that_are_new(at: list[int], tolerance: int) -> None:
    newest = at[-1]
    week = [step for step in at if step > newest - A_WEEK]
    expected = any(all(abs(step - A_WEEK - old) > tolerance for old in at) for step in week)
    known = newest + 1 - 2 * A_WEEK - tolerance >= at[0]
    assert marked(at).has_new_times(START + newest, tolerance) == (known and expected)


def test_what_is_older_than_five_weeks_is_forgotten_in_time() -> None:
    marks = ActivityBitmap()
    for week in range(60):
        marks.add(START + week * A_WEEK)
        kept = marks.count(0, START + 100 * A_WEEK)
        assert min(week + 1, 6) <= kept <= 7
    assert marks.nearest(START + 55 * A_WEEK, 0)


def test_a_step_before_the_first_is_left_out() -> None:
    marks = marked([100])
    marks.add(START)
    assert marks.first_from(START) == START + 100
