"""Text that may address the reader of the report: orders, and wishes for a mark.

The rubric's search (`domain.scoring.injection`) lowers a score and must be sure. What is found here only
stays away from a judge, so this looks far wider, and an honest sentence about scores or prompts is lost.
"""

import re
from functools import lru_cache

from app.kit.deobfuscation import plain, spelled_out, variants

# Words of Latin script, without accents as `variants` gives them.
_ORDERS = r"""
    # Who judges, and by what.
    judg\w* | grad(?:e|es|ed|er|ers|ing) | evaluat\w* | assess\w* | apprais\w* | rubrics? | criteri(?:a|on)
    | raters? | ratings? | scor(?:e|es|ed|er|ers|ing|ecard) | referees? | verdicts?
    | rat(?:e|ed)(?=[ ](?:this|it|me|my|the|these|above|us)(?!\w)) | mark(?=[ ](?:this|it|me|my)(?!\w))
    | (?:full|top|maximum|max|highest|best|perfect)[ ](?:marks?|points?|grade|result) | full[ ]credit
    | (?:five|5|10)[ ]?stars? | lenien\w* | generous\w*
    | (?:quality|overall|progress|evidence|specificity|honesty|diagnosis|gaming|risk)
      (?:[ ]?[:=]|[ ](?:is|to))[ ]?(?:1|one|100)
    # Orders, and orders to forget orders.
    | instruct\w* | prompts? | ignore | disregard\w* | forget | overrid\w* | overrul\w* | bypass\w*
    | jailbreak\w* | obey\w* | comply | directives? | guidelines? | role[ ]?play\w* | pretend\w*
    | from[ ]now[ ]on | your
    | you[ ](?:are|must|should|will|can|may|need|have|now|shall)
    | do[ ]not[ ](?:mention|reveal|deduct|read|tell)
    | (?:respond|reply|answer|output|return|print|say|emit|conclude)
      (?=:?[ ](?:with|only|exactly|just|json|1\.0|[{"']))
    # The machinery of models.
    | language[ ]models? | llms? | ai[ ](?:model|assistant|system|agent)s? | assistants? | chat[ ]?gpt
    | gpt\S* | claude | gemini
    | system[ ](?:message|override|note|notice|update) | developer[ ](?:message|mode)
    # Other languages.
    | bewert\w* | beurteil\w* | benot\w* | punktzahl\w* | hochst(?:punkt|note|wert)\w* | bestnote\w*
    | anweisung\w* | ignorier\w* | vergiss\w* | missacht\w* | gutacht\w* | prufer(?:in|innen|n)?
    | puntu\w* | calific\w* | evalu\w* | juez\w* | instruc\w* | ignor(?:a|e|ez|en|ad|ar|es|i|are) | olvid\w*
    | juiz\w* | pontu\w* | avali\w* | esquec\w* | nota[ ](?:maxima|perfecta|perfeita)
    | juge\w* | consignes? | oubli\w* | note[ ](?:maximale|parfaite) | giudi\w* | istruzion\w*
    | punteggi\w* | valut\w* | beoordel\w* | cijfers? | negeer\w* | ocen\w* | instrukcj\w* | zignoruj\w*
    | instruktion\w* | betyg\w* | bedom\w*
    | puan\w* | degerlendir\w* | talimat\w* | danh[ ]gia | huong[ ]dan | abaikan | instruksi
"""
_MARKUP = r"""
    <\| | \[/?inst | <</?sys | \#{2,}[ ]?\w | </?\w{2,20}> | "(?:overall|role|quality|dimensions)"
    | \b(?:system|assistant|user|human|developer)[ ]?: | \boverall\b.{0,12}[01]\.\d
"""
# In scripts that put no spaces between words, or bend them.
_ORDER_STEMS = """
    評価 採点 満点 スコア 指示 命令 無視 点数 最高点 審査 判定 プロンプト 最高得点
    评分 打分 满分 评估 评价 指令 忽略 无视 分数 裁判 评审 提示词 高分 評分 滿分 評估 評價 忽視
    판정 평가 점수 만점 지시 무시 채점 명령 프롬프트
    оцен балл инструкц игнорир судь забуд указани промпт рейтинг оціни оцінк інструкц ігнору
"""
_WISHES = r"""
    you | please | kindly | must | deserv\w* | merits? | consider | treat(?:ed)? | regard(?:ed)?
    | perfect\w* | flawless\w* | excellen\w* | outstanding | exemplary | impeccable | superb | award | assign
    | give | rank | respond | reply | answers? | reviewers? | readers? | auditors? | always | never | highest
    | maximum | best | hereby | trust | conclude | believe | assume | dimensions? | nothing[ ]below
    | (?:10|ten|5|five|20|100)[ ]?(?:/|out[ ]of)[ ]?(?:10|ten|5|five|20|100)(?![ ]?\w)
    | bitte | mussen? | perfekt\w* | ausgezeichnet\w* | por[ ]favor | debe\w* | deve\w* | perfett\w*
    | excelente | veuillez | parfait\w* | doit | eccellente | alsjeblieft | lutfen | prosze
"""
_WISH_STEMS = """
    ください 下さい 完璧 最高 必ず 请 請 必须 必須 完美 주세요 완벽 최고 пожалуйста отличн идеальн
"""
# A letter of none of the scripts whose words stand above; a wish in such a script is not recognised.
_UNKNOWN = re.compile(
    r"[^\W\d_\x00-\u036f\u0400-\u04ff\u1e00-\u1eff\u2000-\u2bff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af"
    r"\uff00-\uffef]"
)
# Where words are spelt letter by letter, nothing says where one ends.
_SPELLED = re.compile(
    r"ignor|scor|rating|rate|judg|grad|evalu|instruct|prompt|rubric|overall|maxim|perfect|10/10"
)


class _Vocabulary:
    """Words of Latin script and markup, and stems of other scripts, none of which is ASCII."""

    def __init__(self, words: str, stems: str, markup: str) -> None:
        # An underscore parts words here, as it does in keys.
        self._latin = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_]) | {markup}", re.VERBOSE)
        self._stems = re.compile("|".join(map(plain, stems.split())))

    def occurs_in(self, reading: str) -> bool:
        if self._latin.search(reading):
            return True
        return not reading.isascii() and self._stems.search(reading) is not None


_ORDER = _Vocabulary(_ORDERS, _ORDER_STEMS, _MARKUP)
_WISH = _Vocabulary(_WISHES, _WISH_STEMS, _MARKUP)


def may_order(text: str) -> bool:
    """Whether `text`, read any way, may be an order to its reader or a wish for a mark."""
    if (letters := spelled_out(text)) and _SPELLED.search(letters):
        return True
    return any(map(_ORDER.occurs_in, _readings(text)))


def may_wish(text: str) -> bool:
    """Whether `text` speaks to somebody or praises itself, or is in a script this knows no words of."""
    return _UNKNOWN.search(text) is not None or any(map(_WISH.occurs_in, _readings(text)))


@lru_cache(maxsize=1)
def _readings(text: str) -> tuple[str, ...]:
    # What is asked for orders is asked for wishes next.
    return tuple(variants(text))
