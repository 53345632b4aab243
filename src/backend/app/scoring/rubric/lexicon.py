"""Small vocabularies in the languages agents report in.

Words are the weaker signal: numbers, references and keys come first. A vocabulary is used where only words
show something, such as whether a report claims that *everything* is done.

The lists are data, written by hand, and extended where the rubric was wrong on the pairs of reports in
`tests/data/quality_pairs.jsonl`. Those of other languages are shorter than the English ones.
"""

from app.scoring.rubric.text import Vocabulary, entries

EVERYTHING = Vocabulary(
    entries(
        "all, every, everything, entire, complete, entirely, fully, completely, everyone, everywhere",
        "whole, total, alle, alles, allen, aller, sämtliche, vollständig, komplett, restlos",
        "ausnahmslos, überall, todo, todos, todas, toda, completamente, íntegramente",
        "totalidad, enteramente, tudo, totalmente, inteiramente, tous, toutes, tout",
        "entièrement, intégralement, tutti, tutte, tutto",
        "ogni, tutta, completo, volledig, geheel, wszystkie, wszystko, wszystkich, cały, все, всё",
        "всех, полностью, alla, allt, tüm, hepsi, všechny, všechno, усі, всі",  # noqa: RUF001
    ),
    entries(
        "すべて, 全て, 全部, 全件, 全数, 完全, 所有, 全面, 均已, 全员, 모두, 모든, 전부",
        "一切, 전체",
    ),
)
"""Claims that cover the whole."""

ABSOLUTE = Vocabulary(
    entries(
        "permanently, flawless, flawlessly, perfect, perfectly, zero downtime, no follow-up",
        "no further, fully, comprehensively, guaranteed, every case, works as expected",
        "production ready, production-ready, no issues, no errors, no problems, no open",
        "without any, without issues, without problems, never again, nothing left",
        "zero risk, zero errors, zero defects, is solved, completely",
        "bug-free, no warnings, no failures, no risk, all good, whatsoever, eliminated",
        "without a hitch, rock solid, no doubt, no exceptions, any doubt, beyond doubt",
        "end to end, in every respect, absolutely, undoubtedly, fehlerfrei, einwandfrei",
        "perfekt, reibungslos, keine fehler, keine probleme, ohne probleme, ohne fehler",
        "endgültig, dauerhaft, restlos, keinerlei, vollständig, bester ordnung",
        "ordnungsgemäß, tadellos, lückenlos, sin errores, sin problemas, sin incidencias",
        "no hay incidencias, ninguna incidencia, perfectamente, por completo",
        "definitivamente, con éxito, forma correcta, todo correcto, impecable",
        "a la perfección, sem erros, sem problemas, perfeitamente, com sucesso, totalmente",
        "sem falhas, impecável, definitivo, sans erreur, sans problème, parfaitement",
        "définitivement, avec succès, impeccable",
        "senza errori, senza problemi, perfettamente, con successo, perfetto, impeccabile",
        "zonder problemen, zonder fouten, succesvol, foutloos, vlekkeloos, bez problemów, bez błędów",
        "pomyślnie, idealnie, perfekcyjnie, bezbłędnie, успешно, безупречно, идеально, без ошибок",
        "без проблем, отлично, framgångsrikt, perfekt fungerar, utan problem, başarıyla, kusursuz",  # noqa: RUF001
        "sorunsuz, úspěšně, bezchybně, успішно, бездоганно",
    ),
    entries(
        "問題なし, 問題ありません, 問題はございません, 問題はありません, 完璧, 完全に, 滞りなく",
        "万全, 零缺陷, 零延迟, 零错误, 完美, 圆满, 顺利完成",
        "全面完成, 无任何, 没有任何问题, 완벽",
        "문제없이, 성공적으로, 正常に, 一切正常, 一切运行, 顺利",
    ),
)
"""Claims that leave no room for a remainder."""

