"""The score as a whole: its interface, and the principles that need several dimensions."""

from typing import Any

import pytest

from app.scoring.rubric import SCORER, VERSION, RunReport, Score, score
from app.scoring.rubric.calibration import PENALTY_FLOORS, WEIGHTS


def rate(status: str, *history: dict[str, Any], **actions: Any) -> Score:
    return score(
        RunReport("sage", status, actions), [RunReport("sage", "success", earlier) for earlier in history]
    )


def test_a_score_has_its_dimensions_and_their_reasons() -> None:
    result = rate("success", summary="Fixed the pool leak in session.py", tests_run=14, tests_passed=14)
    assert set(result.dimensions) == {*WEIGHTS, *PENALTY_FLOORS}
    assert all(0 <= value <= 1 and value == round(value, 4) for value in result.dimensions.values())
    assert 0 <= result.auto <= 1
    assert "names 1 file" in result.reasons
    assert all(reason and reason == reason.strip() for reason in result.reasons)


def test_the_scorer_names_itself() -> None:
    assert (SCORER, VERSION) == ("rubric", "5")


def test_the_weights_sum_to_one_where_nothing_failed() -> None:
    assert sum(WEIGHTS.values()) - WEIGHTS["diagnosis"] == pytest.approx(1)


@pytest.mark.parametrize("status", ["success", "partial", "failed"])
@pytest.mark.parametrize(
    "actions", [{}, {"summary": "NO_REPLY"}, {"summary": " ", "items": []}, {"no_op": True}]
)
def test_silence_scores_next_to_nothing(status: str, actions: dict[str, Any]) -> None:
    assert rate(status, **actions).auto <= 0.05


def test_a_declared_noop_scores_decently() -> None:
    declared = rate("success", no_op=True, reason="No pull request was opened since the run at 08:00")
    assert 0.55 < declared.auto < 0.85
    assert declared.auto > rate("success", summary="Job finished without problems.", items=0).auto


def test_a_diagnosed_failure_beats_a_hollow_success() -> None:
    diagnosed = rate(
        "failed",
        summary="Import of orders.csv stopped at row 4,112: vat_id is longer than the schema allows since "
        "vendor release 7.2. Nothing was written; the vendor was asked in PART-310.",
    )
    hollow = rate(
        "success", summary="The import was carried out successfully and everything works as expected."
    )
    assert diagnosed.auto > hollow.auto + 0.1


def test_a_shown_success_beats_an_equally_well_stated_failure() -> None:
    done = rate(
        "success", summary="Restored 311 of 311 mailboxes from snapshot mx-0412, checksums in restore.log"
    )
    lost = rate("failed", summary="Restored 0 of 311 mailboxes: snapshot mx-0412 is corrupt, see restore.log")
    assert done.auto > lost.auto


def test_an_honest_partial_beats_an_overclaimed_success() -> None:
    honest = rate(
        "partial", summary="Moved 210 of 240 tickets; 30 have attachments over 20 MB", moved=210, left=30
    )
    overclaimed = rate("success", summary="Moved all tickets to the new queue.", moved=210, left=30)
    assert honest.auto > overclaimed.auto + 0.2


def test_a_word_for_word_repeat_is_worth_half() -> None:
    report = {"summary": "Renewed the certificate of mail.acme.test until 2027-02-01", "commit": "8fe01b2"}
    fresh, repeated = rate("success", **report), rate("success", report, **report)
    assert repeated.auto < 0.6 * fresh.auto


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (
            "Sicherung von kunden_db: 18,2 GB in 14 min nach /srv/backup/kunden-0512.dump",
            "Die Sicherung wurde ordnungsgemäß durchgeführt und alles ist in bester Ordnung.",
        ),
        (
            "Importadas 1.204 facturas; 3 rechazadas por IVA vacío, ver rechazos.csv",
            "La importación se ha realizado correctamente y sin incidencias.",
        ),
        (
            "Migradas 212 contas, commit 81bc2f0; 4 aguardam confirmação no chamado FIN-31",
            "A migração foi concluída com sucesso e toda a equipe está de parabéns.",
        ),
        (
            "索引 products_v8 を再作成、88,410 件、6 分 41 秒。旧索引は 24 時間後に削除予定",
            "検索の最適化を適切に実施し、問題はございません。",
        ),
        (
            "连接池上限由 20 调整为 40,p95 从 2.8s 降到 0.6s,提交 e77b3d0",
            "对系统进行了全面优化,性能显著提升,效果良好。",
        ),
    ],
)
def test_evidence_counts_in_any_language(better: str, worse: str) -> None:
    assert rate("success", summary=better).auto > rate("success", summary=worse).auto + 0.1


def test_keys_are_read_in_any_convention() -> None:
    snake = rate("success", summary="All tests passed", tests_run=5, tests_passed=3)
    camel = rate("success", summary="All tests passed", testsRun=5, testsPassed=3)
    assert snake.auto == camel.auto
    assert snake.dimensions["honesty"] < 0.3


def test_the_fields_of_the_scheduler_are_no_evidence() -> None:
    plain = rate("success", summary="Checked the feeds.")
    wrapped = rate(
        "success",
        summary="Checked the feeds.",
        jobId="074bdd0b-e464-4b9c-b793-6feae084c5b7",
        runAtMs=1795332095413,
        durationMs=5823,
        usage={"input_tokens": 234, "output_tokens": 56},
        delivery={"resolved": {"to": "http://127.0.0.1:18112/hook"}},
        sessionKey="agent:main:cron:074bdd0b-e464-4b9c-b793-6feae084c5b7",
    )
    assert wrapped.auto == plain.auto


@pytest.mark.parametrize("actions", [{"nextRunAtMs": 1795332671477}, {"usage": {"input_tokens": 12}}])
def test_nothing_but_the_scheduler_s_fields_is_scored_low(actions: dict[str, Any]) -> None:
    assert rate("success", **actions).auto < rate("success", summary="Sent 3 mails").auto < 0.7


def test_a_quiet_reply_is_silent_whatever_the_scheduler_wraps_around_it() -> None:
    wrapped = rate("success", summary="HEARTBEAT_OK", action="finished", durationMs=3073, job={"id": "7"})
    assert wrapped.auto <= 0.05
    assert rate("success", summary="HEARTBEAT_OK", rows=5).auto > 0.05


def test_saying_a_thing_in_two_fields_is_saying_it_once() -> None:
    said = "Checked 3 feeds; wrote 2 summaries to notes/today.md; 1 feed was unreachable."
    assert (
        rate("success", summary=said, text=said, diagnostics={"summary": said}).auto
        == rate("success", summary=said).auto
    )
