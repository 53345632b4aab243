"""What pages of other sites may make a browser do: nothing. Other clients are served as before."""

import pytest
from starlette.datastructures import Headers

from app.api.browser_guard import is_host_allowed, refusal
from app.kit.hosts import host_names, host_of


def status(method: str, bound: str | None = "127.0.0.1", allowed: str = "", **fields: str) -> int | None:
    """The status of the refusal of a request with these headers; None where it is served."""
    headers = Headers({name.replace("_", "-"): value for name, value in fields.items()})
    refused = refusal(method, headers, bound, allowed)
    return refused and refused.status


OWN = (
    "localhost",
    "LOCALHOST:8000",
    "127.0.0.1",
    "127.0.0.1:8000",
    "[::1]",
    "[::1]:80",
    "a.localhost",
    "10.1.2.3:9",
)
FOREIGN = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "x",
    "runlog",
)


@pytest.mark.parametrize("bound", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_a_name_that_is_not_its_own_is_refused(bound: str) -> None:
    assert {host: status("GET", bound, host=host) for host in OWN} == dict.fromkeys(OWN)
    assert {host: status("GET", bound, host=host) for host in FOREIGN} == dict.fromkeys(FOREIGN, 421)
    assert status("GET", bound) is None


@pytest.mark.parametrize(
    "host", ["a b", "evil.example@localhost", "localhost:80:80", "[::1", "a/b", "localhost:x"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    assert status("GET", host=host) == 421


def test_named_hosts_are_its_own_wherever_it_listens() -> None:
    allowed = "runlog.internal, Dash.Example."
    for bound in ("127.0.0.1", "0.0.0.0", "::"):  # noqa: S104  # as a setting, nothing listens
        assert status("GET", bound, allowed, host="runlog.internal:8000") is None
        assert status("GET", bound, allowed, host="dash.example") is None
        assert status("GET", bound, allowed, host="127.0.0.1:8000") is None
        assert status("GET", bound, allowed, host="evil.example") == 421


def test_elsewhere_any_name_may_be_its_own_until_some_are_named() -> None:
    assert status("GET", "0.0.0.0", host="runlog-internal:8000") is None  # noqa: S104
    assert is_host_allowed(b"myhost", "myhost", "other") is True


def test_two_hosts_are_refused() -> None:
    headers = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    refused = refusal("GET", headers, "127.0.0.1", "")
    assert refused is not None
    assert refused.status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("fields", "served"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://localhost:8000"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://runlog.internal"}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": "HTTP://LocalHost:8000"}, True),
        ({"origin": "http://localhost:3000"}, False),
        ({"origin": "http://localhost"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "chrome-extension://abc"}, False),
        ({"origin": "http://[bad"}, False),
        ({"origin": "https://runlog.internal", "x_forwarded_host": "runlog.internal"}, True),
        ({"origin": "https://runlog.internal", "x_forwarded_host": "a.example, runlog.internal:443"}, True),
        ({"origin": "https://evil.example", "x_forwarded_host": "runlog.internal"}, False),
        ({"origin": "https://own.example"}, True),
    ],
)
def test_a_change_that_another_origin_asks_for_is_refused(
    method: str, fields: dict[str, str], served: bool
) -> None:
    assert status(method, allowed="own.example", host="localhost:8000", **fields) == (None if served else 403)
    assert status("GET", allowed="own.example", host="localhost:8000", **fields) is None


def test_the_default_port_may_be_left_out() -> None:
    assert status("POST", host="127.0.0.1", origin="http://127.0.0.1:80") is None
    assert status("POST", host="127.0.0.1:443", origin="https://127.0.0.1") is None


def test_hosts_are_read_as_they_are_written() -> None:
    assert host_of("[FE80::1]:80") == "fe80::1"
    assert host_names(" a.example,[::1]\tB ") == {"a.example", "::1", "b"}
    for bad in ("http://a", "a:80", "a/b", "*"):
        with pytest.raises(ValueError, match="host names"):
            host_names(bad)