DONE = Vocabulary(
    entries(
        "done, completed, finished, successfully, succeeded, complete, passed, performed",
        "ran, executed, ok, carried out, went well, delivered, confirmed, deployed",
        "erledigt, abgeschlossen, erfolgreich, durchgeführt, completado, completada",
        "terminado, terminada, realizado, realizada, éxito, concluído, concluída, sucesso",
        "finalizado, finalizada, terminé, effectué, réussi",
        "completato, completata, completate, completati, fatto, eseguito, eseguita, successo, afgerond",
        "voltooid, gelukt, uitgevoerd, succesvol, wykonano, wykonane, zakończono, ukończono, pomyślnie",
        "выполнено, выполнены, завершено, готово, успешно, slutfördes, klart, tamamlandı, dokončeno",  # noqa: RUF001
        "dokončeny, виконано",
    ),
    entries("完了, 終了, 実施, 完成, 成功, 已处理, 완료, 성공"),
)
"""Says that the job ended, and nothing about what it did."""

ENDED = Vocabulary(
    entries(
        "merged, closed, done, completed, finished, shipped, deployed, passed, green, through, released,"
        " published",
        "complete, resolved, rotated, delivered, sent, handed, erledigt, abgeschlossen, geschlossen",
        "fertig",
        "fusionné, terminé, fermé, cerrado, terminado, completado, chiuso, completato, fechado, concluído",
        "afgerond, gesloten, zamknięto, zakończono, закрыт, завершён, завершено",
    ),
    entries("完了, 終了, 完成, 关闭, 合并, 완료, 종료"),
)
"""Says that something came to its end."""

GERMAN = entries(
    "der, und, von, auf, nicht, ist, wurde, wurden, für, mit, seit, keine, bis, den, dem, eine, zum, zur, im"
    ", nur, noch, sind, beim, vom, auch, über"
)
"""Says that a text is German, where every noun has a capital."""

CALENDAR = entries(
    "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, January, February, March, April, May"
    ", June, July, August, September, October, November, December"
)
"""Has a capital in English, and names no thing."""

FINDING = Vocabulary(
    entries(
        "is, are, was, were, isn't, because, since, due, cause, caused, comes, found, shows, equal",
        "match, matches",
        "none, no, all, every, passed, pass, ok, failed, fails, wrote, fixed, sent, yes, newest",
        "oldest, next, only",
        "largest, smallest, best, worst, first, last, rose, fell, left, missing, added, removed",
        "changed, replaced",
        "updated, closed, resolved, moved, loaded, deployed, published, created, deleted, restarted, has",
        "rejected, accepted, approved, quarantined, flagged, blocked, unchanged, new, open, errors",
        "differ, differs",
        "ist, sind, war, waren, weil, wegen, alle, keine, kein, gefunden, fehlt, fehlen, nur, hat",
        "offen, stimmt",
        "est, sont, était, car, parce, tous, aucun, aucune, manque, trouvé, seul, seule, a, ont, vient",
        "es, son, era, fue, porque, todos, todas, ningún, ninguna, falta, faltan, solo, viene, hay, era",
        "è, sono, era, perché, tutti, tutte, nessun, nessuna, manca, solo, viene, é, são, foi, porque",
        "tudo",
        "nenhum, nenhuma, falta, vem, omdat, alles, geen, ontbreekt, bo, ponieważ, brak, wszystkie",
        "jest, są",
        "потому, все, нет, найден, найдено, только, är, eftersom, inga, alla, je, jsou, protože, žádné",
    ),
    entries(
        "原因, ため, のうち, なし, すべて, 全件, のみ, 不足, 因为, 由于, 全部, 没有, 发现, 때문, 원인, 없음",
        "모두, 발견",
    ),
)
"""Says that something is so: what a look at things was for."""

