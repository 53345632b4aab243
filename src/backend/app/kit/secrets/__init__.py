"""The one list of secrets, for all that detects them or masks them.

`CATALOGUE` has each kind once: what it looks like, what of it is masked, what it is not. Masking and scoring
search the same list; where they may differ, `Certainty` says so.
"""

from app.kit.secrets.catalogue import CATALOGUE, find_leak, find_secrets, may_name_secret, weigh_field
from app.kit.secrets.kind import Certainty, Effort, Kind, Span
from app.kit.secrets.logins import CARD
from app.kit.secrets.masking import MASK, name_beside, public_text, redact, redact_json
from app.kit.secrets.personal import PERSONAL

__all__ = [
    "CARD",
    "CATALOGUE",
    "MASK",
    "PERSONAL",
    "Certainty",
    "Effort",
    "Kind",
    "Span",
    "find_leak",
    "find_secrets",
    "may_name_secret",
    "name_beside",
    "public_text",
    "redact",
    "redact_json",
    "weigh_field",
]
