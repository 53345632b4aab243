"""A model provider that does as the prompt says, by the protocol of streamed chat completions.

A word in the prompt chooses what it does, so that one serves all jobs: STUB-TEXT, STUB-SILENT, STUB-FAIL,
STUB-HANG, STUB-EXIT and STUB-CURL.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "stub-1"
SUMMARY = "Checked 3 feeds; wrote 2 summaries to notes/today.md; 1 feed was unreachable."
OWN_SUMMARY = "Migrated the billing schema"


class StubModel:
    """A running provider: where it is, and how many requests hang."""

    def __init__(self) -> None:
        self.hanging = 0
        self.ended = threading.Event()
        model = self

        class Handler(_Handler):
            stub = model

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it, and the requests that hang."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving_model() -> Iterator[StubModel]:
    """A provider that runs until the block ends."""
    model = StubModel()
    try:
        yield model
    finally:
        model.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: StubModel

    def do_POST(self) -> None:
        messages = json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))).get("messages", [])
        asked = json.dumps([message for message in messages if message.get("role") == "user"])
        found = re.search(r"STUB-[A-Z]+", asked)
        behaviour = found[0] if found else "STUB-TEXT"
        has_run = any(message.get("role") == "tool" for message in messages)
        if behaviour == "STUB-HANG":
            self.stub.hanging += 1
            self.stub.ended.wait()
            self.close_connection = True
        elif behaviour == "STUB-FAIL":
            self._send(400, "application/json", json.dumps({"error": {"message": "model refused"}}))
        elif behaviour in ("STUB-EXIT", "STUB-CURL") and not has_run:
            self._stream(_call("echo partial; exit 3" if behaviour == "STUB-EXIT" else _own_report(asked)))
        else:
            self._stream(_text("NO_REPLY" if behaviour == "STUB-SILENT" else SUMMARY))

    def _stream(self, chunks: list[dict[str, Any]]) -> None:
        self._send(
            200,
            "text/event-stream",
            "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n",
        )

    def _send(self, status: int, content_type: str, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _own_report(asked: str) -> str:
    """What an agent runs to report itself: to the address in its environment, else in the prompt."""
    found = re.search(r"STUB-CURL for (\S+) at (http://[0-9.:]+)", asked)
    agent, url = found.groups() if found else ("", "")
    body = (
        f'{{\\"agent_id\\": \\"${{RUNLOG_AGENT_ID:-{agent}}}\\", ${{RUNLOG_RUN_KEY:+\\"run_key\\": '
        '\\"$RUNLOG_RUN_KEY\\",} \\"status\\": \\"success\\", '
        f'\\"actions_taken\\": {{\\"summary\\": \\"{OWN_SUMMARY}\\", \\"tables\\": 3}}}}'
    )
    target = f'"${{RUNLOG_URL:-{url}}}/api/v1/internal/agent-run-log"'
    return f'curl -fsS -X POST {target} -H "Content-Type: application/json" -d "{body}"'


def _text(text: str) -> list[dict[str, Any]]:
    return [_chunk({"role": "assistant", "content": text}), _chunk({}, "stop"), _usage()]


def _call(command: str) -> list[dict[str, Any]]:
    function = {"name": "exec", "arguments": json.dumps({"command": command})}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return [_chunk({"role": "assistant", "tool_calls": [call]}), _chunk({}, "tool_calls"), _usage()]


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "stub",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": MODEL,
        "choices": [choice],
    }


def _usage() -> dict[str, Any]:
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
    return {**_chunk({}), "choices": [], "usage": usage}
