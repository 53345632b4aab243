"""Which model judges, and where it is asked."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """An endpoint that speaks OpenAI's chat completions. `timeout` is in seconds a call."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout: float = 30.0