LIMIT = Vocabulary(
    entries(
        "not, but, except, failed, fails, fail, failing, missing, misses, pending, skipped",
        "left, remaining, remain, open, late, unable, only, waits, waiting, couldn't, can't",
        "cannot, didn't, doesn't, isn't, aren't, wasn't, blocked, unknown, unclear",
        "unconfirmed, rejected, mismatch, however, partially, partly, dont, still, held",
        "bounce, bounced, warning, warnings, nulls, broken, down, quarantined, drift",
        "drifted, timeout, off, refused, denied, aborted, stopped, rollback, lost",
        "untouched, withheld, caveat, almost, nearly, most, other, others, rest, expires",
        "unresolved, incomplete, until, paused, excluded, uncertain, duplicates, malformed",
        "nicht, noch, offen, nur, fehlt, fehlen, fehlgeschlagen, außer, aber, ausstehend",
        "übersprungen, ungeklärt, gescheitert, abgebrochen, fast, übrigen, restlichen",
        "unklar, pero, salvo, excepto, falta, faltan, pendiente, pendientes, rechazó",
        "rechazada, falló, fallaron, solo, sólo, aún, todavía, abortado, resto, casi, menos",
        "mas, exceto, faltam, pendente, pendentes, não, outros, apenas, ainda, falhou",
        "falharam, quase, restante, divergências, sauf, mais, reste, restent, manque",
        "manquent, échoué, seulement, pas, presque, autres",
        "wait, warten, wartet, attendent, attend, attente, encore, attendono, attesa, mancano, manca",
        "resta, restano, tranne, eccetto, ancora, fallito, falliti, falliscono, non, esperan, espera",
        "aguardam, aguarda, esperam, falta, niet, wacht, wachten, ontbreekt, ontbreken, mislukt",
        "alleen, behalve, overige, nie, brakuje, czeka, czekają, pozostało, pozostałe, tylko",
        "oprócz, jeszcze, не, ещё, еще, ждут, ждёт, осталось, остались, кроме, только, пока, väntar",
        "saknas, kvar, inte, endast, bekliyor, kaldı, değil, čeká, čekají, zbývá, chybí, pouze",  # noqa: RUF001
        "чекають, чекає, лише, залишилось",
    ),
    entries(
        "未, ない, なかった, できません, 失敗, 残り, ただし, のみ, 以外, エラー",
        "中断, 保留, 重複, 不明, 失败, 除, 缺, 仅, 尚, 为空",
        "错误, 异常, 拒绝, 没有完成, 没有成功, 未能, 剩余, 跳过, 실패, 미완료, 제외, 보류",
        "待ち, 待機, 대기, 남음, 아직, 等待, 待批, 未运行, 未完成, 未更新",
    ),
)
"""Admits a remainder, a limit or a failure."""

FAILURE = Vocabulary(
    entries(
        "failed, fails, failure, failures, error, errors, timeout, timed out, aborted",
        "crashed, refused, denied, rejected, unreachable, blocked, stopped, not, no, unable",
        "cannot, couldn't, exception, red, cancelled, invalid, broken, missing, expired",
        "exceeded, killed, down, unavailable, stuck, died, nothing, canceled",
        "fehlgeschlagen, fehler, abgebrochen, gescheitert, nicht, scheiterte, falló, fallo",
        "rechazó, detuvo, erro, abortado, falhou, falha, não, échec, échoué, erreur",
        "impossible, interrompu, interrumpió, interrompida",
        "non, fallito, fallita, errore, rifiutato, rifiutata, impossibile, interrotto, scaduto, manca",
        "niet, mislukt, fout, geweigerd, ontbreekt, afgebroken, nie, błąd, odrzucony, odrzucono",
        "niepowodzenie, przerwany, brak, не, ошибка, ошибки, отклонён, отклонен, сбой, отказ, отказано",
        "прерван, refusé, refusée, interrompue, manque, abgelehnt, verweigert, fehlt, rechazado",
        "rechazada, recusado, recusada, faltou, falta, inte, misslyckades, fel, avbröts, başarısız",  # noqa: RUF001
        "hata, reddedildi, nepodařilo, chyba, odmítnut, selhal, помилка, відхилено, не вдалося",
    ),
    entries(
        "失敗, エラー, 中断, できません, 停止, 拒否, 失败, 错误, 超时, 中止, 无法, 异常, 실패, 오류",
        "拒否, 未実行, 未更新, 切断, 拒绝, 未运行, 未更新, 断开, 거부, 미실행, 미갱신, 끊",
    ),
)
"""Says that something went wrong."""

