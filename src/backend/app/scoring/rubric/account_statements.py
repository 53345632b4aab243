"""Whether an account states that the work failed, or is still to be done, in any known language."""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import islice

from app.scoring.rubric.languages import Language, compiled
from app.scoring.rubric.text import Text, Vocabulary, entries

_MOST_READ = 1_000  # characters of an account; what it is about stands at its beginning
_MOST_MATCHES = 8  # of one language

# Where a statement ends; a remark behind "but" is one of its own.
_ENDS = re.compile(
    r"[.!?;\u2026](?=\s|$)|[\n\u3002\uff01\uff1f\uff1b]"
    r"|,? \b(?:but|however|except|aber|jedoch|pero|sin embargo|mais|ma|mas|maar|men|ale|ама|но|але|ama"
    r"|nhưng|tetapi)\b "
    r"|(?:ましたが|ですが|しかし|ただし|했으나|했지만|하지만|但是?)[、,， ]?",  # noqa: RUF001
    re.IGNORECASE,
)
# "3 of 200 repeats failed" counts, "the perf gate failed" is what a check is for, and "alerts if the upload
# failed" says when: none of them ends the run.
_NO_END = re.compile(
    r"(?:\b\d{1,9} (?:[a-z-]{1,20} ){1,3}|\b(?:gate|check|probe|scan|policy|assertion|test) "
    r"|\b(?:if|when|unless|whenever|wenn|falls|si|quand|cuando|quando|als|wanneer|jeśli|gdy|если|когда)\b"
    r"[^.;:,]{0,60})$",
    re.IGNORECASE,
)
_BEFORE = 80  # characters before a failure in which its count or condition stands
_RECOVERED = Vocabulary(
    entries(
        "succeeded, succeeds, recovered, retried, fixed, resolved, works again, instead, went through,"
        " now works",
        "second attempt, second try, third attempt, retry worked, passes again, passed again, back up,"
        " is back",
        "fallback, corrected, repaired, restored, worked, behoben, wiederholt, erfolgreich, stattdessen,"
        " korrigiert",
        "corrigé, corrigée, résolu, réussi, rétabli, corregido, corregida, resuelto, reintentado,"
        " solucionado",
        "risolto, corretto, riuscito, ripristinato, resolvido, corrigido, opgelost, hersteld, naprawiono",
        "opraveno, исправлено, исправил, исправлена, восстановлено, виправлено, düzeltildi",
    ),
    entries(
        "再試行で, 修正し, 修正済, 復旧し, 解決し, 수정했, 복구했, 해결했",
        "已修复, 修复了, 已恢复, 重试成功, 已解决",
    ),
)
"""Says that what failed was put right."""


class Prominence(IntEnum):
    """How prominently an account states something: not at all, in a remark, or as its main point."""

    NONE = 0
    ASIDE = 1
    MAIN = 2


def states_failure(account: Text, languages: tuple[Language, ...]) -> Prominence:
    """Whether the account, which may be in `languages`, says that what it was to do did not come off.

    It is the main point when its first statement says it, or at least half of them; a failure that was put
    right is an aside.
    """
    prominence = _prominence(account, [language.failure for language in languages])
    if prominence is Prominence.MAIN and account.hits(_RECOVERED):
        return Prominence.ASIDE
    return prominence


def states_plan(account: Text, languages: tuple[Language, ...]) -> Prominence:
    """Whether the account announces work, or asks whether to begin, in place of stating what came of it."""
    return _prominence(account, [language.promise for language in languages])


def _prominence(account: Text, cells: Iterable[tuple[str, ...]]) -> Prominence:
    found = list(_starts(account, cells))
    if not found:
        return Prominence.NONE
    raw = account.raw[:_MOST_READ].rstrip()
    ends = [end.end() for end in _ENDS.finditer(raw) if end.end() < len(raw)]
    if not ends or min(found) < ends[0]:
        return Prominence.MAIN
    statements = {sum(1 for end in ends if end <= start) for start in found}
    return Prominence.MAIN if 2 * len(statements) > len(ends) + 1 else Prominence.ASIDE


def _starts(account: Text, cells: Iterable[tuple[str, ...]]) -> Iterator[int]:
    raw = account.raw[:_MOST_READ]
    for cell in cells:
        pattern = compiled(cell)
        for match in islice(pattern.finditer(raw), _MOST_MATCHES) if pattern else ():
            if not _NO_END.search(raw[max(0, match.start() - _BEFORE) : match.start()]):
                yield match.start()
