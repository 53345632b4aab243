"""What tells of a person: masked where the public or a channel reads, and no credential in any score."""

import re

from app.kit.secrets.kind import Certainty, Kind, Pattern

_PHONE_DIGITS = range(9, 16)  # E.164 allows 15
_NO_PERSON = frozenset({"git", "hg", "svn", "root", "noreply", "no-reply", "admin", "postmaster"})


def _weigh_mail(match: re.Match[str]) -> Certainty:
    return Certainty.NONE if match[1].partition("@")[0].lower() in _NO_PERSON else Certainty.POSSIBLE


def _weigh_phone(match: re.Match[str]) -> Certainty:
    digits = sum(map(str.isdigit, match[1]))
    return Certainty.POSSIBLE if digits in _PHONE_DIGITS else Certainty.NONE


def _weigh_iban(match: re.Match[str]) -> Certainty:
    """By the check digits of ISO 13616: the number is 1 modulo 97, letters counting from 10."""
    account = match[1].replace(" ", "")
    number = "".join(str(int(char, 36)) for char in account[4:] + account[:4])
    return Certainty.POSSIBLE if 15 <= len(account) <= 34 and int(number) % 97 == 1 else Certainty.NONE


def _always_possible(_: re.Match[str]) -> Certainty:
    return Certainty.POSSIBLE


PERSONAL: tuple[Kind, ...] = (
    Kind(
        name="e-mail address",
        words=(),
        # `git@host:path` and `//user@host` are where something is, `name@1.2.3` is a version.
        pattern=Pattern(
            r"(?<![\w.+%/:-])([\w.+%-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,5}[A-Za-z]{2,24})"
            r"(?![\w-]|:[\w~/]|\.\w)"
        ),
        examples=(),
        possible=("mail to «ada.lovelace@example-corp.com» today", "<«bob+x@mail.acme.test»>"),
        near_misses=(
            "cloned git@github.com:acme/x.git",
            "package@1.2.3 and react@18.x",
            "ssh deploy@web-1 works",
            "@types/node@18.2.0-rc.1",
            "ssh://ada@git.acme.test/x",
            "copied to ada@web.acme.test:/var/www",
        ),
        weigh=_weigh_mail,
    ),
    Kind(
        name="phone number",
        words=(),
        pattern=Pattern(
            r"(?<![\w+.,/-])"
            r"(\+\d{1,3}(?:[ .()/-]{0,3}\d{1,5}){2,6}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})"
            r"(?![\w,%]|[.:-]\d)"
        ),
        examples=(),
        possible=(
            "called «+49 170 1234567» twice",
            "call «+1 (415) 555-2671»",
            "office «(415) 555-2671»",
            "SMS to «+4917012345678»",
            "fax «415-555-2671»",
        ),
        near_misses=(
            "+1200 -340 lines",
            "at 2026-10-03T10:00:00+0200",
            "order 415-555-267199",
            "+10 000 rows",
            "ISBN 978-3-16-148410-0",
        ),
        weigh=_weigh_phone,
    ),
    Kind(
        name="bank account",
        words=(),
        pattern=Pattern(
            r"(?<![A-Za-z0-9])([A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?)(?![A-Za-z0-9])"
        ),
        examples=(),
        possible=("IBAN «DE89 3704 0044 0532 0130 00»", "paid to «GB82WEST12345698765432»"),
        near_misses=(
            "IBAN DE89 3704 0044 0532 0130 01",
            "ticket AB12 3456 7890 1234",
            "SKU AB12CDEF34567890",
        ),
        weigh=_weigh_iban,
    ),
    Kind(
        name="social security number",
        words=(),
        pattern=Pattern(r"(?<![\w.-])((?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4})(?![\w-]|\.\d)"),
        examples=(),
        possible=("SSN «078-05-1120» on file",),
        near_misses=("part 000-12-3456", "2026-10-03", "order 123-45-67890"),
        weigh=_always_possible,
    ),
)
