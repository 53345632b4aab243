"""One POST by the standard library, whose import takes a fraction of an HTTP client's."""

import os
import ssl
import urllib.request
from base64 import b64encode
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit

# What RFC 3986 lets stand in a path, and what is quoted already.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"


class Answer(NamedTuple):
    """What a server answered: its status, that status in words, and the body."""

    status: int
    reason: str
    body: bytes


def post_json(url: str, body: bytes, timeout: float) -> Answer:
    """Send `body` to `url` and return the answer, of any status; redirects are not followed.

    `timeout` is in seconds, for connecting and for each read and write. The environment names proxies
    (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`);
    a user in the URL is sent as Basic authentication (RFC 7617).
    Raises `OSError`, `http.client.HTTPException`, or `ValueError` where `url` is none.
    """
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("Request URL is missing an 'http://' or 'https://' protocol.")
    headers = {"Content-Type": "application/json", "User-Agent": "runlog"}
    if userinfo:
        headers["Authorization"] = f"Basic {b64encode(unquote(userinfo).encode()).decode()}"
    target = parts._replace(netloc=host, path=quote(parts.path, safe=_PATH_CHARACTERS)).geturl()
    request = urllib.request.Request(target, body, headers)  # noqa: S310  # the scheme is checked above
    try:
        with _opener(parts.scheme).open(request, timeout=timeout) as response:
            return Answer(response.status, response.reason, response.read())
    except URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(error.reason) from error


def _opener(scheme: str) -> urllib.request.OpenerDirector:
    """Opens a URL of `scheme`. Without urllib's processors an answer of any status is returned as it is."""
    proxies = urllib.request.getproxies()
    if "all" in proxies:
        proxies.setdefault(scheme, proxies["all"])
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(urllib.request.HTTPHandler())
    if scheme == "https":
        opener.add_handler(urllib.request.HTTPSHandler(context=_certificates()))
    return opener


def _certificates() -> ssl.SSLContext:
    """Trust the authorities that the environment names, else certifi's: some builds of Python know none."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
