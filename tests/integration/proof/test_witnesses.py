"""Checkpoints that are sent elsewhere, and what witnesses say of them."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import typer

from app.cli.verify import verify
from app.cli.witness import timestamp
from app.config import Settings, get_settings
from app.errors import ConfigError
from app.services.agent_run_log_service import write_run_log
from app.tasks.checkpoint_tasks import send_newest
from app.tasks.seal_tasks import seal
from app.wiring import witness_keys
from support.alerting import settle
from support.log_changes import UNGUARD
from support.receiver import Receiver, Request, receiving
from support.timestamp_authority import StampingAuthority, openssl
from support.witnesses import cosignature_line, witness_key

pytestmark = pytest.mark.anyio

CHECKPOINT = "/api/v1/public/log/checkpoint"
COSIGNATURES = "/api/v1/internal/log/cosignatures"
WITNESSES = "/api/v1/internal/log/witnesses"
SEED = bytes(range(32))
NAME = "witness.example/w1"
MOMENT = 1_790_000_000
LONG_AGO = """
    UPDATE checkpoint_destination
    SET delivered_at = delivered_at - interval '1 hour', next_attempt_at = now()
"""
MAKE_AGAIN = """
    UPDATE agent_run_log SET status = 'failed';
    TRUNCATE seal_leaf, seal_node, seal_checkpoint, seal_pending, seal_adoption
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def sealed(n: int) -> None:
    """Record a run and sign a checkpoint of it."""
    await write_run_log("sage", {"n": n})
    await seal(get_settings(), at_once=True)


async def sent() -> None:
    await send_newest(get_settings())


