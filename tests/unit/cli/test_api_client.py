"""What a command says of a server that does not answer as ours does, and what it sends to one."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from app.cli.api_client import HttpApi, path_of
from app.errors import InvalidRequestError, NotFoundError, RunLogError, ServerError, ServerUnavailableError
from support.local_http import QuietHandler, serving_requests
from support.processes import free_port


class Asked(NamedTuple):
    """A request as it came."""

    line: str
    authorization: str | None
    body: bytes


class Answering:
    """A server that answers every request with the same, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 200
        self.headers = {"Content-Type": "application/json"}
        self.body = b"{}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """A server at `RUNLOG_URL`, below a path."""
    answering, port = Answering(), free_port()

    class Handler(QuietHandler):
        def handle_any(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            answering.asked.append(
                Asked(self.requestline, self.headers["Authorization"], self.rfile.read(length))
            )
            self.send_response(answering.status)
            for header in answering.headers.items():
                self.send_header(*header)
            self.send_header("Content-Length", str(len(answering.body)))
            self.end_headers()
            self.wfile.write(answering.body)

        do_GET = do_POST = handle_any  # noqa: N815  # as the base class looks for them

    monkeypatch.setenv("RUNLOG_URL", f"http://127.0.0.1:{port}/log/")
    with serving_requests(Handler, port, lambda: None):
        yield answering


def test_a_request_goes_below_the_path_of_the_url_with_its_token(
    server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_TOKEN", "s3cret")
    server.body = b'{"runs": []}'
    query = {"agent_id": "a/b & c", "status": None, "limit": 5}
    assert HttpApi().request("GET", path_of("agents", "a/b c?"), query=query) == b'{"runs": []}'
    HttpApi().request("POST", path_of("agents"), body={"name": "größe"})
    got, posted = server.asked
    path = "/log/api/v1/internal/agents"
    assert got.line == f"GET {path}/a%2Fb%20c%3F?agent_id=a%2Fb+%26+c&limit=5 HTTP/1.1"
    assert (posted.line, json.loads(posted.body)) == (f"POST {path} HTTP/1.1", {"name": "größe"})
    assert got.authorization == posted.authorization == "Bearer s3cret"


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {"detail": "token"}, ServerError, "asks for a token: set RUNLOG_TOKEN"),
        (403, {"detail": "another origin"}, ServerError, "answered 403: another origin"),
        (404, {"detail": "there is no run with this id"}, NotFoundError, "there is no run with this id"),
        (404, {"detail": "Not Found"}, ServerError, "it is an older version, "),
        (405, {"detail": "Method Not Allowed"}, ServerError, "it is an older version, "),
        (422, {"detail": [{"loc": ["body", "role"], "msg": "no"}]}, InvalidRequestError, "^role: no$"),
        (422, {"detail": "odd"}, InvalidRequestError, "^odd$"),
        (503, {"detail": "the database is away"}, ServerUnavailableError, "the database is away"),
        (599, {"detail": []}, ServerError, "answered 599"),
    ],
)
def test_a_refusal_is_one_sentence(
    server: Answering, status: int, body: object, error: type[RunLogError], words: str
) -> None:
    server.status, server.body = status, json.dumps(body).encode()
    with pytest.raises(error, match=words) as raised:
        HttpApi().request("GET", path_of("agents"))
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (200, {"Content-Type": "text/html"}, "is no Agent Run Log: it answered 200 with text/html"),
        (404, {"Content-Type": "text/plain"}, "is no Agent Run Log: it answered 404 with text/plain"),
        (308, {"Location": "https://log.example.com/"}, "leads to https://log.example.com/: set RUNLOG_URL"),
        (502, {"Content-Type": "text/html"}, "answered 502: Bad Gateway"),
    ],
)
def test_what_is_not_our_server_is_called_so(
    server: Answering, status: int, headers: dict[str, str], words: str
) -> None:
    server.status, server.headers, server.body = status, headers, b"<html>"
    with pytest.raises(ServerError, match=words):
        HttpApi().request("GET", path_of("agents"))


def test_a_token_that_is_not_taken_is_told_apart_from_none(
    server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_TOKEN", "wrong")
    server.status = 401
    with pytest.raises(ServerError, match="does not take this token"):
        HttpApi().request("GET", path_of("agents"))


@pytest.mark.parametrize("url", ["nonsense", "http://[", "http://127.0.0.1:{}"])
def test_a_server_that_is_not_there_is_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_URL", url.format(free_port()))
    with pytest.raises(ServerError) as raised:
        HttpApi().request("GET", path_of("agents"))
    assert "\n" not in str(raised.value)


def test_what_a_shell_passes_on_that_is_no_text_is_refused(server: Answering) -> None:
    with pytest.raises(RunLogError, match="not valid UTF-8"):
        HttpApi().request("POST", path_of("agents"), body={"role": "\udcff"})
    with pytest.raises(RunLogError, match="not valid UTF-8"):
        HttpApi().request("GET", path_of("agents", "\udcff"))
    assert server.asked == []
