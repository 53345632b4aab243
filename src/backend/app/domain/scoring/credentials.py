"""Secrets printed in a report, where everybody who reads the log can use them."""

import re

from app.domain.scoring.facts import Facts
from app.domain.scoring.payload import Leaf
from app.domain.scoring.text import entries

_HIDDEN = r"\*|x{3}|<|\$|\[|\{|redacted|masked|hidden|none\b|null\b|true\b|false\b"
_TOKEN = re.compile(
    "|".join(
        (
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_\w{20,255}",
            r"\bglpat-[\w-]{16,64}|\bxox[abposr]-[\w-]{10,200}|\bsk-[A-Za-z0-9_-]{16,200}",
            r"\b[sr]k_(?:live|test)_\w{10,100}|\bAIza[\w-]{30,45}",
            r"-----BEGIN (?:[A-Z]{1,12} ){0,2}PRIVATE KEY-----",
            r"\beyJ[\w-]{8,2000}\.[\w-]{4,4000}\.[\w-]{0,2000}",
            rf"\b[Bb](?:earer|asic) {{1,3}}(?!{_HIDDEN})"
            r"(?=[A-Za-z+/_=.-]{0,200}\d)[A-Za-z0-9+/_=.-]{16,2000}",
            rf"\b[a-z][a-z0-9+.-]{{1,20}}://[^\s:/@'\"]{{1,80}}:(?!{_HIDDEN})[^\s@/'\"]{{3,200}}@",
        )
    ),
)
_MARKERS = (
    *(
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "sk-",
        "sk_",
        "rk_",
    ),
    *("AIza", "-----BEGIN", "eyJ", "earer ", "asic ", "://"),
)
# After the word for a secret: a separator and a value with a digit or sign in it that is no path to
# a vault; or, without a separator, a value that mixes letters, digits and signs as only a secret does.
_NAMED = re.compile(
    r"(?:passw(?:or)?d|passwort|contraseña|senha|secret|パスワード|密码"
    r"|(?:api|access|auth|private)[ _-]?(?:key|token))\w{0,20}"
    r"(?:['\"]?\s{0,3}(?:[=:\uff1a]|is |es |ist |é )\s{0,3}['\"]?"
    rf"(?!{_HIDDEN}|not\b|in\b|from\b|vault|arn:|(?-i:[a-z0-9_.-]{{1,40}}/))"
    r"(?=[^\s'\",;]{0,60}[\d!@#%^&])[^\s'\",;]{6,200}"
    r"|\s['\"]?(?=[\w!@#%^&+-]{0,40}[!@#%^&+])(?=[\w!@#%^&+-]{0,40}\d)[\w!@#%^&+-]{8,60})",
    re.IGNORECASE,
)
_NAMES = ("passw", "contrase", "senha", "secret", "key", "token", "パスワード", "密码")
_SECRET_KEYS = entries(
    "password, passwd, pwd, secret, token, apikey, credential, credentials, passphrase",
    "passwort, senha",
)
_SECRET_PAIRS = frozenset((kind, "key") for kind in ("api", "access", "private", "secret", "auth"))
_VALUE = re.compile(r"(?=\S{0,100}\d)(?=\S{0,100}[A-Za-z])[\w+/=.!@#$%^&*-]{8,400}")
_MASKED = re.compile(
    r"\*{3}|redacted|masked|hidden|x{4}|<[^>]{1,40}>|\$\{|vault|secret/|ssm:|arn:|env:|\.{3}", re.IGNORECASE
)


def leaks_credential(facts: Facts) -> str:
    """That a report holds a live secret, in plain words and without it; empty when it holds none."""
    for text in (facts.body, facts.raw):
        if any(map(text.raw.__contains__, _MARKERS)) and _TOKEN.search(text.raw):
            return "leaks a credential"
        if any(map(text.lower.__contains__, _NAMES)) and _NAMED.search(text.raw):
            return "leaks a credential"
    return "leaks a credential" if any(map(_is_secret, facts.payload.leaves)) else ""


def _is_secret(leaf: Leaf) -> bool:
    if not isinstance(leaf.value, str) or not leaf.words:
        return False
    if leaf.words[-1] not in _SECRET_KEYS and leaf.words[-2:] not in _SECRET_PAIRS:
        return False
    return _VALUE.fullmatch(leaf.value) is not None and not _MASKED.search(leaf.value)
