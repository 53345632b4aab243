"""Every example of the catalogue of secrets, with what of it is secret."""

from typing import NamedTuple

from app.kit.secrets import CATALOGUE, PERSONAL


class Sample(NamedTuple):
    """A text of a kind, and the secret within it."""

    kind: str
    text: str
    secret: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:40]}"


def _sample(kind: str, marked: str) -> Sample:
    before, _, rest = marked.partition("«")
    secret, _, after = rest.partition("»")
    return Sample(kind, before + secret + after, secret)


LIVE = [_sample(kind.name, example) for kind in CATALOGUE for example in kind.examples]
POSSIBLE = [_sample(kind.name, example) for kind in CATALOGUE for example in kind.possible]
NEAR_MISSES = [(kind.name, text) for kind in CATALOGUE for text in kind.near_misses]
PERSONAL_DATA = [_sample(kind.name, example) for kind in PERSONAL for example in kind.possible]
NOT_PERSONAL = [text for kind in PERSONAL for text in kind.near_misses]