SHORT_OF = Vocabulary(
    entries("without, unavailable, ohne, sans, sin, senza, sem, zonder, utan, bez, без"),
    entries("なしで, 没有, 없이"),
)
"""Says what a part of the work had to do without."""

NOTHING_TO_DO = Vocabulary(
    entries(
        "nothing, no new, no change, no changes, unchanged, skipped, none, no action",
        "already, up to date, idle, empty, not needed, not due, no drift, holiday, freeze",
        "no pending, only, no-op, noop, closed, paused, no work, dry run, not applicable",
        "no data, no orders, no files, no messages, no tickets, zero new, since, nichts",
        "keine neuen, keine änderungen, unverändert, feiertag, übersprungen, nada",
        "sin cambios, sin novedades, ningún, ninguna, festivo, omitido, nenhum, nenhuma",
        "sem alterações, sem novidades, feriado, rien, aucun, aucune, inchangé, férié",
        "nessun, nessuna, niente, nulla, invariato, geen, niets, ongewijzigd, brak, nic, żadnych",
        "bez zmian, нет, нечего, ничего, без изменений, inga, ingenting, oförändrat, yok, değişmedi",
        "žádné, nic nového, немає, нічого",
    ),
    entries(
        "なし, 変更はありません, 対象なし, 休業, 祝日, スキップ, 没有",
        "无新, 无变更, 无需, 跳过, 节假日, 없음, 휴일",
        "없습니다, 变化不大",
    ),
)
"""Says that there was nothing to do."""

CAUSE = Vocabulary(
    entries(
        "because, since, due to, caused by, root cause, cause, reason, lacks, lack, lost",
        "expired, changed, removed, deleted, unpublished, renamed, requires, needs, missing",
        "out of, ran out, exceed, exceeded, unreachable, quota, limit, permission, scope",
        "traced to, introduced, after the, became, conflict, duplicate, disabled",
        "duplicates, mismatch, wants, rejected, blocked, no longer, stale, deadlock",
        "regression, overlap, revoked, filled up, used up, full, does not answer, raises",
        "rejects, instead of, unable to, not listed, so the, weil, wegen, ursache, grund",
        "da, aufgrund, abgelaufen, fehlt, porque, debido, causa, motivo, por falta",
        "caducado, caducó, cambió, pois, devido, expirou, expirado, mudou, parce, cause",
        "raison, expiré",
        "perché, causa, scaduto, scaduta, manca, omdat, oorzaak, verlopen, ontbreekt, ponieważ, powód",
        "przyczyna, wygasł, wygasło, потому, причина, истёк, истек, из-за, eftersom, orsak, çünkü",
        "neden, protože, příčina, тому, через, plus de place, il reste, quedan, restam, restano",
        "nur noch, vol, pieno, lleno, cheio, plein, voll",
    ),
    entries(
        "原因, ため, 理由, により, 期限切れ, 因为, 由于, 因, 导致, 过期, 缺少, 때문, 원인",
        "이유, 인해, 只剩, 空きは, 여유",
    ),
)
"""Gives a cause."""

