"""Secrets by the place they stand in: addresses, headers, cookies; and numbers of payment cards."""

import base64
import binascii
import re

from app.kit.secrets.kind import Certainty, Kind, Pattern
from app.kit.secrets.parts import secret_in
from app.kit.secrets.values import is_no_secret, is_random, weigh_password, weigh_strong

_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VALUE = re.compile(r"(?<=[\w.-])=([^\s;,\"']{1,4000})")
_MOST_LOOKED_AT = 400
_MIN_COOKIE = 12
_MIN_SESSION = 16
_MIN_CREDENTIAL = 8
_MIN_BEARER = 16


def _weigh_login(match: re.Match[str]) -> Certainty:
    return weigh_password(secret_in(match))


def _weigh_header(match: re.Match[str]) -> Certainty:
    scheme, value = match[1], secret_in(match)
    if is_no_secret(value, value) or len(value) < _MIN_CREDENTIAL:
        return Certainty.NONE
    if is_random(value) or _is_pair(value):
        return Certainty.LIVE
    return Certainty.POSSIBLE if scheme else Certainty.NONE


def _weigh_scheme(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    if is_no_secret(value, value) or not is_random(value):
        return Certainty.NONE
    if _is_pair(value):
        return Certainty.LIVE
    if not any(map(str.isdigit, value)) or len(value) < _MIN_CREDENTIAL:
        return Certainty.NONE
    return Certainty.LIVE if len(value) >= _MIN_BEARER else Certainty.POSSIBLE


def _is_pair(value: str) -> bool:
    """Whether `value` is `user:password` in base64 (RFC 7617)."""
    try:
        pair = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in pair and pair.isascii() and pair.decode().isprintable()


def _weigh_cookies(match: re.Match[str]) -> Certainty:
    values = _VALUE.findall(secret_in(match)[:_MOST_LOOKED_AT])
    live = any(
        len(value) >= _MIN_COOKIE and is_random(value) and not is_no_secret(value, value) for value in values
    )
    return Certainty.LIVE if live else Certainty.NONE


def _weigh_session(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    if len(value) < _MIN_SESSION or is_no_secret(value, value) or not any(map(str.isdigit, value)):
        return Certainty.NONE
    # Runs and requests have such ids too.
    return Certainty.POSSIBLE if _UUID.fullmatch(value) else Certainty.LIVE


def _weigh_words(_: re.Match[str]) -> Certainty:
    """Words may be prose as well."""
    return Certainty.POSSIBLE


def _weigh_card(match: re.Match[str]) -> Certainty:
    """By the check digit of ISO/IEC 7812: the Luhn sum is a multiple of ten."""
    digits = [int(c) for c in match[0] if c.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return Certainty.NONE if (sum(doubled) + sum(digits[-1::-2])) % 10 else Certainty.LIVE


def _weigh_form(match: re.Match[str]) -> Certainty:
    return weigh_strong(secret_in(match))


CARD = Kind(
    name="payment card number",
    words=(),
    # In groups by any issuer; without spaces by those that begin with 4, 5 or 37.
    pattern=Pattern(
        r"([2-6](?=\d\d)(?<![\d.-][2-6])(?<![A-Za-z_][2-6])(?:\d{3}([ -])\d{4}\2\d{4}\2\d{4}"
        r"|(?<=4)\d{15}|(?<=5)[1-5]\d{14}"
        r"|(?<=3)[47]\d\d[ -]\d{6}[ -]\d{5}|(?<=3)[47]\d{13}))(?![\d-]|\.\d|\w)"
    ),
    examples=(
        "card «4111 1111 1111 1111» exp 04/28",
        "refunded to «5500-0000-0000-0004»",
        "charged «4242424242424242» twice",
        "Amex «3782 822463 10005»",
    ),
    near_misses=(
        "invoice 4111 1111 1111 1112",
        "at 1795332095413000 µs",
        "run 20261003-4111-1111-1111-1111",
        "order 4111.1111",
    ),
    weigh=_weigh_card,
)

LOGINS = (
    Kind(
        name="login in an address",
        words=("://",),
        pattern=Pattern(r"""://[^\s/:@"'<>]{0,100}:([^\s/"'<>]{1,300})(?=@)"""),
        examples=(
            "Connected with postgres://app:«Hollow-Tern41»@db-2.test:5432/reports",
            "redis://:«Zx9q7LmT2vKw8RtY»@cache:6379/0",
            "postgresql+asyncpg://u:«a@Zx9q7LmT2vKw8RtY»@db/runlog",
            "cloned https://ci:«hunter2pass»@git.test/x.git",
        ),
        possible=("https://user:«pw»@host/x",),
        near_misses=(
            "Connected with postgres://app:***@db-2.test:5432/reports",
            "postgres://app:${DB_PASS}@db/x",
            "Deployed https://example.com:8443/path?page=2 for user@example.com",
            "Moved postgresql://db.example.com:5432/runlog to db2",
        ),
        weigh=_weigh_login,
    ),
    Kind(
        name="authorization header",
        words=("authorization",),
        pattern=Pattern(
            r"""(?ix) authorization\\?["']?\s{0,3}[=:]\s{0,3}\\?["']?
            ((?:bearer|basic|token|apikey|api-key|digest|negotiate|splunk|sso-key|key)\s{1,3})? """
            r"""([\w.~+/-]{4,4400}={0,2})"""
        ),
        examples=(
            "Authorization: Bearer «8f14e45fceea167a5a36dedd4bea2543»",
            "curl -H 'authorization: basic «Zx9q7LmT2vKw8RtY4uPs6NdB==»'",
            '"authorization": "Token «8f14e45fceea167a»"',
            "Proxy-Authorization: Basic «YWRhOnNlY3JldA==»",
            "Authorization: «8f14e45fceea167a5a36»",
        ),
        possible=("Authorization: Bearer «abcdefghij»",),
        near_misses=(
            "Authorization: Bearer [REDACTED]",
            "authorization: required",
            "authorization: granted-by",
        ),
        weigh=_weigh_header,
    ),
    Kind(
        name="bearer or basic credentials",
        words=("bearer ", "basic "),
        pattern=Pattern(r"(?i)(?<![a-z])(?:bearer|basic)\s{1,3}([\w.~+/-]{8,4000}={0,2})"),
        examples=(
            "sent bearer «Zx9q7LmT2vKw8RtY4uPs6NdB»",
            "headers: Bearer «8f14e45fceea167a5a36dedd4bea2543»",
            "with Basic «YWRhOnNlY3JldA==» it works",
        ),
        near_misses=(
            "Ran the basic regression suite and basic authentication checks",
            "The bearer of bad news: interoperability failed",
            "Basic ********",
        ),
        weigh=_weigh_scheme,
    ),
    Kind(
        name="cookie header",
        words=("cookie",),
        pattern=Pattern(
            r"""(?ix)cookies?\\?["']?\s{0,3}[:=]\s{0,3}\\?["'{]?([\w.-]{1,100}=[^"'\n\r\\=][^"'\n\r\\]{3,1000})"""
        ),
        examples=(
            "Set-Cookie: «laravel_session=q8Zr71LmPx02aBcD; Path=/»",
            "curl -H 'Cookie: «remember=q8Zr71LmPx02aBcD»' works",
            '{"Cookie": "«session=eyJ1c2VyIjo0NDEyfQ.ZxPq1A.h3l9-Kd0fake; role=admin»"}',
        ),
        near_misses=("Cookie: theme=dark", "Cookie banner: 'Accept' and 'Reject' same size"),
        weigh=_weigh_cookies,
    ),
    Kind(
        name="login cookie",
        words=(
            "session",
            "sess=",
            "sid=",
            "sessid",
            "sessionid",
            "auth=",
            "remember",
            "li_at=",
            "logged_in_",
        ),
        pattern=Pattern(
            r"(?i)(?:session(?:[_-]?(?:id|token|key))?|[a-z._-]{0,20}sid|sess(?:id)?|auth|remember[\w-]{0,20}|li_at"
            r"|logged_in_\w{1,60})(?:=|(?-i:(?<=sessionid)|(?<=SESSID)|(?<=SESSIONID))[\"']\s?:\s?[\"'])"
            r"([\w.%+/:~-]{16,4000})"
        ),
        examples=(
            "session=«8f3a9c2b7d1e4f60a5b8»",
            "got PHPSESSID=«8f3a9c2b7d1e4f60a5b8»; path=/",
            "JSESSIONID=«8F3A9C2B7D1E4F60A5B8C1D2E3F40516»",
            "connect.sid=«s%3Aq8Zr71LmPx02aBcD.sig9»",
            "cookies={'sessionid': '«8f3a9c2b7d1e4f60a5b8»'}",
        ),
        possible=("session=«b7d0a8c2-51ee-4a0f-8c43-1c2a6f1f9e77»",),
        near_misses=(
            "session b7d0a8c2-51ee-4a0f-8c43-1c2a6f1f9e77 resumed",
            "sessionKey agent:main:cron:b7d0a8c2:run:1",
            "session=12",
            '"sessionId": "agent-main-cron-17"',
            "Deleted 1,120 expired sessions older than 90 d.",
        ),
        weigh=_weigh_session,
    ),
    Kind(
        name="signature of a link",
        words=("sig=", "signature="),
        pattern=Pattern(r"(?i)(?<=[?&;-])(?:sig|signature)=([\w%+/=-]{20,400})"),
        examples=("https://acme.blob.core.windows.net/x?sv=2024&sig=«q8Zr71LmPx02aBcDeFgHiJkL%3D»",),
        near_misses=("the function's signature=changed",),
    ),
    Kind(
        name="name and password",
        words=(
            "login",
            "credential",
            "creds",
            "zugangsdaten",
            "anmeldedaten",
            "identifiants",
            "credenciales",
            "credenciais",
            "credenziali",
        ),
        pattern=Pattern(
            r"""(?ix) (?:logins?|credentials?|creds|zugangsdaten|anmeldedaten|identifiants|credenciales
            |credenciais|credenziali)
            (?:\s(?:is|are|for|was|with|von|für|mit|sind|son|sont|sono|são)(?:\s[\w.-]{1,30})?)?
            \s?[:=]?\s{1,2} [\w.@-]{2,60} \s?[/:]\s?
            ([\w!@\#%^&$*?+.-]{8,100})"""
        ),
        examples=(
            "login is admin / «Kranich!4471» for everyone",
            "las credenciales son admin/«Verano2026!»",
        ),
        near_misses=("login: docs/setup-2026.md", "credentials are in ops/vault-2"),
        weigh=_weigh_form,
    ),
    Kind(
        name="seed phrase",
        words=("seed", "mnemonic", "recovery", "backup phrase"),
        pattern=Pattern(
            r"""(?ix) (?:(?:seed|recovery|mnemonic|backup)[\s_-]?(?:phrase|words)?|mnemonic)\\?["']?
            \s{0,2}(?:[:=]|is|(?=\\?["']))\s{0,2}\\?["']? ((?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})"""
        ),
        examples=(
            'mnemonic "«able about above absent absorb abuse access account acid across act action»"',
            "seed phrase: «able about above absent absorb abuse access account acid across act action»",
        ),
        near_misses=("seed: 11, 3 epochs", "recovery is under way and nobody has to do anything now"),
    ),
    Kind(
        name="passphrase of words",
        words=("passphrase",),
        pattern=Pattern(r"(?i)passphrase\s{0,2}[:=]\s{0,2}((?:[a-z]{2,12}[ -]){3,11}\w{1,12})"),
        examples=(),
        possible=("passphrase: «correct horse battery staple»",),
        weigh=_weigh_words,
    ),
    CARD,
)
