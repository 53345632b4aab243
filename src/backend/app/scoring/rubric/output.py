"""How a tool's own output says that it failed: a traceback, `npm ERR!`, "3 failed", "collected 0 items".

The forms are those of the tools themselves, in English as they print it; where a tool is translated, the
phrases of `languages` say the rest. A line that says of the whole that it passed takes back what stood above.
"""

import re

_MOST_LINES = 400  # of an output; the last ones, where tools sum up
_APART = 2  # lines between the sums of two runs; "5 failed" and "7 passed" below each other are one
_LONGEST_LINE = 400  # characters
# What a reason may quote: no address, and nothing long enough for a secret.
_QUOTABLE = re.compile(r"[\w :!'-]{1,40}|\d{1,9} ?(?:/|of|out of) ?\d{1,9}")

_FAILS = re.compile(
    "|".join(
        (
            r"\bTraceback \(most recent call last|\bpanicked at\b|\bpanic: |\bsegmentation fault\b"
            r"|\bcore dumped\b",
            r"\bnpm ERR!|\berror(?:\[\w{1,8}\]| TS\d{1,6})?: |^\W{0,6}(?:error|fatal|panic|failure)\b ?[:!]",
            r"\b[A-Z]\w{2,40}(?:Error|Exception)\b: |\bFATAL\b|^\W{0,3}FAIL(?:ED|URE)?\b|\bBUILD FAIL"
            r"|\bUPGRADE FAILED\b",
            r"^[^\w\n]{0,6}ERROR\b|\bfailed to \w|\bcould not \w|\bunable to \w|\bcannot \w|\bfailed with\b",
            r"\b[1-9]\d{0,8} (?:\w{1,12} )?(?:failed|failing|failures?|errors?|broken|differ"
            r"|mismatche?[sd]?)\b",
            r"\b(?:failures?|errors?|failed|mismatches) ?[:=] ?[1-9]|\b(?:failed|failing)\b.{0,20}\btests?\b",
            r"\b(?:collected 0 items|no tests ran|0 passing|0 passed|ran 0 tests|no tests? (?:found|were)"
            r"|0 tests?\b)",
            r"\b(?:nothing|0 (?:files?|items?|rows?|records?|pages?|objects?)) (?:to \w{1,12} )?"
            r"(?:collected|deleted|written|copied|imported|exported|processed|uploaded|sent|found|matched"
            r"|updated)\b",
            r"\b0 (?:deleted|written|copied|imported|exported|processed|uploaded|sent|updated|inserted"
            r"|delivered)\b",
            r"\b(?:permission|access) (?:is |was )?denied\b|\bcommand not found\b|: not found\b"
            r"|\bno such (?:file|host|table|key)",
            r"\bE(?:CONN(?:REFUSED|RESET|ABORTED)|TIMEDOUT|NOENT|NOSPC|ACCES|PERM|AI_AGAIN|PIPE"
            r"|HOSTUNREACH)\b",
            r"\bconnection (?:refused|reset|timed out|closed)\b|\bno space left\b|\b(?:oom-?killed"
            r"|out of memory)\b",
            r"\bKilled\b|\bterminated by signal\b|\bSIG(?:KILL|TERM|SEGV|ABRT)\b|\btimed out\b"
            r"|\bdeadline exceeded\b",
            r"\b(?:exit(?:ed)?|return(?:ed|s)?)(?: with)?(?: non-?zero)? ?(?:exit )?(?:code"
            r"|status)?:? (?:[1-9]\d{0,2}|non-?zero)\b",
            r"\b(?:HTTP(?:/\d(?:\.\d)?)? ?|status(?: code)?:? ?|-> ?|=> ?)[45]\d\d\b",
            r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) \S{1,200} [45]\d\d\b|\b(?:400|401|403|404|409|422|429"
            r"|500|502|503|504) "
            r"(?:Bad|Unauthorized|Forbidden|Not Found|Conflict|Unprocessable|Too Many|Internal|Service"
            r"|Gateway|status)",
            r"\"(?:ok|success|succeeded)\" ?: ?false\b|\"error\" ?: ?[\"{]|\"status\" ?: ?\"(?:error"
            r"|failed|failure)\"",
            r"! \[(?:remote )?rejected\]|\brejected\b|\bauthentication failed\b|\bunauthorized\b"
            r"|\bforbidden\b|\binvalid (?:token|credentials|api key)\b",
            r"\b(?:rate|usage|context|token|quota) ?limit (?:reached|exceeded)\b|\bquota exceeded\b"
            r"|\bCrashLoopBackOff\b|\bImagePullBackOff\b",
            r"\bchecksum (?:mismatch|does not match|failed)\b|\bhash mismatch\b|\bcorrupt(?:ed|ion)?\b"
            r"|\bunexpected EOF\b|\baborted\b",
        )
    ),
    re.IGNORECASE,
)
_STEMS = (
    *("traceback", "panic", "segmentation", "core dumped", "err", "fatal", "fail", "exception", "could not"),
    *(
        "unable to",
        "cannot",
        "collected 0",
        "no test",
        "0 pass",
        "0 test",
        "nothing",
        "0 item",
        "0 file",
        "0 row",
    ),
    *(
        "0 record",
        "0 page",
        "0 obj",
        "denied",
        "not found",
        "no such",
        "econn",
        "etimed",
        "enoe",
        "enosp",
        "eacc",
    ),
    *(
        "connection",
        "no space",
        "oom",
        "out of mem",
        "killed",
        "signal",
        "sig",
        "timed out",
        "deadline",
        "exit",
    ),
    *("return", "http", "status", "get ", "post ", "put ", "patch ", "head ", "bad gateway", "unavailable"),
    *(
        '": false',
        '":false',
        "reject",
        "unauth",
        "forbid",
        "invalid",
        "limit",
        "quota",
        "backoff",
        "mismatch",
    ),
    *(
        "corrupt",
        "unexpected eof",
        "abort",
        "differ",
        "broken",
        "0 delet",
        "0 writ",
        "0 cop",
        "0 imp",
        "0 exp",
    ),
    *(
        "0 proc",
        "0 upl",
        "0 sent",
        "0 upd",
        "0 ins",
        "0 deliv",
        "->",
        "=>",
        "epipe",
        "eperm",
        "eai_",
        "ehost",
    ),
)
_PASSES = re.compile(
    r"\b[1-9]\d{0,8} (?:passed|passing)\b|\bBUILD SUCCESS|\ball (?:tests|checks) (?:pass|ok)"
    r"|\bexit(?:ed)?(?: with)? (?:code|status)? ?0\b"
    r"|\bsuccessfully\b|\bsucceeded\b|\b0 (?:failed|failures|errors)\b|^OK\b|\bretry (?:ok|succeeded)\b",
    re.IGNORECASE,
)
_NO_FAILURE = re.compile(
    r"(?<![=:.\d])\b(?:0|no|without|zero) (?:\w{1,12} )?(?:failed|failing|failures?|errors?|broken|differ\w*"
    r"|mismatche?[sd]?)\b"
    r"|\b(?:failures?|errors?|failed|mismatches) ?[:=] ?0\b|\"error\" ?: ?(?:null|\"\")",
    re.IGNORECASE,
)
_RATIO = re.compile(r"(?<![\w./\[-])(\d{1,9}) ?(?:/|of|out of) ?(\d{1,9})(?![\w./\]-])")
_SHARE = re.compile(
    r"\b(?:pass\w{0,4}|tests?|ok|suites?|golden|complete\w?|done|copied|checks?|matched|verified|healthy"
    r"|ready|imported"
    r"|exported|sent|uploaded|processed)\b",
    re.IGNORECASE,
)


def failure_in(printed: str) -> str:
    """How a tool's output says that it failed, in a few of its own words; empty when it does not."""
    lower = printed.lower()
    may_fail = any(map(lower.__contains__, _STEMS))
    if not may_fail and _RATIO.search(printed) is None:
        return ""
    failure, failed_at = "", 0
    for number, line in enumerate(printed.splitlines()[-_MOST_LINES:]):
        text = _NO_FAILURE.sub(" ", line[:_LONGEST_LINE])
        found = _FAILS.search(text) if may_fail else None
        short = _shortfall(text)
        if found or short:
            failure, failed_at = found[0].strip() if found else short, number
        elif failure and number - failed_at >= _APART and _PASSES.search(line[:_LONGEST_LINE]):
            failure = ""
    return failure if _QUOTABLE.fullmatch(failure) else failure and "an error"


def _shortfall(line: str) -> str:
    """ "golden: 4983/4990": fewer than there were; a step of many, as in "[3/12]","
    " is none. Empty where nothing is."""
    for ratio in _RATIO.finditer(line):
        if int(ratio[1]) < int(ratio[2]) and (ratio[0] == line.strip() or _SHARE.search(line)):
            return ratio[0]
    return ""