NEXT_STEP = Vocabulary(
    entries(
        "next, rerun, retry after, needs, need, asked, requested, opened, escalated, owner",
        "ticket, follow up, fix is, fix, plan, tracked, scheduled, waits for, suggest",
        "proposed, to do, handed, pinged, assigned, queued, reported to, filed",
        "before retry, once, told, informed, decision, approve, sign-off, renew, resubmit",
        "will run, nächster, nächste, angefragt, gemeldet, braucht, benötigt, entscheidung",
        "freigabe, siguiente, avisado, solicitado, pedido, próximo, próxima, aguarda",
        "prochain, demandé, relancer, mañana, morgen, amanhã, tomorrow",
        "rerun is, relancer, repetir, ripetere, riprovare, opnieuw, powtórzyć, ponowić, повторить",
        "запустить, neu starten, wiederholen, nochmals, réessayer, reintentar, chiesto, gevraagd",
        "poproszono, запросил, запросили, domani, morgen, jutro, завтра, köra om, i morgon, yeniden",
        "zopakovat, zítra, повторити",
    ),
    entries(
        "次回, 依頼, 再実行, 対応予定, 明朝, 再確認, 下次, 已通知, 联系, 待, 需要, 明天, 재시도",
        "重新运行, 再运行, 重跑, 今晚重试, 再実行, 재실행, 다시, 요청, 내일, 今夜, 오늘 밤",
    ),
)
"""Says who does what next."""

STATE_LEFT = Vocabulary(
    entries(
        "rolled back, rollback, untouched, unchanged, no partial, still on, still at, stays",
        "still active, intact, nothing applied, nothing shipped, nothing written",
        "not written, safe to rerun, rerun is safe, no version, restored, restarted",
        "reverted, unaffected, kept, no data, withheld, remains, nothing was, draft, freed",
        "zurückgerollt, unverändert, nichts, revertido, intacto, intacta, no se escribió",
        "sin cambios, nada foi, annulé, inchangé, nada",
        "intatto, invariato, ongewijzigd, teruggedraaid, bez zmian, przywrócono, wycofano",
        "без изменений, откат, не затронуто, oförändrat, geri alındı, beze změny",  # noqa: RUF001
    ),
    entries(
        "ロールバック, 影響なし, 変更なし, 未変更, 回滚, 未受影响, 保持, 롤백",
        "변경 없음, 未删除, 삭제 없음, 削除なし",
    ),
)
"""Says in what state things were left."""

EMPTY_DIAGNOSIS = Vocabulary(
    entries(
        "something went wrong, see output, see log, see logs, possible causes, have a look",
        "try again, unknown error, returned an error, an error occurred, some reason",
        "something in, something was, something about",
        "please check, unfortunately, sorry, could be, might be, it is recommended",
        "should investigate, check the logs, unexpected error, an issue, some error",
        "some errors, several factors, may be responsible, further investigation, some kind",
        "did not work, technical problem, technical issue, appropriate action",
        "various reasons, not sure why, should be analysed, should be analyzed",
        "etwas ist schiefgelaufen, siehe log, unbekannter fehler, leider, bitte prüfen",
        "technisches problem, algo salió mal, algo falló, ver log, error desconocido",
        "inténtelo, lamentablemente, error inesperado, problema técnico, algo deu errado",
        "erro desconhecido, infelizmente, erro inesperado, problème technique",
    ),
    entries("何らかの, 不明なエラー, 申し訳, 未知错误, 某些原因, 稍后重试, 出现问题, 技术问题, 알 수 없는"),
)
"""Stands where a diagnosis should be."""

HEDGE = Vocabulary(
    entries(
        "i think, probably, maybe, i believe, seems, should be fine, should work",
        "should have, hopefully, i guess, tried to, attempted to, presumably, apparently",
        "looks like, might have, not sure, more or less, i assume",
        "as far as, vermutlich, wahrscheinlich, anscheinend, wohl, creo, probablemente",
        "parece, quizás, acho, provavelmente, talvez, peut-être, probablement, semble",
    ),
    entries("たぶん, 思われます, おそらく, かもしれ, 可能, 大概, 也许, 应该, 아마"),
)
"""Is unsure of its own claim."""

