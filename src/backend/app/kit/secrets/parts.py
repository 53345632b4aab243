"""Parts that the patterns of several kinds share. The patterns are verbose and ignore case."""

import re

OPENED = "\u201c\u201e\u00ab\u300c\u300e\u2018"
"""Quotation marks that open a quotation and do not close it."""
CLOSED = "\u201d\u201c\u00bb\u300d\u300f\u2019"

# A quotation mark may be escaped, as in JSON within a string. Runs are possessive, so nothing is tried twice.
VALUE = rf"""
    (?: \\{{0,3}}"([^"\\\n]{{1,300}}+(?:\\(?!["n])[^"\\\n]{{0,100}}+){{0,9}})
      | \\{{0,3}}'([^'\\\n]{{1,300}}+(?:\\(?!['n])[^'\\\n]{{0,100}}+){{0,9}})
      | `([^`\n]{{1,300}})
      | [{OPENED}]([^{CLOSED}\n]{{1,300}})
      | ([^\s"'`<,;&|\\]{{1,300}}+
         (?:(?:[,;&](?![\s"'] | \Z | [\w.-]{{1,40}}[=:]) | \\(?!["'nrt\s]))
            [^\s"'`<,;&|\\]{{0,100}}+){{0,9}}) )
"""
"""A value, in quotation marks or up to a space; a separator within it only where no further name follows."""

WORD = r"""["']?([^\s"'`|\\]{1,300}+(?:\\(?!["'nrt\s])[^\s"'`|\\]{0,100}+){0,9})"""
"""An argument of a command."""


def secret_in(match: re.Match[str]) -> str:
    """What of a match is the secret: the last group, else all of it."""
    return match[match.lastindex or 0]
