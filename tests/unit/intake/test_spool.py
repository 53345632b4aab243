"""Facts that wait on disk: in order, within bounds, none lost by who records them."""

import fcntl
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.intake import spool as spool_module
from app.intake.domain.openclaw.facts import AlertFact, Fact, NoRunFact, RunFact
from app.intake.spool import Spool

pytestmark = pytest.mark.anyio

RUN = RunFact("job", 1_795_332_095_413, "openclaw-plugin", "success", {"summary": "Did it"}, agent="ops")
ALERT = AlertFact("job", 1_795_332_095_414, "failed", {"error": "boom"})


async def drained(spool: Spool) -> list[Fact]:
    """What the spool gives to be recorded."""
    recorded: list[Fact] = []

    async def record(facts: Sequence[Fact]) -> None:
        recorded.extend(facts)

    await spool.drain(record)
    return recorded


async def test_what_waits_comes_back_as_it_was_and_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "openclaw")
    assert not spool.waits()
    assert await drained(spool) == []
    spool.put([RUN, ALERT])
    spool.put([NoRunFact("started")])
    assert spool.waits()
    assert await drained(spool) == [RUN, ALERT, NoRunFact("started")]
    assert not spool.waits()


async def test_what_was_not_recorded_waits_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(3):
        spool.put([NoRunFact(str(number))])
    recorded: list[Fact] = []

    async def record(facts: Sequence[Fact]) -> None:
        if len(recorded) == 1:
            raise ConnectionError
        recorded.extend(facts)

    with pytest.raises(ConnectionError):
        await spool.drain(record)
    assert await drained(spool) == [NoRunFact("1"), NoRunFact("2")]


async def test_one_process_records_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put([RUN])
    with (tmp_path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert await drained(spool) == []
    assert await drained(spool) == [RUN]


def test_no_more_waits_than_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    monkeypatch.setattr(spool_module, "MOST_FILES", 1)
    spool.put([RUN])
    with pytest.raises(OSError, match="too many"):
        spool.put([RUN])
    monkeypatch.setattr(spool_module, "MOST_FILES", 10)
    monkeypatch.setattr(spool_module, "MOST_BYTES", 100)
    with pytest.raises(OSError, match="too many"):
        spool.put([RUN])
    assert len(list(tmp_path.glob("*.json"))) == 1