VAGUE = Vocabulary(
    entries(
        "several, some, various, a number of, things, stuff, issues, appropriate",
        "appropriately, as needed, etc, where needed, as usual, a few, couple of, a couple",
        "improvements, improved, necessary, accordingly, relevant, best practices",
        "according to procedure, timely manner, good shape, different, certain, tasks",
        "activities, required, needed, related, multiple, minor, general, overall, handled",
        "worked on, looked into, everything, a bunch, a service, a job, a problem, matters",
        "responsible people, somewhat, kind of, a lot, many, somehow, einige, diverse",
        "verschiedene, entsprechend, mehrere, bestimmte, verbesserungen, angemessen",
        "notwendige, varios, varias, algunos, algunas, diversos, diversas, adecuado",
        "adecuadamente, oportuno, mejoras, necesarias, vários, várias, alguns, algumas",
        "adequadamente, adequado, melhorias, necessárias, plusieurs, certains, divers",
    ),
    entries(
        "適切, いくつか, 各種, 様々, など, 等, 若干, 一些, 适当, 相关, 多个, 有关, 进行了优化, 적절, 여러"
    ),
)
"""Could be said of any run."""

PRAISE = Vocabulary(
    entries(
        "world-class, best-in-class, state-of-the-art, cutting-edge, industry-leading",
        "next level, holistic, robust, seamless, seamlessly, comprehensive, comprehensively",
        "pixel-perfect, delightful, engaging, exciting, thorough, thoroughly, diligence",
        "excellence, excellent, outstanding, exceptional, productive, impressive, proud",
        "journey, landscape, stakeholders, synergy, leverage, leveraged, empower, elevate",
        "foundation, sustainable, growth, vital, essential, heart of, top-notch, flawless",
        "perfect, high-quality, rigorous, maximum, unparalleled, innovative, strategic",
        "value, significant, significantly, successfully, key, mission-critical, modern",
        "careful, operational efficiency, positive effect, look forward, lessons learned",
        "importance, crucial, confident, in accordance, transformative, resilient, scalable",
        "measurable, best, meticulous, central, valuable, amazing, wonderful, solid",
        "highest level, smooth, smoothly, happy, pleased, delighted, tremendous, remarkable",
        "superb, erstklassig, hervorragend, ganzheitlich, nachhaltig, exzellent, optimal",
        "höchste, zuverlässig, begeistert, excelente, excelencia, óptimo, integral",
        "innovador, calidad, líder, excelência, qualidade, inovador, robusto, parabéns",
        "excellent, remarquable, exceptionnel, qualité",
    ),
    entries(
        "高质量, 高可用, 高性能, 行业领先, 闭环, 赋能, 降本增效, 显著提升",
        "良好的效果, 卓越, 领先, 流畅, 品質の向上, 最高, 万全, 努めて, 最適",
        "최고",
    ),
)
"""Praises the work, where a fact should stand."""

CEREMONY = Vocabulary(
    entries(
        "thank, thanks, thank you, grateful, dear team, dear all, do not hesitate, at your disposal",
        "reach out, look forward, looking forward, my pleasure, i am delighted",
        "i am pleased",
        "i am happy, i am excited, we are excited, in conclusion, in summary, in other words, to summarise",
        "needless to say, rest assured",
        "kind regards, best regards, i wondered, i thought about, i asked myself, plays a role, is a topic",
        "stehe gerne, zur verfügung, vielen dank, danke, mit freundlichen grüßen, im rahmen der, ich hoffe",
        "zusammenfassend, gracias, quedo a, a su disposición, en conclusión, en resumen, saludos, obrigado",
        "agradeço, fico à disposição, à disposição, em conclusão, merci, je reste à, à votre disposition",
        "en conclusion, cordialement, bedankt, dziękuję, grazie",
    ),
    entries("よろしくお願い, お疲れ様, ありがとうございます, 感谢, 谢谢, 敬请, 감사합니다"),
)
"""Is said out of politeness, or about saying."""
