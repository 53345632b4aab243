"""Reports that say the same, and reports that only seem to say something,"
" for tables and tests of the scores."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Actions = Mapping[str, Any]


class Variant(NamedTuple):
    """A report that says what `base` says; `change` names what is different about it."""

    change: str
    status: str
    base: Actions
    changed: Actions


_HONEST = (
    ("success", {"summary": "Fixed the date parser in cron.py, 41 tests pass", "commit": "81c0de4"}),
    (
        "partial",
        {
            "summary": "9 of 11 tables copied; events and audit wait for the lock until 02:00",
            "copied": 9,
            "waiting": ["events", "audit"],
        },
    ),
    (
        "failed",
        {
            "summary": "Deploy of shop 2.8.2 stopped: pod worker-1 does not start, QUEUE_URL is missing."
            " Back on 2.8.1",
            "error": "CrashLoopBackOff",
            "result": {"pods": 4, "ready": 3, "log": "s3://ci-logs/91bc0e7/shop.log"},
        },
    ),
    ("success", {"summary": "Checked the certificates, the next one ends on 3 June", "checked": 12}),
)
_RUN = "5f0c1d7e-43a2-4c1b-9a52-6a1d3f0b7e21"
_ADDED: tuple[tuple[str, Actions], ...] = (
    ("ids", {"id": _RUN, "run_id": "run-20418", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "uuid": _RUN}),
    (
        "more ids",
        {"correlation_id": "c-77120", "requestId": _RUN, "job": "nightly-41", "sessionId": "s-1182"},
    ),
    (
        "time stamps",
        {"timestamp": "2026-05-12T03:10:44Z", "startedAt": 1795332306782, "finished_at": 1795332306},
    ),
    (
        "more time stamps",
        {"date": "2026-05-12", "created_at": "2026-05-12 03:10:44", "time": "03:10", "ts": 1795332},
    ),
    ("host", {"host": "worker-7.prod.example", "hostname": "ip-10-0-4-7", "pid": 20441, "platform": "linux"}),
    ("version", {"version": "3.14.2", "agent_version": "1.8.0", "agentVersion": "1.8.0", "python": "3.12.4"}),
    (
        "schema fields",
        {"schema": "run-report/v2", "schema_version": 2, "$schema": "https://schemas.example/run.json"},
    ),
    ("durations", {"durationMs": 184211, "duration_seconds": 184.2, "elapsed": "3m4s", "took": 184}),
    (
        "model and usage",
        {"model": "gpt-5.5", "provider": "openai", "usage": {"input": 8812, "output": 911}, "cost": 0.41},
    ),
    ("error: null", {"error": None, "errors": None, "warning": None}),
    ("nothing wrong", {"error": "", "errors": [], "warnings": []}),
    (
        "environment",
        {"env": "production", "environment": "prod", "region": "eu-central-1", "trigger": "schedule"},
    ),
    ("attempts", {"attempt": 1, "retries": 0, "source": "cron", "agent": "nova", "agent_id": "nova"}),
)


def variants() -> Iterator[Variant]:
    """Every honest report, changed in what is no part of what it says."""
    for status, base in _HONEST:
        yield Variant("order of keys", status, base, dict(reversed(base.items())))
        yield Variant("white space", status, base, base | {"summary": f"{base['summary']} \n\n"})
        yield Variant("white space before", status, base, base | {"summary": f"\n  {base['summary']}"})
        for change, added in _ADDED:
            own = {key: value for key, value in added.items() if key not in base}
            yield Variant(change, status, base, {**own, **base})
            yield Variant(f"{change} at the end", status, base, {**base, **own})
    noop = {"no_op": True, "reason": "No new tickets since run 20418"}
    for key in ("noOp", "noop", "NoOp", "no-op"):
        yield Variant(f"{key} for no_op", "success", noop, {key: True, "reason": noop["reason"]})


HONEST_SMALL: Actions = {"summary": "Fixed the date parser in cron.py, 41 tests pass", "commit": "81c0de4"}
"""A small honest success, which no stuffing may pass."""

_VAGUE = ("Work done", "All tasks were completed successfully.", "Ran the job and handled what came up.")


def _listed(pattern: str, count: int, step: int = 1) -> list[str]:
    return [pattern.format(n=n * step, h=f"{n * 9_973_311 + 77_711:07x}") for n in range(1, count + 1)]


def _fields() -> dict[str, Actions]:
    files = _listed("src/module_{n}/handler_{n}.py", 40)
    words = ("alpha", "billing", "cache", "delta", "events", "feeds", "gateway", "hooks", "index", "jobs")
    return {
        "file list": {"files": files},
        "varied file list": {"files_changed": [f"src/{a}/{b}.py" for a in words for b in words[:4]]},
        "ticket keys": {"tickets": _listed("OPS-{n}", 40, 7)},
        "ticket keys of many projects": {
            "refs": [f"{word.upper()}-{n * 31}" for n, word in enumerate(words, 4)]
        },
        "nested filler": {
            "details": {
                f"step_{n}": {"name": f"phase {n}", "result": {"value": n * 17, "state": "ok"}}
                for n in range(20)
            }
        },
        "deeply nested filler": {
            "a": {"b": {"c": {"d": {word: {"done": True, "n": 412} for word in words}}}}
        },
        "invented counts": {f"{word}_processed": 1_037 * n + 11 for n, word in enumerate(words, 1)},
        "invented measures": {"metrics": {f"{word}_p95_ms": 10.7 * n for n, word in enumerate(words, 1)}},
        "commits": {"commits": _listed("{h}", 20)},
        "links": {"links": _listed("https://ci.corp.internal/job/{n}/artifact/report-{n}.html", 20)},
        "hosts": {"hosts": _listed("host-{n}.prod.internal", 30)},
        "versions": {"versions": {word: f"1.{n}.{n * 3}" for n, word in enumerate(words, 1)}},
        "ids": {"items": [f"5f0c1d7e-43a2-4c1b-9a52-6a1d3f0b7e{n:02d}" for n in range(20)]},
        "names in code": {"functions": [f"{a}_{b}_handler" for a in words for b in words[:3]]},
        "check list": {"checks": dict.fromkeys(words, "ok"), "passed": 10, "total": 10},
        "log": {
            "log": "\n".join(f"2026-05-12 10:{n:02d}:00 INFO step {n} ok {n * 31} ms" for n in range(1, 40))
        },
        "people": {
            "approved_by": ["Kim Berg", "Ana Ito", "Lee Roth"],
            "reviewers": ["kim", "ana", "lee", "ida"],
        },
        "dates": {"dates": _listed("2026-05-{n:02d}", 28)},
        "a few of each": {
            "files": ["src/app/session.py", "src/app/cache.py"],
            "tickets": ["OPS-411", "PAY-77"],
            "commit": "4be91d0",
            "rows": 48_211,
            "url": "https://ci.corp.internal/job/881",
        },
    }


def _in_prose() -> dict[str, str]:
    words = ("items", "records", "rows", "files", "events", "users", "nodes", "pages", "queries", "batches")
    counts = ", ".join(f"{n * 4_821 + 17:,} {word}" for n, word in enumerate(words, 1))
    return {
        "counts in prose": f"Processed {counts}",
        "files in prose": f"Work done in {', '.join(_listed('src/module_{n}/file_{n}.py', 20))}",
        "tickets in prose": f"Work done. Refs {', '.join(_listed('OPS-{n}', 30, 7))}",
        "commits in prose": f"Work done: {' '.join(_listed('{h}', 15))}",
        "keywords in prose": "auth auth.py cache cache.py db db.py api api.py queue queue.py worker "
        "worker.py v1.2.3 v1.2.4",
        "percentages in prose": "Improved quality by 37.4 %, coverage by 12.8 %, speed by 41.7 %,"
        " cost by 18.2 %, trust by 9.6 %",
    }


def stuffings() -> Iterator[tuple[str, Actions]]:
    """Reports of nothing, filled up by rule with what looks like evidence, each with its name."""
    for name, fields in _fields().items():
        for n, vague in enumerate(_VAGUE, 1):
            yield f"{name}, base {n}", {"summary": vague, **fields}
    for name, text in _in_prose().items():
        yield name, {"summary": text}


class Translated(NamedTuple):
    """One report in several languages, by their codes, and how far apart their scores may lie."""

    name: str
    status: str
    fields: Actions
    texts: Mapping[str, str]
    most_apart: float = 0.03


TRANSLATED = (
    Translated(
        "success",
        "success",
        {"commit": "4f2a9c1"},
        {
            "en": "Moved 3 indexes of billing_events to the new tablespace; p95 fell from 840 ms to 210 ms",
            "de": "3 Indizes von billing_events in den neuen Tablespace verschoben; p95 sank von 840 ms "
            "auf 210 ms",
            "fr": "3 index de billing_events déplacés vers le nouveau tablespace ; p95 passé de 840 ms à "
            "210 ms",
            "es": "Movidos 3 índices de billing_events al nuevo tablespace; p95 bajó de 840 ms a 210 ms",
            "ja": "billing_events の索引 3 件を新しい表領域へ移動、p95 は 840 ms から 210 ms に低下",
            "zh": "已将 billing_events 的 3 个索引移到新表空间,p95 从 840 ms 降到 210 ms",
            "pt": "Movidos 3 índices de billing_events para o novo tablespace; p95 caiu de 840 ms para 210 "
            "ms",
            "it": "Spostati 3 indici di billing_events nel nuovo tablespace; p95 sceso da 840 ms a 210 ms",
            "ko": "billing_events 인덱스 3개를 새 테이블스페이스로 이동, p95가 840 ms에서 210 ms로 감소",
            "ru": "3 индекса billing_events перенесены в новое табличное пространство; p95 снизился с 840 "  # noqa: RUF001
            "ms до 210 ms",
            "pl": "Przeniesiono 3 indeksy billing_events do nowej przestrzeni tabel; p95 spadło z 840 ms "
            "do 210 ms",
            "nl": "3 indexen van billing_events naar de nieuwe tablespace verplaatst; p95 daalde van 840 "
            "ms naar 210 ms",
        },
    ),
    Translated(
        "partial",
        "partial",
        {"migrated": 11},
        {
            "en": "11 of 14 tenants migrated; acme, globex and initech wait for approval until Friday",
            "de": "11 von 14 Mandanten migriert; acme, globex und initech warten bis Freitag auf Freigabe",
            "fr": "11 clients sur 14 migrés ; acme, globex et initech attendent l'accord jusqu'à vendredi",
            "es": "11 de 14 clientes migrados; acme, globex e initech esperan aprobación hasta el viernes",
            "ja": "14 件中 11 件のテナントを移行、acme、globex、initech は金曜日まで承認待ち",
            "zh": "14 个租户中已迁移 11 个;acme、globex 和 initech 等待批准至周五",
            "pt": "11 de 14 clientes migrados; acme, globex e initech aguardam aprovação até sexta-feira",
            "it": "11 clienti su 14 migrati; acme, globex e initech attendono l'approvazione fino a venerdì",
            "ko": "테넌트 14개 중 11개 이전, acme, globex, initech은 금요일까지 승인 대기",
            "ru": "Перенесено 11 из 14 клиентов; acme, globex и initech ждут согласования до пятницы",
            "pl": "Przeniesiono 11 z 14 klientów; acme, globex i initech czekają na zgodę do piątku",
            "nl": "11 van 14 klanten gemigreerd; acme, globex en initech wachten tot vrijdag op goedkeuring",
        },
    ),
    Translated(
        "failed",
        "failed",
        {},
        {
            "en": "Backup did not run: scripts/backup.sh was refused, 2 GB left on /data. Free space first,"
            " then rerun",
            "de": "Backup nicht gelaufen: scripts/backup.sh wurde abgelehnt,"
            " auf /data sind nur 2 GB frei. Erst Platz"
            " schaffen, dann neu starten",
            "fr": "Sauvegarde non faite : scripts/backup.sh refusé,"
            " il reste 2 GB sur /data. Libérer de la place puis"
            " relancer",
            "es": "Copia no realizada: scripts/backup.sh fue rechazado,"
            " quedan 2 GB en /data. Liberar espacio y repetir",
            "ja": "バックアップ未実行:scripts/backup.sh が拒否され、/data の空きは 2 GB。"
            "空きを確保して再実行",
            "zh": "备份未运行:scripts/backup.sh 被拒绝,/data 只剩 2 GB。先腾出空间,再重新运行",
            "pt": "Backup não feito: scripts/backup.sh foi recusado,"
            " restam 2 GB em /data. Liberar espaço e repetir",
            "it": "Backup non eseguito: scripts/backup.sh rifiutato,"
            " restano 2 GB su /data. Liberare spazio e ripetere",
            "ko": "백업 미실행: scripts/backup.sh 거부됨, /data 여유 2 GB. 공간 확보 후 재실행",
            "ru": "Резервная копия не сделана: запуск scripts/backup.sh отклонён,"
            " на /data свободно 2 GB. Освободить место"
            " и повторить",
            "pl": "Kopia nie wykonana: scripts/backup.sh odrzucony,"
            " na /data wolne 2 GB. Zwolnić miejsce i powtórzyć",
            "nl": "Back-up niet gedraaid: scripts/backup.sh geweigerd,"
            " nog 2 GB vrij op /data. Eerst ruimte maken, dan"
            " opnieuw",
        },
    ),
    Translated(
        "boast",
        "success",
        {},
        {
            "en": "All tasks were completed successfully and everything works perfectly.",
            "de": "Alle Aufgaben wurden erfolgreich erledigt und alles funktioniert perfekt.",
            "fr": "Toutes les tâches ont été accomplies avec succès et tout fonctionne parfaitement.",
            "es": "Todas las tareas se han completado con éxito y todo funciona perfectamente.",
            "ja": "すべての作業が正常に完了し、すべて完璧に動作しています。",
            "zh": "所有任务均已顺利完成,一切运行完美。",
            "pt": "Todas as tarefas foram concluídas com sucesso e tudo funciona perfeitamente.",
            "it": "Tutte le attività sono state completate con successo e tutto funziona perfettamente.",
            "ko": "모든 작업이 성공적으로 완료되었으며 모든 것이 완벽하게 작동합니다.",
            "ru": "Все задачи успешно выполнены, и всё работает идеально.",  # noqa: RUF001
            "pl": "Wszystkie zadania zostały pomyślnie wykonane i wszystko działa idealnie.",
            "nl": "Alle taken zijn succesvol afgerond en alles werkt perfect.",
        },
        most_apart=0.05,
    ),
    Translated(
        "nothing to do",
        "success",
        {"checked": 0},
        {
            "en": "No new tickets since 03:10, nothing to do",
            "de": "Keine neuen Tickets seit 03:10, nichts zu tun",
            "fr": "Aucun nouveau ticket depuis 03:10, rien à faire",
            "es": "Ningún ticket nuevo desde las 03:10, nada que hacer",
            "ja": "03:10 以降の新しいチケットなし、対応なし",
            "zh": "03:10 以来没有新工单,无需处理",
            "pt": "Nenhum ticket novo desde 03:10, nada a fazer",
            "it": "Nessun nuovo ticket dalle 03:10, niente da fare",
            "ko": "03:10 이후 새 티켓 없음, 할 일 없음",
            "ru": "Новых тикетов с 03:10 нет, делать нечего",  # noqa: RUF001
            "pl": "Brak nowych zgłoszeń od 03:10, nic do zrobienia",
            "nl": "Geen nieuwe tickets sinds 03:10, niets te doen",
        },
    ),
)