async def test_each_new_checkpoint_goes_to_the_url_and_the_file_and_one_a_day_by_mail(
    db: asyncpg.Connection,
    api: httpx.AsyncClient,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "checkpoints.txt"
    settle(monkeypatch, checkpoint_webhook=receiver.url, checkpoint_file=file)
    settle(monkeypatch, checkpoint_urls=f"json://127.0.0.1:{receiver.port}/daily")
    await sent()  # there is none yet
    for n in range(2):
        await sealed(n)
        await sent()
        await sent()
        await db.execute(LONG_AGO)
    newest = (await api.get(CHECKPOINT)).text
    [daily] = [request.json for request in receiver.requests if request.path == "/daily"]
    first, second = (request.body.decode() for request in receiver.requests if request.path != "/daily")
    assert (daily["message"], second) == (first.strip(), newest)
    assert file.read_text().count("agent-run-log/") == 4  # a name and a signature each
    assert file.read_text().endswith(f"{newest}\n")
    known = (await api.get(WITNESSES)).json()
    size = int(newest.split("\n")[1])
    assert [(each["destination"], each["tree_size"], each["failures"]) for each in known["destinations"]] == [
        ("file", size, 0),
        ("json", int(first.split("\n")[1]), 0),
        ("webhook", size, 0),
    ]
    assert len(known["deliveries"]) == 5


async def test_the_file_of_all_checkpoints_finds_a_log_that_was_made_again(
    database: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "checkpoints.txt"
    settle(monkeypatch, checkpoint_file=file)
    for n in range(2):
        await sealed(n)
        await sent()
        await db.execute(LONG_AGO)
    await asyncio.to_thread(verify, [file], True, 1)
    await db.execute(f"{UNGUARD}; {MAKE_AGAIN}")
    await sealed(3)
    with pytest.raises(typer.Exit):
        await asyncio.to_thread(verify, [file], True, 1)


async def test_what_failed_is_tried_again_with_the_newest_one(
    db: asyncpg.Connection, api: httpx.AsyncClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, checkpoint_webhook=receiver.url)
    receiver.status = 500
    await sealed(1)
    await sent()
    await sent()  # not at once
    [known] = (await api.get(WITNESSES)).json()["destinations"]
    assert (known["tree_size"], known["failures"], known["outcome"]) == (None, 1, "HTTP 500")
    assert (
        'runlog_checkpoint_delivery_failures{destination="webhook"} 1.0' in (await api.get("/metrics")).text
    )
    receiver.status = 200
    await sealed(2)
    await db.execute(LONG_AGO)
    await sent()
    newest = (await api.get(CHECKPOINT)).text
    assert [request.body.decode() == newest for request in receiver.requests] == [False, True]
    [known] = (await api.get(WITNESSES)).json()["destinations"]
    assert known["failures"] == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="it stamps and verifies by OpenSSL")
async def test_a_checkpoint_is_stamped_by_an_authority(
    db: asyncpg.Connection, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = StampingAuthority(tmp_path)
    settle(monkeypatch, timestamp_url=receiver.url)

    def stamp(request: Request) -> int:
        receiver.body = authority.answer(request.body)
        return 200

    receiver.status_of = stamp
    await sealed(1)
    await sent()
    await asyncio.to_thread(timestamp, tmp_path)
    verified = (
        "ts",
        "-verify",
        "-data",
        "checkpoint.txt",
        "-in",
        "checkpoint.tsr",
        "-CAfile",
        "certificate.pem",
    )
    assert "Verification: OK" in openssl(*verified, directory=tmp_path)
    await asyncio.to_thread(verify, [tmp_path / "checkpoint.txt"], True, 1)

    receiver.status_of = lambda _: 200  # the same answer again, to another question
    await sealed(2)
    await db.execute(LONG_AGO)
    await sent()
    known = await db.fetchrow("SELECT failures, outcome FROM checkpoint_destination")
    assert tuple(known) == (1, "the time stamp is of something else")


@pytest.fixture
async def note(db: asyncpg.Connection, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> str:
    """The newest checkpoint of a log that knows a witness."""
    settle(monkeypatch, witness_keys=witness_key(NAME, SEED))
    await sealed(1)
    return (await api.get(CHECKPOINT)).text


def cosigned(note: str, name: str = NAME) -> str:
    return note + cosignature_line(f"{note.partition(chr(10) * 2)[0]}\n", name, SEED, MOMENT)


async def test_a_cosignature_is_given_out_with_its_checkpoint(
    database: str, db: asyncpg.Connection, api: httpx.AsyncClient, note: str
) -> None:
    for _ in range(2):
        answer = await api.post(COSIGNATURES, json={"checkpoint": cosigned(note)})
        assert answer.json()[0] | {"key": ""} == {
            "witness": NAME,
            "key": "",
            "tree_size": int(note.split("\n")[1]),
            "cosigned_at": "2026-09-21T14:13:20Z",
        }
    assert (await api.get(CHECKPOINT)).text == cosigned(note)
    assert (await api.get(WITNESSES)).json()["witnesses"] == answer.json()
    await asyncio.to_thread(verify, [], True, 1)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda note: note, 422),  # no cosignature
        (lambda note: cosigned(note, "witness.example/other"), 422),
        (lambda note: note + cosignature_line("log\n1\n", NAME, SEED, MOMENT), 422),
        (lambda note: cosigned(note.replace("\n", "x\n", 1)), 422),
        (lambda note: "no note", 422),
        (lambda note: cosigned(note.replace(f"\n{note.splitlines()[1]}\n", "\n77\n", 1)), 404),
    ],
    ids=["none", "unknown witness", "wrong", "another log", "no note", "no such checkpoint"],
)
async def test_other_cosignatures_are_refused(
    api: httpx.AsyncClient, note: str, change: object, status: int
) -> None:
    assert callable(change)
    answer = await api.post(COSIGNATURES, json={"checkpoint": change(note)})
    assert answer.status_code == status, answer.text
    assert (await api.get(CHECKPOINT)).text == note


@pytest.mark.parametrize(
    "keys", ["w1", "runlog.example/log+42ae322c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"]
)
def test_what_is_no_key_of_a_witness_is_named(keys: str) -> None:
    with pytest.raises(ConfigError, match="RUNLOG_WITNESS_KEYS"):
        witness_keys(Settings(witness_keys=keys))
