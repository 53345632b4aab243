"""The wire form of OpenAI's chat completions: what is sent, and what of the answer is read."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec

from app.scoring.judge.prompt import SCHEMA, Prompt
from app.scoring.judge.reply import Outcome, Reply
from app.scoring.judge.verdict import VerdictError, read_verdict

_MAX_TOKENS = 4_000  # of an answer: a verdict has some 200, and models that reason spend more before it
_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "judgement", "strict": True, "schema": SCHEMA},
}
# Models that reason refuse the first, servers without structured output the second.
FORMS: tuple[dict[str, Any], ...] = (
    {"response_format": _FORMAT, "temperature": 0, "max_tokens": _MAX_TOKENS},
    {"response_format": _FORMAT},
    {},
)
"""What is asked for beside the messages, the most first; an endpoint gets the first that it accepts."""

Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Completion).decode


def request(model: str, prompt: Prompt, form: int) -> dict[str, Any]:
    """The body of a request in this one of `FORMS`."""
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    return {"model": model, "messages": messages, **FORMS[form]}


def read_completion(body: bytes) -> Reply:
    """The judgement in a successful answer, or why it holds none."""
    try:
        completion = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Reply(Outcome.INVALID, error=f"the endpoint's answer is no chat completion: {error}")
    usage = completion.usage or _Usage()
    try:
        reply = Reply(Outcome.JUDGED, read_verdict(_text(completion)))
    except VerdictError as error:
        reply = Reply(Outcome.INVALID, error=str(error))
    return replace(reply, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


def _text(completion: _Completion) -> str:
    if not completion.choices:
        raise VerdictError("the answer holds no choice")
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise VerdictError("the model refused to judge")
    if choice.finish_reason == "length":
        raise VerdictError("the answer is cut off")
    if not choice.message.content:
        raise VerdictError("the answer is empty")
    return choice.message.content
