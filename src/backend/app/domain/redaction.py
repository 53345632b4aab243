"""Mask what looks like a credential before text is shown to the public."""

import re

MASK = "[redacted]"

_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),  # JSON Web Token
    re.compile(r"\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{16,}"),  # OpenAI, Anthropic, Stripe
    re.compile(r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|npm|pypi|hf|xox[abposr]|xapp)[-_][\w-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[\w-]{30,}"),
)
# The name stays and its value goes.
_NAMED = re.compile(
    r"""(?ix)
    \b(["']?[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]*["']?
    \s*(?:=|:|\bis\b)\s*["']?)
    (?!\[redacted\])[^\s"',;&]{4,}
    """
)
_HEADER = re.compile(r"(?i)\b(authorization\s*[:=]\s*)?(bearer|basic)\s+[\w.~+/=-]{8,}")
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with every credential it recognises replaced by a mask."""
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\g<1>{MASK}", text)
    text = _HEADER.sub(lambda match: f"{match[1] or ''}{match[2]} {MASK}", text)
    return _NAMED.sub(rf"\g<1>{MASK}", text)


def public_text(text: str, length: int) -> str:
    """`text` without credentials, on one line, at most `length` characters."""
    # A credential cut in half is no longer recognised, so cut last.
    clean = " ".join(redact(text[: length * 20]).split())
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"
