"""Watching the requests of apprise's plugins, and no others."""

import threading

import pytest
import requests

from app.alerts.channels.http_watch import watching
from support.local_http import QuietHandler, serving_requests
from support.processes import free_port
from support.receiver import receiving


def test_outside_of_it_redirects_are_followed_as_ever() -> None:
    with receiving() as elsewhere, receiving() as receiver, watching(60):
        receiver.status, receiver.headers = 302, {"location": elsewhere.url}
        answers: list[requests.Response] = []
        # A thread has a context of its own.
        thread = threading.Thread(target=lambda: answers.append(requests.post(receiver.url, timeout=60)))
        thread.start()
        thread.join()
        assert [answer.status_code for answer in answers] == [204]
        with pytest.raises(requests.RequestException, match="HTTP 302"):
            requests.post(receiver.url, timeout=60)
    assert len(elsewhere.requests) == 1


@pytest.mark.parametrize("status", [200, 404, 500])
def test_an_answer_is_noted_and_can_still_be_read(status: int) -> None:
    with receiving() as receiver, watching(60) as watch:
        receiver.status, receiver.body, receiver.headers = status, b'{"ok": true}', {"Retry-After": "7"}
        answer = requests.post(receiver.url, timeout=60)
    assert (answer.status_code, answer.json(), answer.text) == (status, {"ok": True}, '{"ok": true}')
    [noted] = watch.answers
    assert (noted.status, noted.body, noted.headers["retry-after"]) == (status, b'{"ok": true}', "7")


def test_an_endless_answer_is_cut() -> None:
    class Endless(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65_536)
            except OSError:
                return

    port = free_port()
    with serving_requests(Endless, port, lambda: None), watching(60) as watch:
        answer = requests.post(f"http://127.0.0.1:{port}", data=b"", timeout=60)
    assert answer.status_code == 200
    assert len(answer.content) == len(watch.answers[0].body) < 2 * 1024 * 1024


def test_why_there_was_no_answer_is_noted_in_plain_words() -> None:
    port = free_port()
    with watching(60) as refused, pytest.raises(requests.ConnectionError):
        requests.post(f"http://127.0.0.1:{port}/s3cr3tpath", timeout=60)
    assert refused.failures == ["the connection failed: Connection refused"]
    with receiving() as receiver, watching(60) as silent:
        receiver.release.clear()
        with pytest.raises(requests.ReadTimeout):
            requests.post(receiver.url, timeout=(60, 0.1))
    assert silent.failures == ["no answer within 0.1 s"]
    with watching(60) as unnamed, pytest.raises(requests.ConnectionError):
        requests.post("http://nowhere.invalid/s3cr3tpath", timeout=60)
    [failure] = unnamed.failures
    assert failure.startswith("the connection failed: ")
    assert "nowhere" not in failure


def test_when_the_time_is_over_nothing_more_is_sent() -> None:
    with receiving() as receiver, watching(-1), pytest.raises(requests.Timeout):
        requests.post(receiver.url, timeout=60)
    assert receiver.requests == []
