"""Clients that say more than a plain one: their headers change nothing of what is read and recorded."""

import gzip
import json
import socket
import zlib
from email.utils import parsedate_to_datetime

import httpx
import pytest

from support.processes import serving
from support.wire import ENDPOINT, RUN, answers, connect, request

JSON = {"Content-Type": "application/json"}
NEVER_LOGGED = ("invalid_http_request",)
UPGRADES = (
    (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk"),
    (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: eHg="),
    (b"Connection: keep-alive, upgrade", b"Upgrade: TLS/1.0, h2c"),
    (b"Upgrade: h2c", b"Connection: upgrade", b"Connection: http2-settings"),
    (b"Upgrade: h2c",),
    (b"Connection: Upgrade",),
    (b"Connection: x-odd, keep-alive",),
    (b"Connection:",),
    (b"TE: trailers", b"Connection: TE"),
)


def recorded(url: str, agent: str) -> int:
    """How many runs of an agent there are."""
    return len(httpx.get(f"{url}{ENDPOINT}", params={"agent_id": agent, "limit": 1000}).json()["runs"])


def run_of(agent: str) -> bytes:
    """A report of that agent."""
    return RUN.replace(b"sage", agent.encode())


@pytest.mark.parametrize("headers", UPGRADES, ids=lambda headers: b" ".join(headers).decode())
@pytest.mark.parametrize("pieces", [1, 30])
def test_an_upgrade_is_ignored_and_the_body_is_read(
    server: str, headers: tuple[bytes, ...], pieces: int
) -> None:
    agent = f"upgrade-{pieces}-{UPGRADES.index(headers)}"
    whole = request(run_of(agent), *headers) * 3 + request(run_of(agent))
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = -(-len(whole) // pieces)
        for start in range(0, len(whole), size):
            connection.sendall(whole[start : start + size])
        assert [b" 204 " in head for head in answers(connection, 4)] == [True] * 4
    assert recorded(server, agent) == 4


def test_an_upgrade_without_a_body_leaves_the_connection_usable(server: str) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(ask + ask + request(RUN, b"Connection: close"))
        received = connection.makefile("rb").read()
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b"HTTP/1.1 204 ") == 1


def test_trailers_are_no_headers(server: str) -> None:
    body = run_of("trailing")
    head = request(b"", b"Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    chunks = b"5\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\n" % (body[:5], len(body) - 5, body[5:])
    trailers = b"Idempotency-Key: not visible\r\nContent-Encoding: br\r\nContent-Type: text/plain\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + chunks + trailers)
        assert b" 204 " in answers(connection, 1)[0]
    assert recorded(server, "trailing") == 1


@pytest.mark.parametrize("target", ["localhost:443", "/api/v1/internal/agent-run-log"])
def test_this_is_no_proxy(database: str, target: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("server") / "serve.log"
    with serving(env={"DATABASE_URL": database}, log=log) as url, connect(url) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("ordinary", [False, True])
def test_who_stops_sending_after_whole_reports_gets_every_answer(server: str, ordinary: bool) -> None:
    agent = f"half-closed-{ordinary}"
    headers = (b"Origin: http://localhost",) if ordinary else ()
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(request(run_of(agent), *headers) * 2)
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read().count(b"HTTP/1.1 204 ") == 2
    assert recorded(server, agent) == 40


def test_who_stops_sending_within_a_report_is_let_go(server: str) -> None:
    for whole in (request(run_of("half"), length=500), request(run_of("half"), b"Origin: null", length=500)):
        with connect(server) as connection:
            connection.sendall(whole)
            connection.shutdown(socket.SHUT_WR)
            connection.makefile("rb").read()
    assert recorded(server, "half") == 0


ENCODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "identity, gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_coded_body_is_decoded(server: str, encoding: str) -> None:
    agent = f"coded-{encoding}-body"
    coded = ENCODINGS[encoding](run_of(agent))
    for content in (coded, iter([coded[:9], coded[9:]])):
        answer = httpx.post(
            f"{server}{ENDPOINT}", content=content, headers={**JSON, "Content-Encoding": encoding}
        )
        assert answer.status_code == 204
    assert recorded(server, agent) == 2


def test_a_body_of_several_members_is_one_body(server: str) -> None:
    body = run_of("members")
    coded = gzip.compress(body[:20]) + gzip.compress(b"") + gzip.compress(body[20:])
    answer = httpx.post(f"{server}{ENDPOINT}", content=coded, headers={**JSON, "Content-Encoding": "gzip"})
    assert (answer.status_code, recorded(server, "members")) == (204, 1)


PATHS = {
    ENDPOINT: ("POST", {"agent_id": "sage", "status": "success"}),
    "/api/v1/internal/peer-swarm/heartbeat": ("POST", {"agent_id": "sage"}),
    "/api/v1/internal/agent-cloud/tasks": ("POST", {"task_id": "t", "status": "completed"}),
    "/api/v1/internal/agents/sage": ("PUT", {"role": "Backend"}),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_body_may_be_coded(server: str, path: str) -> None:
    method, value = PATHS[path]
    whole = gzip.compress(json.dumps(value).encode())

    def send(content: bytes, encoding: str = "gzip") -> httpx.Response:
        return httpx.request(
            method, f"{server}{path}", content=content, headers={**JSON, "Content-Encoding": encoding}
        )

    assert send(whole).status_code == 204
    for bad in (whole[:-4], whole[:10], b"garbage", whole + b"garbage", json.dumps(value).encode()):
        answer = send(bad)
        assert answer.status_code == 422
        assert "gzip" in answer.json()["detail"][0]["msg"]
    for unknown in ("br", "zstd", "gzip, gzip", "compress"):
        answer = send(whole, unknown)
        assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, deflate, identity")
    bomb = gzip.compress(b" " * 50_000_000, 9)
    assert len(bomb) < 100_000
    assert send(bomb).status_code == 413
    assert send(b"", "gzip").status_code == 422


GETS = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    ENDPOINT,
    f"{ENDPOINT}/00000000-0000-4000-8000-000000000000",
    f"{ENDPOINT}?limit=0",
    "/api/v1/internal/agents",
    "/api/v1/internal/agents/who/else",
    "/api/v1/internal/agents/sage/feedback",
    "/api/v1/internal/audit/findings",
    "/api/v1/internal/alerts",
    "/api/v1/public/platform/intelligence",
    "/nowhere",
)
CHANGING = {"x-request-id", "date", "content-length"}  # of a page that says when it was made


@pytest.mark.parametrize("path", GETS)
def test_head_is_answered_as_get_is(server: str, path: str) -> None:
    with httpx.Client(base_url=server, timeout=60) as client:
        got, head, again = client.get(path), client.head(path), client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert "content-length" in head.headers
    assert set(head.headers) == set(got.headers)
    assert {k: v for k, v in head.headers.items() if k not in CHANGING} == {
        k: v for k, v in got.headers.items() if k not in CHANGING
    }
    assert again.status_code == got.status_code


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        (ENDPOINT, "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/internal/peer-swarm/heartbeat", "OPTIONS, POST"),
        ("/api/v1/internal/agents/a/b", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/api/v1/internal/agents/sage/feedback", "GET, HEAD, OPTIONS"),
        (f"{ENDPOINT}/00000000-0000-4000-8000-000000000000/feedback/a/b", "DELETE, OPTIONS"),
    ],
)
def test_options_and_405_name_the_methods_of_a_path(server: str, path: str, allowed: str) -> None:
    options = httpx.options(f"{server}{path}")
    assert (options.status_code, options.headers["Allow"], options.content) == (204, allowed, b"")
    wrong = httpx.request("TRACE", f"{server}{path}")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed)
    if "HEAD" not in allowed:
        assert httpx.head(f"{server}{path}").status_code == 405


def test_options_of_no_path_is_a_404(server: str) -> None:
    assert httpx.options(f"{server}/nowhere").status_code == 404


@pytest.mark.parametrize("face", ["all", "public"])
def test_every_answer_is_dated_and_says_how_to_take_it(
    database: str, face: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("server") / "serve.log"
    post = request(RUN)
    asked = {
        b"204": post,
        b"422": request(b"{}"),
        b"200": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"404": b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"405": b"PATCH /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"403": request(RUN, b"Origin: https://elsewhere.example"),
        b"400": b"no HTTP\r\n\r\n",
    }
    if face == "public":
        del asked[b"204"], asked[b"422"]
    with serving("--expose", face, env={"DATABASE_URL": database}, log=log) as url:
        for status, sent in asked.items():
            with connect(url) as connection:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                head = connection.makefile("rb").read().partition(b"\r\n\r\n")[0]
            first, *lines = head.decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines)
            assert first.split()[1] == status.decode()
            assert parsedate_to_datetime(fields["date"]).tzinfo is not None
            assert (fields["x-content-type-options"], fields["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("short", [True, False])
def test_a_name_of_another_site_is_refused_and_nothing_recorded(
    server: str, method: str, short: bool
) -> None:
    headers = {"Host": "evil.example:8000", "Content-Type": f"application/json{'' if short else ';'}"}
    answer = httpx.request(method, f"{server}{ENDPOINT}", content=run_of("rebound"), headers=headers)
    assert answer.status_code == 421
    assert "RUNLOG_ALLOWED_HOSTS" in answer.json()["detail"]
    assert "evil" not in answer.text
    assert recorded(server, "rebound") == 0


@pytest.mark.parametrize("header", [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")])
@pytest.mark.parametrize("path", PATHS)
def test_a_change_of_another_origin_is_refused_and_nothing_recorded(
    server: str, path: str, header: tuple[str, str]
) -> None:
    method, value = PATHS[path]
    value = {**value, "agent_id": "forged"}
    answer = httpx.request(method, f"{server}{path}", json=value, headers=dict([header]))
    assert answer.status_code == 403
    own = httpx.request(method, f"{server}{path}", json=PATHS[path][1], headers={"Origin": server})
    assert own.status_code == 204
    assert recorded(server, "forged") == 0


def test_a_server_that_is_open_says_so_and_a_missing_schema_is_named(
    empty_database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("server") / "serve.log"
    env = {"DATABASE_URL": empty_database, "RUNLOG_TOKEN": "token"}
    with serving("--host", "0.0.0.0", "--expose", "internal", env=env, log=log) as url:  # noqa: S104
        answer = httpx.post(f"{url}{ENDPOINT}", content=RUN, headers={**JSON, "Host": "runlog-internal:8000"})
        bearer = {"Authorization": "Bearer token"}
        paths = (ENDPOINT, "/api/v1/internal/agents")
        answers_ = [answer, *(httpx.get(url + path, headers=bearer) for path in paths)]
    for answer in answers_:
        assert answer.status_code == 503
        assert "runlog schema sync" in answer.json()["detail"]
    said = log.read_text(encoding="utf-8")
    assert "warning: other machines can reach this address" in said
    assert "table agent_run_log" in said
