"""Quote what others wrote so that it can go into an agent's prompt as data."""

import re

from app.kit.deobfuscation import normalized
from app.kit.secrets import public_text
from app.scoring.rubric.injection import addresses_rater

_READ = 4_000
# Quoted, a line of code stays legible; none of it can end the quotation, open a tag or begin a link.
_DISARMED = str.maketrans({"`": "'", "<": "\u2039", ">": "\u203a"})
# Beside what speaks to a rater: what speaks to the agent that will read the quotation.
_ORDER = re.compile(
    "|".join(
        (
            r"\b(?:system|developer) (?:prompt|message|instructions?)\b|\byou are now\b",
            r"\b(?:new|updated|real|actual) instructions?\b|\bfrom now on,? you\b",
            r"\b(?:human|user|assistant|system|tool) ?: ?"
            r"(?:you|ignore|now|please|run|execute|do|say|reply|report)\b",
            r"\b(?:reveal|print|send|post|upload|leak|exfiltrate|share|forward)\b.{0,60}"
            r"\b(?:secrets?|credentials?|tokens?|passwords?|(?:api|private)[ _-]?keys?|\.env"
            r"|environment variables?)\b",
            r"\b(?:curl|wget)\b.{0,120}\|\s{0,4}(?:sudo )?(?:ba|z|da)?sh\b",
            r"\b(?:do not|don't|never) (?:mention|report|log|tell|reveal) "
            r"(?:this|that|it|any|failures?|errors?)\b",
            r"\balways (?:report|answer|reply|respond|claim|say) .{0,30}\b(?:success|passed|perfect)\b",
        )
    ),
    re.IGNORECASE,
)


def quotable(text: str, length: int) -> str | None:
    """`text` on one line, at most `length` characters, masked and disarmed; None where it must not be quoted.

    Credentials are masked, and nothing in it can end a code span or look like markup. What carries
    instructions is not quoted at all, although quotation marks and a word of warning stand around the rest:
    a model may obey what it should only read.
    """
    # Invisible characters go first: they would hide a credential or an order from a search for one.
    start = text[:_READ] if len(text) <= _READ else text[:_READ].rpartition(" ")[0]
    seen = "".join(c for c in start if c.isprintable() or c.isspace())
    plain = " ".join(normalized("NFKC", seen).split())
    if _ORDER.search(plain) or addresses_rater(plain) or addresses_rater(seen):
        return None
    return public_text(seen, length).translate(_DISARMED) or None
