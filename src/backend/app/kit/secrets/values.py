"""How certain it is that a value is a secret, given the name it stands under."""

import re
from itertools import pairwise

from app.kit.secrets.kind import Certainty

_MIN_PASSWORD = 3
_MIN_POSSIBLE = 4
_MIN_LIVE = 6
_MIN_STRONG = 8
_MIN_RANDOM = 16
_MOST_LOOKED_AT = 200
_LEAST_CHANGES = 4  # from letter to digit or back; a name with a year or a version in it has one or two
_HEX = re.compile(r"(?i)[0-9a-f]+")
# What a sentence puts behind a value.
_PUNCTUATION = ".,;:!?)]}>*"

# What stands in for a secret: masks; variables, templates, references to a vault, code. In lower case.
_MASKS = ("***", "\u2022\u2022", "xxxx", "...", "\u2026", "${", "{{", "[redacted")
_REFERENCE = re.compile(
    r"""(?ix)
    <[^>]{1,60}>? | \[[^\]]{1,60}\]? | \{[^}]{1,60}\}? | \([^)]{1,60}\)? | %\w{1,60}% | %\(.{1,60}
    | \$\(?[a-z_]\w{0,60}\)? | !\w{1,30}
    | (?:vault|arn|ssm|env|op|kv|kms|file|keyring|projects|secrets?|secretsmanager|sha256|enc)[:/.\[].{0,400}
    | (?:os|process|env|settings?|config|self|this|vars?|data|module|local|args|ctx|props|request|params
      |system)[.\[(].{0,400}
    | \w[\w.]{0,60}+\(.{0,400} | [a-z][a-z0-9+.-]{1,20}+://.{0,400}
    """
)
_PATH = (
    r"(?:[~.]{0,2}/)?[a-z_.][a-z0-9_.-]{0,60}(?:/[a-z0-9_.-]{1,60}){1,12}/?|[~.]{0,2}/[a-z][a-z0-9_.-]{0,60}"
)
_FILE = (
    r"(?i:[\w-]{1,60}+\.(?:py|jsx?|tsx?|json|ya?ml|toml|txt|md|env|pem|key|crt|cfg|ini|log|go|rs|java|rb|sh|sql"
    r"|csv|html?))"
)
_ADDRESS = r"[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}|[\w-]{1,40}(?:\.[\w-]{1,40}){1,4}:\d{1,5}"
# The variable that has a secret, where its value would stand: `missing token: GITHUB_TOKEN`.
_VARIABLE = (
    r"[A-Z]+(?:_[A-Z]+)*_(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|KEY|CREDENTIALS?|URLS?|DSN)"
    r"(?:_FILE)?"
)
_TICKET = r"#\d{1,9}|[A-Z]{2,10}-\d{1,6}"
# Dates, times, amounts, versions, durations, ports.
_NUMBER = re.compile(
    r"(?i)[#v<>~+-]?\d[\d.,:/+tz%_-]{0,40}"
    r"(?:ms|s|m|h|d|w|k|b|kb|mb|gb|kib|mib|min|days?|hours?|weeks?|months?|x|st|nd|rd|th|bits?|chars?)?"
)
_DATE = r"\d{4}-\d\d(?:-\d\d)?(?i:t[\d:.]{1,15}z?)?"
# What a value without the punctuation behind it may be instead of a secret.
_FORM = re.compile("|".join((_PATH, _FILE, _ADDRESS, _VARIABLE, _TICKET, _DATE)))
_NAME_OF_A_THING = re.compile(r"[a-z]{2,20}(?:[-_.][a-z]{1,20}){1,6}[-_]?\d{0,2}")
_TECHNICAL = re.compile(r"(?i)secret|token|key|cred")
"""Names of what systems keep by a name of its own: `secret: replica-dsn-2`."""
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_QUANTITY = re.compile(r"\d{1,4}-?[a-z]{2,20}")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_SIGN = re.compile(r"[!@#%^&$*?]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say something of a secret instead of being one.
_STATES = _words(
    """
    none null nil true false yes no off on n/a na unset empty blank unknown missing required optional
    invalid valid expired expires expiring revoked rotated rotate reset changed updated unchanged ok
    okay set not in from via by same stored saved kept is was the a an and or for to of with without
    never always must should what input will can cannot needs need found leaked wrong incorrect failed failure
    success accepted rejected denied granted disabled enabled protected managed generated auto automatic
    default encrypted hashed see ask tbd todo undefined string bytes str int type bool number redacted
    masked hidden removed withheld omitted confidential prompt pending created deleted added renewed
    refreshed used unused present absent available verified checked vault vaulted keychain passed
    skipped done here now today yesterday tomorrow still only also this that it its new old strong weak
    abgelaufen geändert ungültig gültig falsch richtig keine kein keines fehlt nicht erneuert
    zurückgesetzt caducado caducada cambiada cambiado inválida inválido ninguna ninguno expirado
    expirada alterada nenhuma nenhum expiré changé invalide aucun aucune scaduta cambiata nessuna
    verlopen gewijzigd geen
    """
)
_ABOUT = _words(
    """
    count counts used usage limit limits budget type types name names file files path paths url uri ref
    refs arn policy policies length size age expiry expiration expires expired rotated rotation changed
    reset resets at ttl manager required status state version vault store owner provider algorithm field
    fields prompt prompts id ids rate total max min hint validity lifetime location source scope scopes
    endpoint audience issuer authentication
    """
)
"""Last words of a name that holds something about a secret."""
_SECRET_ID = re.compile(r"(?i)secret[ _-]?id$")
_WORDS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COUNTED = re.compile(r"(?i)tokens?\b|(?:password|secret|credential|key)s\b")


def weigh_value(name: str, value: str) -> Certainty:
    """How certain it is that `value` is a secret, when it stands under `name`, a word for secrets.

    A live one has a digit or a sign in it and at least six characters.
    """
    bare = value.strip().rstrip(_PUNCTUATION) or value
    is_key = value.endswith(":")  # of a mapping, on the next line
    if is_key or is_about(name) or is_no_secret(value, bare):
        return Certainty.NONE
    if _NUMBER.fullmatch(bare):
        return _weigh_number(name, bare)
    if len(bare) < _MIN_POSSIBLE:
        return Certainty.NONE
    if " " in bare or len(value) < _MIN_LIVE or not (_has_digit(bare) or _SIGN.search(value[:-1])):
        return Certainty.POSSIBLE
    if _NAME_OF_A_THING.fullmatch(bare) and _TECHNICAL.search(name):
        return Certainty.POSSIBLE
    return Certainty.LIVE


def weigh_prose(name: str, value: str) -> Certainty:
    """How certain it is that the word behind `name` and a verb, as in `the token is …`, is a secret."""
    certainty = weigh_value(name, value)
    is_word = certainty is Certainty.POSSIBLE and not _has_digit(value)
    return Certainty.NONE if is_word or _QUANTITY.fullmatch(value) else certainty


def weigh_strong(value: str) -> Certainty:
    """How certain it is that `value` is a secret where little but its form says so.

    A live one mixes letters and digits with a sign, or is long and mixes capitals, letters and digits.
    """
    # The cheap questions first: a hostile text asks them often.
    if len(value) < _MIN_STRONG or not _has_digit(value) or not _LETTER.search(value):
        return Certainty.NONE
    signed = _SIGN.search(value) or "+" in value
    if not signed and (len(value) < _MIN_RANDOM or not is_mixed(value)):
        return Certainty.NONE
    no_secret = is_no_secret(value, value.rstrip(_PUNCTUATION)) or _NUMBER.fullmatch(value)
    return Certainty.NONE if no_secret else Certainty.LIVE


def weigh_password(value: str) -> Certainty:
    """How certain it is that `value` is a secret where nothing but a password stands."""
    if is_no_secret(value, value):
        return Certainty.NONE
    return Certainty.LIVE if len(value) >= _MIN_PASSWORD else Certainty.POSSIBLE


def is_no_secret(value: str, bare: str) -> bool:
    """Whether `value` stands in for a secret, tells of one, or is a path, an address, a name or a date.

    `bare` is the value without the punctuation behind it.
    """
    if any(map(value.lower().__contains__, _MASKS)) or _REFERENCE.fullmatch(value):
        return True
    if bare != value and _REFERENCE.fullmatch(bare):
        return True
    first, *_ = bare.split(maxsplit=1) or [""]
    return first.lower().rstrip(_PUNCTUATION) in _STATES or _FORM.fullmatch(bare) is not None


def is_about(name: str) -> bool:
    """Whether a name such as `token_count` holds something about a secret."""
    words = _WORDS.findall(_CAMEL.sub(" ", name).lower())
    return bool(words) and words[-1] in _ABOUT and not _SECRET_ID.search(name)


def is_number(value: str) -> bool:
    """Whether `value` is an amount, a version, a time, a duration or the like."""
    return _NUMBER.fullmatch(value) is not None


def is_mixed(value: str) -> bool:
    """Whether small letters, capitals and digits are mixed."""
    return _has_digit(value) and value.lower() != value != value.upper()


def is_generated(value: str) -> bool:
    """Whether letters and digits, and nothing else, change places often, beyond what a hash in hex has."""
    if len(value) < _MIN_RANDOM or not value.isalnum() or _HEX.fullmatch(value):
        return False
    return sum(a.isdigit() != b.isdigit() for a, b in pairwise(value[:_MOST_LOOKED_AT])) >= _LEAST_CHANGES


def is_random(value: str) -> bool:
    """Whether letters and digits are mixed as in a generated value, or capitals stand within a word."""
    value = value[:_MOST_LOOKED_AT]
    if _has_digit(value) and _LETTER.search(value):
        return True
    return any(a.islower() and b.isupper() for a, b in pairwise(value))


def _weigh_number(name: str, number: str) -> Certainty:
    if _UUID.fullmatch(number):
        return Certainty.LIVE
    digits = sum(map(str.isdigit, number))
    if digits < _MIN_LIVE or _COUNTED.search(name):
        return Certainty.NONE
    return Certainty.LIVE if number.isdecimal() else Certainty.NONE


def _has_digit(value: str) -> bool:
    return _DIGIT.search(value) is not None
