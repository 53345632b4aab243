"""Features in words for people, as reasons and reports give them."""

from app.scoring.reward.features import DIMENSION, KEY, NUMBER, RUBRIC, WORD

_YES_AND_NO = {
    "success": ("a success", "no success"),
    "partial": ("a partial result", "no partial result"),
    "failed": ("a failure", "no failure"),
    "silent": ("saying nothing", "saying something"),
    "no-op": ("a declared no-op", "no declared no-op"),
    "summary": ("a summary", "no summary"),
    "claims everything": ("a claim to everything", "no claim to everything"),
    "admits limits": ("naming limits", "naming no limits"),
}
_MEASURED = {
    RUBRIC: "the rubric's score",
    "devalued": "what the rubric takes off the whole report",
    "weakest": "the weakest dimension",
    "failed at length": "words about a failure",
    "words": "the length of the report",
    "headline words": "the length of the summary",
    "capitals": "the share of capitals",
    "digits": "the share of digits",
    "word length": "the length of words",
    "depth": "the depth of the payload",
    "tests": "counts of tests",
    "remainders": "what failed or is left",
}
_TERMS = {WORD: "the word", KEY: "the field", NUMBER: "the number under"}


def describe(name: str, *, above: bool) -> str:
    """A feature in words: present or `above` the usual, or not."""
    for beginning, kind in _TERMS.items():
        if name.startswith(beginning):
            return f"{kind} '{name.removeprefix(beginning)}'"
    if name in _YES_AND_NO:
        return _YES_AND_NO[name][0 if above else 1]
    if name.startswith("words over "):
        return f"{'more' if above else 'no more'} than {name.removeprefix('words over ')} words"
    measured = _MEASURED.get(name, name.removeprefix("vocabulary of "))
    if name.startswith(DIMENSION):
        measured = f"the rubric's {name.removeprefix(DIMENSION)}"
    return f"{measured} {'above' if above else 'below'} the usual"
