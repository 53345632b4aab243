"""Values that are kept for a while."""

import pytest

from app.kit.expiring import ExpiringCache


def test_a_value_is_as_old_as_its_last_putting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("app.kit.expiring.time.monotonic", lambda: now)
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    assert cache.get("a") is None
    cache.put("a", 1)
    now = 107.0
    assert cache.get("a") == (1, 7.0)
    cache.put("a", 2)
    assert cache.get("a") == (2, 0.0)


def test_what_was_used_longest_ago_goes_first() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]
