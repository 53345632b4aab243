"""No public path reaches an internal route: neither through Kong nor past it."""

import json
import posixpath
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from support.processes import serving

KONG = yaml.safe_load((Path(__file__).parents[3] / "deploy/kong/kong.yml").read_text(encoding="utf-8"))
INTERNAL_PATHS = (
    "agent-run-log",
    "agent-run-log/9b2d4c1e-0000-4000-8000-000000000000",
    "peer-swarm/heartbeat",
    "agent-cloud/tasks",
    "agents",
    "audit/findings",
    "audit/now",
    "run-ids/9b2d4c1e",
    "alerts",
)
DISGUISES = (
    "/api/v1/internal/{}",
    "/api/v1//internal/{}",
    "//api/v1/internal/{}",
    "/api/v1/public/../internal/{}",
    "/api/v1/public/platform/intelligence/../../../internal/{}",
    "/api/v1/public/%2e%2e/internal/{}",
    "/api/v1/public/%2E%2E/internal/{}",
    "/api/v1/public/..%2finternal/{}",
    "/api/v1/public/..%2Finternal/{}",
    "/api/v1/public/%252e%252e/internal/{}",
    "/api/v1/public/..;/internal/{}",
    "/api/v1/public/platform/intelligence%2f..%2f..%2f..%2finternal%2f{}",
    "/api/v1/public/platform/intelligence;/../../../internal/{}",
    "/api/v1/%69nternal/{}",
    "/api/v1/./internal/{}",
    "/api%2fv1%2finternal%2f{}",
    "/api/v1/public\\..\\internal\\{}",
    "/API/V1/INTERNAL/{}",
    "/api/v1/internal/{}/",
    "/api/v1/public/platform/intelligence?/../../internal/{}",
    "/api/v1/public/platform/intelligence#/../../internal/{}",
    "/api/v1/public/platform/intelligence%00/../../../internal/{}",
)
PATHS = [disguise.format(path) for disguise in DISGUISES for path in INTERNAL_PATHS] + [
    "/metrics",
    "//metrics",
    "/api/v1/public/../../../metrics",
]
RUN = json.dumps({"agent_id": "intruder", "status": "success"}).encode()


def normalized(path: str) -> str:
    """As Kong normalizes a path before it matches: unreserved escapes, dot segments, slashes."""
    path = path.partition("?")[0].partition("#")[0]
    path = re.sub(
        r"%([0-9A-Fa-f]{2})",
        lambda escape: (
            chr(int(escape[1], 16))
            if re.fullmatch(r"[A-Za-z0-9\-._~]", chr(int(escape[1], 16)))
            else escape[0].upper()
        ),
        path,
    )
    plain = posixpath.normpath(re.sub(r"/+", "/", path))
    return plain + "/" if path.endswith("/") and plain != "/" else plain


def kong_service(method: str, host: str, path: str) -> str | None:
    """The service Kong routes a request to, by the rules of its declarative routes."""
    for service in KONG["services"]:
        for route in service["routes"]:
            hosts, methods = route.get("hosts"), route.get("methods")
            if (hosts is None or host in hosts) and (methods is None or method in methods):
                for pattern in route["paths"]:
                    is_regex = pattern.startswith("~")
                    if re.match(pattern[1:], path) if is_regex else path.startswith(pattern):
                        return str(service["name"])
    return None


def raw_status(base_url: str, method: str, target: str) -> int:
    """The status of one request whose target is sent as it is, which no client library does."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: runlog.example\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(RUN)}\r\n\r\n"
        )
        connection.sendall(head.encode() + RUN)
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


@pytest.fixture
def public_url(database: str, servers: Any, tmp_path: Path) -> Iterator[str]:
    env = {"DATABASE_URL": database, "CELERY_BROKER_URL": servers.broker_url}
    with serving("--expose", "public", env=env, log=tmp_path / "serve.log") as url:
        yield url


def test_the_public_server_has_no_internal_route(public_url: str, database: str) -> None:
    answers = {
        (method, path): raw_status(public_url, method, path)
        for method in ("GET", "POST", "PUT")
        for path in PATHS
    }
    # A "?" or "#" ends the path: what is left is the public page itself.
    public = {call for call in answers if re.match(r"/api/v1/public/platform/intelligence[?#]", call[1])}
    reached = {call: status for call, status in answers.items() if status < 400 and call not in public}
    assert not reached
    assert httpx.get(f"{public_url}/api/v1/public/platform/intelligence").json()["events"] == []
    paths = httpx.get(f"{public_url}/openapi.json").json()["paths"]
    health = {"/healthz", "/readyz", "/readyz/ingest", "/readyz/scoring"}
    log = {"/api/v1/public/log/checkpoint", "/api/v1/public/log/consistency"}
    assert set(paths) == health | log | {"/api/v1/public/platform/intelligence"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_kong_sends_no_public_path_to_the_internal_server(method: str) -> None:
    forms = {form for path in PATHS for form in (path, normalized(path))}
    services = {form: kong_service(method, "runlog.example", form) for form in forms}
    assert set(services.values()) <= {None, "runlog-public"}


def test_kong_routes_what_it_should() -> None:
    intelligence = "/api/v1/public/platform/intelligence"
    assert kong_service("GET", "runlog.example", intelligence) == "runlog-public"
    assert kong_service("POST", "runlog.internal", "/api/v1/internal/agent-run-log") == "runlog-internal"
    assert kong_service("POST", "runlog.example", "/api/v1/internal/agent-run-log") is None
    assert kong_service("POST", "runlog.internal", "/v1/traces") == "runlog-internal"
    assert kong_service("POST", "runlog.example", "/v1/traces") is None
    assert kong_service("GET", "runlog.internal", "/metrics") is None


def test_kong_lets_only_private_addresses_in() -> None:
    internal = next(service for service in KONG["services"] if service["name"] == "runlog-internal")
    plugin = next(plugin for plugin in internal["plugins"] if plugin["name"] == "ip-restriction")
    assert plugin["config"]["allow"]
    assert not {"0.0.0.0/0", "::/0"} & set(plugin["config"]["allow"])


@pytest.mark.parametrize(
    ("face", "internal", "public"),
    [("all", True, True), ("internal", True, False), ("public", False, True)],
)
def test_a_face_mounts_only_its_routes(face: str, internal: bool, public: bool) -> None:
    from app.config import Settings
    from app.main import create_app

    paths = create_app(Settings(expose=face)).openapi()["paths"]
    assert any(path.startswith("/api/v1/internal") for path in paths) is internal
    assert any(path.startswith("/api/v1/public") for path in paths) is public
    assert ("/v1/traces" in paths) is internal
    assert ("/metrics" in paths) is internal
