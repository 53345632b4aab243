"""Mask what looks like a credential before text is shown to the public."""

import re
from typing import Any

MASK = "[redacted]"

# Anyone's text comes through here, so every pattern takes linear time: a match begins only at the
# start of a word where its next part could run over another beginning, or that part is bounded.
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),  # JSON Web Token
    # OpenAI, Anthropic, Stripe
    re.compile(r"(?<![\w-])(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{16,}"),
    re.compile(r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|npm|pypi|hf|xox[abposr]|xapp)[-_][\w-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[\w-]{30,}"),
)
# The name stays and its value goes. A count of tokens is no secret, nor is "the token is expired".
_NAME = r"""
    (?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|credential
    |token(?![\w-]{0,64}["']?\s*+[=:]\s*+[\d.,]+(?![^\s,;}\])])))
    [\w-]{0,64}+["']?\s*+
"""
_VALUE = r"""(?!\[redacted\])[^\s"',;&]{4,}"""
_NAMED = re.compile(rf"""(?ix) ({_NAME} [=:]\s*+["']?) {_VALUE}""")
_STATED = re.compile(rf"""(?ix) ({_NAME} \bis\s++["']?) (?=[^\s\d]*\d) {_VALUE}""")
_HEADER = re.compile(
    r"""(?ix)
    (\bauthorization["']?\s*+[=:]\s*+["']?(?:bearer|basic)\s++ | \b(?:bearer|basic)\s++(?=[^\s\d+=]*[\d+=]))
    [\w.~+/=-]{8,}
    """
)
_URL_PASSWORD = re.compile(r"""(://[^\s/:@]*:)[^\s/"']+(?=@)""")

# Names that `_NAMED` and `_HEADER` may know; their values show themselves at once.
_SUSPECT = re.compile(r"(?i)passw|passphrase|secret|key|credential|token|authorization")
_START = 64


def redact(text: str) -> str:
    """`text` with every credential it recognises replaced by a mask."""
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    for pattern in (_URL_PASSWORD, _HEADER, _NAMED, _STATED):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def public_text(text: str, length: int) -> str:
    """`text` without credentials, on one line, at most `length` characters."""
    # A credential cut in half is no longer recognised: cut before a word first, and at `length` last.
    start = " ".join(text[: length * 20].split())
    if len(text) > length * 20:
        start = start.rpartition(" ")[0] or start
    clean = redact(start)
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def redact_json(value: Any, key: str = "") -> Any:
    """A JSON `value` with the credentials in its keys and texts masked; `key` is the name it has.

    What stands under a credential's name is masked as a whole. Raises `RecursionError` where it is nested
    too deep.
    """
    if isinstance(value, dict):
        return {redact(name): redact_json(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [redact_json(item, key) for item in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    if _SUSPECT.search(key) and _is_named(key, text[:_START]):
        return MASK
    clean = redact(text)
    return clean if clean != text else value


def _is_named(name: str, start: str) -> bool:
    """Whether what begins so is a credential for its name alone."""
    return redact(f"{name}={start}") != f"{redact(name)}={redact(start)}"
