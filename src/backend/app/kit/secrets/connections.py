"""Secrets in what opens a connection without naming them, percent-encoded ones, and short codes."""

import re
from urllib.parse import unquote

from app.kit.secrets.kind import Certainty, Kind, Pattern
from app.kit.secrets.parts import secret_in
from app.kit.secrets.values import is_mixed, is_no_secret, is_number, weigh_password, weigh_value

_SEGMENT = re.compile(r"[A-Za-z0-9]{16}")


def _weigh_login(match: re.Match[str]) -> Certainty:
    return weigh_password(secret_in(match))


def _weigh_given(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    if is_no_secret(value, value):
        return Certainty.NONE
    return max(Certainty.POSSIBLE, weigh_value("password", value))


def _weigh_token(match: re.Match[str]) -> Certainty:
    """Certain where it looks generated: `https://ada.lovelace@git.test` names a user."""
    value = secret_in(match)
    generated = is_mixed(value) or (_SEGMENT.search(value) and any(map(str.isdigit, value)))
    return Certainty.NONE if is_no_secret(value, value) or not generated else Certainty.LIVE


def _weigh_pair(match: re.Match[str]) -> Certainty:
    value = secret_in(match)
    if is_number(value) or not any(map(str.isdigit, value)) or is_no_secret(value, value):
        return Certainty.NONE
    return Certainty.LIVE


def _weigh_encoded(match: re.Match[str]) -> Certainty:
    return weigh_value(match[1], unquote(secret_in(match)))


def _always_possible(_: re.Match[str]) -> Certainty:
    return Certainty.POSSIBLE


PAIR = Kind(
    name="login in an address without a scheme",
    words=(),
    # A registry's `image:tag@sha256:…` is none.
    pattern=Pattern(
        r"(?<![\w/:.@%+-])(?=[\w.-]{0,40}[A-Za-z])[\w.-]{1,40}:([^\s:/@\"'<>,;(){}\[\]]{4,100})"
        r"@(?!sha\d)(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[A-Za-z][\w-]{0,60}\.){1,5}[A-Za-z]{2,20}"
        r"|[A-Za-z][\w-]{0,60}(?=[:/]\w))"
    ),
    examples=(
        "connected to admin:«Tr0ub4dor99»@db.acme.test:5432",
        "connected as root:«hunter2pass»@10.0.0.5/shop",
        "DSN app:«S3cretPw99»@db:5432/shop",
    ),
    near_misses=(
        "pulled acme/web:v1.2.3@sha256:8f14e45fceea167a",
        "sent at 12:30@example.com",
        "git@github.com:acme/x2.git",
        "postgres app:$DB_PASS1@db.test:5432",
        "upgraded lib:core@next.test",
        "from ada: 2 mails to bob2@example.com",
    ),
    weigh=_weigh_pair,
)

CONNECTIONS = (
    Kind(
        name="token in an address",
        words=("://",),
        pattern=Pattern(r"""://([^\s/:@"'<>]{16,300})@(?=[A-Za-z0-9])"""),
        examples=(
            "git clone https://«x8fQ2larkZw31xY77aPz»@github.com/acme/x.git",
            "https://«8f14e45fceea167a5a36dedd»@git.test/acme/x.git",
        ),
        near_misses=(
            "https://ada.lovelace-of-acme@git.test/x.git",
            "ssh://deploy-user-cluster-2@host.test",
            "https://${CI_JOB_TOKEN_OF_RUN1}@git.test/x.git",
        ),
        weigh=_weigh_token,
    ),
    Kind(
        name="password of a netrc file",
        words=("machine ",),
        pattern=Pattern(
            r"(?i)machine\s{1,3}\S{1,100}\s{1,9}login\s{1,3}\S{1,100}\s{1,9}password\s{1,3}(\S{1,200})"
        ),
        examples=("machine api.acme.test login ada password «s3cr3tvalue»",),
        possible=("machine api.acme.test login ada password «swordfish»",),
        near_misses=("machine api.test login ada password $PW1", "machine learning login flow"),
        weigh=_weigh_given,
    ),
    Kind(
        name="password of a pgpass file",
        words=(":5432:", ":5433:", ":6432:", ":3306:", ":*:"),
        pattern=Pattern(r":(?:\d{4}|\*):[\w*.-]{1,60}:[\w*.@-]{1,60}:(\S{3,200})"),
        examples=("db.acme.test:5432:shop:ada:«s3cr3tvalue9»", "*:*:*:ada:«Kanu!tt88»"),
        near_misses=("listening on 0.0.0.0:5432: ready", "db:5432:shop:ada:***"),
        weigh=_weigh_given,
    ),
    Kind(
        name="password of an Oracle connection",
        words=("jdbc:oracle:",),
        pattern=Pattern(r"""(?i)jdbc:oracle:\w{1,10}:[\w.$-]{1,60}/([^\s/"'<>@]{1,100})(?=@)"""),
        examples=("jdbc:oracle:thin:ada/«s3cr3tvalue9»@db:1521:x",),
        near_misses=("jdbc:oracle:thin:@db:1521/x", "jdbc:oracle:thin:ada/${PW1}@db:1521"),
        weigh=_weigh_login,
    ),
    Kind(
        name="percent-encoded value under a name",
        words=("passw", "pwd%", "secret", "token%", "api_key%", "apikey%", "api-key%"),
        pattern=Pattern(
            r"""(?ix) (passw\w{0,12}|pwd|secret\w{0,20}|token|api[_-]?key) %3[ad] (?:%2[027]){0,3}
            ((?:(?!%(?:2[0267c]|7d))[^\s"'<>&,;]){4,200})"""
        ),
        examples=("to /login?next=%2Fx%3Fpassword%3D«s3cr3tvalue9»%26a", "api_key%3D%22«q8Zr71LmPx02»%22"),
        near_misses=("password%3D%24DB_PASS", "token%3Dnone"),
        weigh=_weigh_encoded,
    ),
    Kind(
        name="login in a percent-encoded address",
        words=("%3a%2f%2f",),
        pattern=Pattern(r"(?i)%3a%2f%2f[^\s%]{0,60}%3a((?:(?!%40)[^\s/&]){1,200})%40"),
        examples=("url=postgres%3A%2F%2Fada%3A«s3cr3tvalue9»%40db",),
        near_misses=("url=https%3A%2F%2Fexample.com%2Fx", "redis%3A%2F%2Fada%3A***%40db"),
        weigh=_weigh_login,
    ),
    Kind(
        name="short code",
        words=("pin", "otp", "2fa", "mfa code", "one-time", "tion code", "urity code", "cvv", "cvc"),
        pattern=Pattern(
            r"""(?ix) (?<![a-z\d_-]) (?:pin(?:[ -]?code)?|otp(?:[ -]?code)?|2fa(?:[ -]code)?|mfa[ ]code
              |one-time[ ](?:code|password|passcode|pin)|cvv2?|cvc) (?:[ ](?:is|was|ist|es|est))?
              (?:[ ]{0,2}[:=][ ]{0,2}|[ ]{1,2}) (\d{3,8}) (?![\w%]|[.,:/-]\d)
            | (?:(?<=verifica)|(?<=confirma)|(?<=authentica)|(?<=activa))tion[ ]code(?:[ ](?:is|was))?
              [ ]{0,2}[:=]?[ ]{0,2} (\d{4,8}) (?![\w%]|[.,:/-]\d)
            | (?<=sec)urity[ ]code(?:[ ](?:is|was))?[ ]{0,2}[:=]?[ ]{0,2} (\d{3,8}) (?![\w%]|[.,:/-]\d)"""
        ),
        examples=(),
        possible=(
            "PIN: «4711»",
            "the PIN is «4711»",
            "OTP code «481516»",
            "2FA code: «481516»",
            "your verification code is «481516»",
            "CVV «123»",
            "security code: «481516»",
        ),
        near_misses=(
            "pin: 1.2.3",
            "spin 1000 times",
            "pin 12 packages",
            "pinned 1200 packages",
            "verification code path 2 of 14",
            "PIN 2026-10-03",
            "2fa41073-ee31-416f-9e7c-0be35950ca60",
        ),
        weigh=_always_possible,
    ),
)
