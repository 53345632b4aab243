"""One request by the standard library, whose import takes a fraction of an HTTP client's."""

import os
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit

# What RFC 3986 lets stand in a path, and what is quoted already.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: its status, that status in words, the body, and the headers."""

    status: int
    reason: str
    body: bytes
    headers: HTTPMessage = field(default_factory=HTTPMessage, compare=False)


class _Connection(HTTPConnection):
    """Reads the answer also where the server has closed before it took the whole body, such as a 413."""

    def send(self, data: Any) -> None:
        """Send `data`; where the other side has hung up, its answer or the end of it says why."""
        with suppress(BrokenPipeError, ConnectionResetError):
            super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same by TLS."""


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, request)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, certificates: ssl.SSLContext) -> None:
        super().__init__()
        self._certificates = certificates

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, request, context=self._certificates)


def post_json(url: str, body: bytes, timeout: float, headers: Mapping[str, str] | None = None) -> Answer:
    """`send` of a POST of JSON."""
    return send("POST", url, body, timeout, {"Content-Type": "application/json", **(headers or {})})


def send(method: str, url: str, body: bytes | None, timeout: float, headers: Mapping[str, str]) -> Answer:
    """Send one request to `url` and return the answer, of any status; redirects are not followed.

    `timeout` is in seconds, for connecting and for each read and write; `headers` go beside ours. The
    environment names proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) and certificates
    (`SSL_CERT_FILE`, `SSL_CERT_DIR`); a user in the URL is sent as Basic authentication (RFC 7617).
    Raises `OSError`, `http.client.HTTPException`, or `ValueError` where `url` is none.
    """
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("Request URL is missing an 'http://' or 'https://' protocol.")
    sent = {"User-Agent": "runlog", **headers}
    if userinfo:  # what a proxy before the server asks for comes before the server's own
        sent["Authorization"] = f"Basic {b64encode(unquote(userinfo).encode()).decode()}"
    target = parts._replace(netloc=host, path=quote(parts.path, safe=_PATH_CHARACTERS)).geturl()
    request = urllib.request.Request(target, body, sent, method=method)  # noqa: S310  # the scheme is checked above
    try:
        with _opener(parts.scheme).open(request, timeout=timeout) as response:
            return Answer(response.status, response.reason, response.read(), response.headers)
    except URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(error.reason) from error


def _opener(scheme: str) -> urllib.request.OpenerDirector:
    """Opens a URL of `scheme`. Without urllib's processors an answer of any status is returned as it is."""
    proxies = urllib.request.getproxies()
    if "all" in proxies:
        proxies.setdefault(scheme, proxies["all"])
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(_HTTPHandler())
    if scheme == "https":
        opener.add_handler(_HTTPSHandler(_certificates()))
    return opener


def _certificates() -> ssl.SSLContext:
    """Trust the authorities that the environment names, else certifi's: some builds of Python know none."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
