"""An endpoint that judges as a test wants it to, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.local_http import QuietHandler, serving_requests
from support.processes import free_port

GOOD = {
    "overall": 0.42,
    "dimensions": {
        "progress": 0.5, "evidence": 0.4, "specificity": 0.4, "honesty": 0.5, "diagnosis": 1.0,
        "padding": 0.7, "repetition": 1.0, "gaming": 1.0, "risk": 1.0,
    },
    "reasons": ["It says what it did."],
}  # fmt: skip


def completion(content: Any, finish_reason: str = "stop", **message: Any) -> bytes:
    """The body of a chat completion whose message holds `content`: text, or an object as JSON."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": text, **message},
    }
    usage = {"prompt_tokens": 700, "completion_tokens": 60, "total_tokens": 760}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


@dataclass
class Answer:
    """What the endpoint answers; `pause` is how many seconds it lets pass between the bytes of its body."""

    body: bytes = completion(GOOD)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass
class Endpoint:
    """Answers as `decide` says, given the request's body, once `release` is set, which it is at first."""

    port: int
    decide: Callable[[dict[str, Any]], Answer] = lambda _: Answer()
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def answers(self, body: bytes = completion(GOOD), **how: Any) -> None:
        """Have it give one answer to everything."""
        answer = Answer(body, **how)
        self.decide = lambda _: answer

    def asked(self) -> list[str]:
        """What the user messages said, in the order they came in."""
        return [request["messages"][1]["content"] for request in self.requests]


@contextmanager
def judging() -> Iterator[Endpoint]:
    """A running endpoint."""
    endpoint = Endpoint(free_port())
    endpoint.release.set()
    over = threading.Event()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            endpoint.requests.append(body | {"path": self.path})
            endpoint.release.wait(60)
            answer = endpoint.decide(body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if not answer.pause:
                self.wfile.write(answer.body)
                return
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if over.wait(answer.pause):
                    return

    def let_go() -> None:
        endpoint.release.set()
        over.set()

    with serving_requests(Handler, endpoint.port, let_go):
        yield endpoint
