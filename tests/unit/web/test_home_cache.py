"""A page that is given to several readers is never older than it may be."""

import pytest

from app.web.home import PAGE_SECONDS, HomeCache

V1, V2 = {"runs": "1"}, {"runs": "2"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    time = [100.0]
    monkeypatch.setattr("app.kit.expiring.time.monotonic", lambda: time[0])
    return time


def test_while_nothing_changes_a_page_is_given_again_until_it_is_old(clock: list[float]) -> None:
    cache = HomeCache()
    cache.keep_page("/", V1, "page")
    clock[0] += PAGE_SECONDS
    assert cache.page("/", V1, 0.0) == "page"
    clock[0] += 0.1
    assert cache.page("/", V1, 1.0) is None


def test_a_page_of_before_a_change_is_given_for_the_time_of_staleness_alone(clock: list[float]) -> None:
    cache = HomeCache()
    cache.keep_page("/", V1, "page")
    clock[0] += 0.5
    assert cache.page("/", V2, 0.4) is None
    assert cache.page("/", V2, 0.6) == "page"


def test_where_nobody_looks_for_changes_no_page_is_given_twice(clock: list[float]) -> None:
    cache = HomeCache()
    cache.keep_page("/", {}, "page")
    assert cache.page("/", {}, 60.0) is None
    cache.keep_page("/", V1, "page")
    assert cache.page("/", {}, 60.0) is None
    assert cache.page("/other", V1, 60.0) is None
