"""What the words of a key say about its value: `tests_failed` holds a remainder, `exit_code` an error."""

from app.scoring.rubric.text import entries

SUMMARY = (
    *("summary", "message", "result", "text", "description", "headline", "title", "report", "note", "notes"),
    *("zusammenfassung", "resumen", "resumo", "résumé", "mensaje", "概要", "要約", "摘要", "总结", "요약"),
    *("reason", "error"),
)
"""Keys that hold the readable account, the specified one first."""

REMAINDER = entries(
    "failed, failing, failure, failures, fail, error, errors, missing, pending, skipped",
    "left, remaining, open, rejected, dropped, unmatched, quarantined, down, invalid",
    "broken, late, blocked, aborted, omitted, unresolved, unverified, incomplete",
    "excluded, unsupported, disabled",
    "unfinished, unprocessed, todo, outstanding, lost, denied, empty, bounced, wanted",
    "flaky, backlog, not, timeouts, undelivered, unreachable, unhealthy, corrupt, corrupted",
    "conflicts, rejects, mismatches, fehler, fehlgeschlagen, offen, offene, ausstehend",
    "fehlend, fehlende, übersprungen, abgelehnt, leer, errores, fallidos, fallidas, fallos",
    "pendientes, pendiente, rechazadas, rechazados, rechazada, faltan, faltantes, vacíos",
    "erros, falhas, falhou, pendentes, pendente, rejeitados, vazios, faltando, échecs",
    "erreurs, restants, manquants, 失敗, 未完了, 残り, エラー, 失败, 错误, 未处理, 剩余, 跳过, 缺失, 실패",
)
"""What went wrong or is left over."""

WARNINGS = entries(
    "warnings, warning, warn, alerts, issues, problems, warnungen, avisos, avertissements, 警告"
)
"""What may be wrong."""

HANDLED = entries(
    "fixed, resolved, handled, cleared, recovered, closed, before, found, solved, repaired",
    "rate, pct",
)
"""Turns a remainder around, as in `errors_fixed`, or makes it a rate."""

RESOURCES = entries(
    "connection, connections, conns, socket, sockets, port, ports, file, files, handle, handles"
    ", descriptor, descriptors, session, sessions, position, positions, stream, streams, channel, channels"
)
"""What is open in everyday use: `open_connections` are no work left over."""

ERROR = entries("error, errors, exception, traceback, fehler, erro, erreur, エラー, 错误")
"""An error message, as the failing tool worded it."""

TOTAL = entries(
    "total, run, planned, expected, attempted, all, gesamt, sum, of, target, requested",
    "recipients, 总数, 合計",
)
"""The whole that a part is compared with."""

DONE = entries(
    "passed, ok, done, succeeded, completed, matched, processed, success, successful",
    "rotated, loaded, sent, synced, ready, finished, uploaded, migrated, parsed, valid",
    "converted, indexed, updated, imported, delivered, deployed, scanned, upgraded",
    "published, merged, verified, healthy, aceptadas, hechas, erledigt, 更新, 完了, 成功, 完成",
)
"""The part of a whole that went well."""

DENIED = entries("ok, success, successful, succeeded, passed, completed, done, healthy")
"""A flag of that name that is false denies the success."""

UNDONE = entries("rollback, back, reverted, aborted, failed, cancelled, canceled, crashed")
"""A flag whose name ends so and that is true takes the success back."""

SELF_RATING = entries(
    "score, confidence, quality, rating, trust, correctness, trustworthiness, grade, reward",
    "evaluation, excellence, importance, impact, significance, value, satisfaction",
    "robustness, accuracy, completeness, clarity, proof, evidence, integrity, puntuacion",
    "puntuación, calificación, nota, bewertung, qualität, pontuação, avaliação, 得分, 可信度",
    "准确性, 一致性, 完整性, 质量得分, 評価, 評点, 信頼度, 重要度",
)
"""Under these an agent marks its own work."""

RAW = entries(
    "output, stdout, stderr, log, logs, traceback, stack, trace, stacktrace, console, dump",
    "raw",
)
"""Under these a tool's own output is pasted."""

PRINTED = RAW | entries(
    "response, result, results, probe, check, checks, reply, body, content, transcript, ci, build, test",
    "tests, lint, push, terminal, shell, exec, command, tool, answer, observation, returned, ausgabe",
    "salida, sortie, saída, 出力, 输出",
)
"""Under these stands what a tool printed or answered, be it one line."""

TRACE = entries("traceback, trace, stack, stacktrace, backtrace")
"""Under these it is pasted line by line."""

CAUSE = entries("cause, reason, because, why, ursache, grund, causa, motivo, raison, 原因, 理由")
"""Under these stands why something failed."""

NEXT = entries(
    "next, fix, remedy, remediation, followup, todo, plan, action, workaround, resolution, retry, mitigation",
    "nächster, siguiente, próximo, prochain, 次, 対応, 下一步",
)
"""Under these stands what comes next."""

STATE = entries("impact, state, rollback, affected, consequence, auswirkung, impacto, estado, 影響, 影响")
"""Under these stands in what state things were left."""

OPAQUE = entries("foo, bar, baz, tmp, temp, misc, val, arr, obj, stuff, thing, data, var")
"""These say nothing about what they hold."""
