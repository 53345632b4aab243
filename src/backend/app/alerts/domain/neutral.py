"""Words of agents that mention no one and format nothing, in whatever chat they are shown.

Chats read mentions, links and emphasis out of plain text, each by rules of its own. An invisible character
or a look-alike breaks them all, and leaves the text readable.
"""

import re

_BREAK = "\u200b"  # zero-width space
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "`": "\u02cb", "\uff20": f"\uff20{_BREAK}", "@": f"@{_BREAK}"})
# `<` begins a tag or a mention where no space follows; `](` and `][` join a link's text and its target; `_`
# is emphasis at the edge of a word; a pair of `~` or `|` strikes through or hides; `:name:` is an emoji.
_MARKUP = re.compile(
    r"<(?=\S)|\](?=\s*[(\[:])|(?<![^\W_])_|_(?![^\W_])|~(?=\S)|\|(?=\|)|:(?=[A-Za-z+][\w+-]*:)"
)
# A heading, a quote or a list, where it begins a line.
_LINE_START = re.compile(r"^(?=[#>+-])", re.MULTILINE)


def neutral(text: str) -> str:
    """`text` without any mention or markup that a chat would act on."""
    broken = _MARKUP.sub(lambda match: f"{_BREAK}{match[0]}{_BREAK}", text)
    return _LINE_START.sub(_BREAK, broken.translate(_LOOK_ALIKES))
