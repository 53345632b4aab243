"""Sending one report by HTTP, within a time that nothing prolongs."""

import os
import threading

import httpx

from agent_run_log._answers import Outcome, Verdict, answered, unanswered
from agent_run_log._entry import Entry
from agent_run_log._settings import Target

PATH = "/api/v1/internal/agent-run-log"

_lock = threading.Lock()
_clients: dict[bool, httpx.Client] = {}


def _forget() -> None:
    """A child that was forked must not write into its parent's connections."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_forget)


def post(entry: Entry, target: Target, seconds: float) -> Outcome:
    """Send a report once; what became of it, after `seconds` at most.

    httpx bounds each step of a request, but neither their sum nor the look-up of a name: so a thread of its
    own sends it, and is not waited for any longer. What it has sent then is harmless: the run key is the
    same.
    """
    outcomes: list[Outcome] = []
    done = threading.Event()

    def work() -> None:
        try:
            outcomes.append(_post(entry, target, seconds))
        finally:
            done.set()

    try:
        threading.Thread(target=work, name="agent-run-log-post", daemon=True).start()
    except RuntimeError:  # the interpreter is about to end, or the system has no more threads
        return _post(entry, target, seconds)
    if not done.wait(seconds):
        return unanswered(TimeoutError(f"no answer within {seconds:.1f} seconds"))
    return outcomes[0] if outcomes else Outcome(Verdict.UNEXPECTED, "sending failed: see the traceback")


def _post(entry: Entry, target: Target, seconds: float) -> Outcome:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": entry.run_key,
        "User-Agent": "agent-run-log-client",
    }
    if token := target.token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        url = httpx.URL(target.url + PATH)
        client = _client(is_secure=url.scheme == "https")
        response = client.post(url, content=entry.body, headers=headers, timeout=seconds)
    except httpx.TransportError as error:
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return Outcome(Verdict.UNEXPECTED, f"{target.url} cannot be used: {error}")
        return unanswered(error)
    except (httpx.InvalidURL, httpx.DecodingError, UnicodeError, ValueError, OSError) as error:
        return Outcome(Verdict.UNEXPECTED, f"{target.url} cannot be used: {error}")
    return answered(response.status_code, response.headers, response.content)


def _client(*, is_secure: bool) -> httpx.Client:
    """The client of this process: it keeps connections, and loads certificates only for TLS."""
    with _lock:
        if is_secure not in _clients:
            _clients[is_secure] = httpx.Client(verify=is_secure, follow_redirects=False)
        return _clients[is_secure]
