"""Secrets printed in a report, where everybody who reads the log can use them."""

import re

from app.scoring.rubric.facts import Facts
from app.scoring.rubric.payload import Leaf
from app.scoring.rubric.text import entries

_HIDDEN = r"\*|x{3}|<|\$|\[|\{|redacted|masked|hidden|none\b|null\b|true\b|false\b"
_TOKEN = re.compile(
    "|".join(
        (
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_\w{20,255}",
            r"\bglpat-[\w-]{16,64}|\bxox[abposr]-[\w-]{10,200}|\bsk-[A-Za-z0-9_-]{16,200}",
            r"\b[sr]k_(?:live|test)_\w{10,100}|\bAIza[\w-]{30,45}|\b(?:npm|hf)_[A-Za-z0-9]{20,100}|\bpypi-[\w-]{20,250}",
            # An environment variable with what only a secret looks like.
            rf"(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY)=['\"]?(?!{_HIDDEN})(?=[^\s'\"]{{0,80}}\d)(?=[^\s'\"]{{0,80}}[A-Za-z])"
            r"[\w+/=.!@#%^&-]{12,400}",
            r"-----BEGIN (?:[A-Z]{1,12} ){0,2}PRIVATE KEY-----",
            r"\beyJ[\w-]{8,2000}\.[\w-]{4,4000}\.[\w-]{0,2000}",
            rf"\b[Bb](?:earer|asic) {{1,3}}(?!{_HIDDEN})"
            r"(?=[A-Za-z+/_=.-]{0,200}\d)[A-Za-z0-9+/_=.-]{16,2000}",
        )
    ),
)
_LOGIN = re.compile(rf"\b[a-z][a-z0-9+.-]{{1,20}}://[^\s:/@'\"]{{1,80}}:(?!{_HIDDEN})[^\s@/'\"]{{3,200}}@")
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
    *("npm_", "hf_", "pypi-", "TOKEN=", "SECRET=", "PASSWORD=", "PASSWD=", "API_KEY=", "APIKEY="),
    *("AIza", "-----BEGIN", "eyJ", "earer ", "asic "),
)
# After the word for a secret: a separator and a value with a digit or sign in it that is no path to
# a vault; or, without a separator, a value that mixes letters, digits and signs as only a secret does.
_NAMED = re.compile(
    r"(?:passw(?:or)?d|passwort|contraseña|senha|secret|パスワード|密码"
    r"|(?:api|access|auth|private)[ _-]?(?:key|token))\w{0,20}"
    r"(?: (?:of|for|von|für|de|da|do|del) (?:\w{1,20} ){0,3}\w{1,20})?"
    r"(?:['\"]?\s{0,3}(?:[=:\uff1a]|\b(?:is|was|es|ist|é) )\s{0,3}['\"]?"
    rf"(?!{_HIDDEN}|not\b|in\b|from\b|vault|arn:|(?-i:[a-z0-9_.-]{{1,40}}/))"
    r"(?=[^\s'\",;]{0,60}[\d!@#%^&])[^\s'\",;]{6,200}"
    r"|\s['\"]?(?=[\w!@#%^&+-]{0,40}[!@#%^&+])(?=[\w!@#%^&+-]{0,40}\d)[\w!@#%^&+-]{8,60})",
    re.IGNORECASE,
)
# Secrets handed to a command, and the session somebody is logged in with.
_HANDED = re.compile(
    r"(?:\s-u\s{1,3}\S{1,80}\s{1,3}-p\s{0,3}|\s--(?:pass(?:word|wd)?|token|api-?key|secret)[= ])"
    rf"['\"]?(?!{_HIDDEN})[^\s'\"]{{6,200}}"
    rf"|\bcurl\b[^\n]{{0,200}} -u ?['\"]?[^\s:]{{1,80}}:(?!{_HIDDEN})[^\s'\"]{{4,200}}"
    r"|\b(?:session|sid|sessionid|phpsessid|jsessionid|auth)=(?=[^\s;]{0,80}\d)[\w.%+/-]{16,2000}",
    re.IGNORECASE,
)
_HANDINGS = (" -u ", " --pass", " --token", " --api", " --secret", "session", "sid=", "auth=")
_CARD = re.compile(r"(?<![\d.-])(?:\d{4}[ -]){3}\d{4}(?![\d.-])")
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
    """That a report holds a live secret, in plain words and without it; empty when it holds none.

    The number of a payment card is one as well; its check digit (ISO/IEC 7812) tells it from other numbers.
    """
    for text in facts.texts:
        if any(map(_is_card, _CARD.findall(text.raw))):
            return "leaks the number of a payment card"
        if text.contains_any(_HANDINGS) and _HANDED.search(text.raw):
            return "leaks a credential"
        if any(map(text.raw.__contains__, _MARKERS)) and _TOKEN.search(text.raw):
            return "leaks a credential"
        if "@" in text.raw and "://" in text.raw and _LOGIN.search(text.raw):
            return "leaks a credential"
        if text.contains_any(_NAMES) and _NAMED.search(text.raw):
            return "leaks a credential"
    return "leaks a credential" if any(map(_is_secret, facts.payload.leaves)) else ""


def _is_card(number: str) -> bool:
    """Whether the Luhn sum of the sixteen digits is a multiple of ten."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[::2])
    return (sum(doubled) + sum(digits[1::2])) % 10 == 0


def _is_secret(leaf: Leaf) -> bool:
    if not isinstance(leaf.value, str) or not leaf.words:
        return False
    if leaf.words[-1] not in _SECRET_KEYS and leaf.words[-2:] not in _SECRET_PAIRS:
        return False
    return _VALUE.fullmatch(leaf.value) is not None and not _MASKED.search(leaf.value)
