"""The channels that alerts go out by: their names, and URLs that may be shown."""

import re
from collections import Counter
from urllib.parse import unquote

from app.kit.secrets import MASK, redact

WEBHOOK = "webhook"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VARIABLE = re.compile(r"\b(?:RUNLOG_[A-Z_]+|DATABASE_URL|CELERY_BROKER_URL)\b")
# Up to the last @: a password may hold one, and a slash, as it is. A web address may be a token's alone.
_LOGIN = re.compile(r"((?:https?://(?!.*:[^/]*@)|[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?@]*:))[^\s;]+@")
_PARAMETER = re.compile(r"([?&]([^\s=&;]+)=)[^\s&;]+")
# Parameters of the databases' and brokers' URLs and of endpoints that say where and how, not who.
_HARMLESS = frozenset(
    {
        *(
            "api-version",
            "application_name",
            "channel_binding",
            "connect_timeout",
            "connection_timeout",
            "db",
        ),
        *(
            "dbname",
            "heartbeat",
            "host",
            "hostaddr",
            "options",
            "port",
            "ssl",
            "ssl_ca_certs",
            "ssl_cert_reqs",
        ),
        *("ssl_certfile", "ssl_keyfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert"),
        *("target_session_attrs", "user", "virtual_host"),
    }
)
_LEAST_SECRET = 4
# What stands in many URLs and gives nothing away.
_COMMON = frozenset(
    {"http", "https", "true", "false", "insecure", "starttls", "mode", "from", "name", "smtp"}
)


def named_urls(text: str) -> dict[str, str]:
    """The URLs in `text`, which commas or spaces separate, each by its channel's name.

    A channel is named by its scheme, the second of a kind `mailto-2`: a URL with another password keeps
    its name, and what waits for the channel goes out by it. Raises `ValueError` where something is no URL.
    """
    # A comma within a URL stays where no other URL follows it.
    urls = re.split(rf"[\s,]+(?={_SCHEME.pattern.replace('(', '(?:')})|\s+", text.strip().rstrip(","))
    named: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    for number, url in enumerate(filter(None, urls), 1):
        scheme = _SCHEME.match(url)
        if scheme is None:
            raise ValueError(f"number {number} is no URL such as mailto://user:password@example.com")
        kind = scheme[1].lower()
        kinds[kind] += 1
        # A generic JSON hook of the library must not take the name of the signed webhook.
        named[kind if kinds[kind] == 1 else f"{kind}-{kinds[kind]}"] = url
    return named


def mask_urls(text: str) -> str:
    """What may be shown of URLs whose every part may be secret: their schemes."""
    schemes = [f"{match[1]}://{MASK}" for match in _SCHEME.finditer(text)]
    return ", ".join(schemes) or MASK


def mask_login(text: str) -> str:
    """URLs with each user's password, and every parameter but those known to hold no secret, masked."""
    text = _LOGIN.sub(rf"\1{MASK}@", text)
    return _PARAMETER.sub(
        lambda match: match[0] if match[2].lower() in _HARMLESS else f"{match[1]}{MASK}", text
    )


def scrub(text: str, *secrets: str) -> str:
    """`text` on one line, without any part of the URLs and keys in `secrets`, and without other secrets.

    The names of variables stay, whatever words a URL has in common with them.
    """
    parts = set()
    for secret in secrets:
        whole = _SCHEME.sub("", secret)
        for piece in (whole, *re.split(r"[/:@?&=,\s]+", whole)):
            parts |= {piece, unquote(piece)}
    telling = (part for part in parts if len(part) >= _LEAST_SECRET and part.lower() not in _COMMON)
    for part in sorted(telling, key=len, reverse=True):
        kept_or_part = re.compile(rf"({_VARIABLE.pattern})|(?i:{re.escape(part)})")
        text = kept_or_part.sub(lambda found: found[1] or MASK, text)
    return redact(" ".join(text.split()))
