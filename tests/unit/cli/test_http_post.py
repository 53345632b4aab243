"""One POST by the standard library, against a server that answers before it has read the request."""

import socket
import threading
from collections.abc import Iterator

import pytest

from app.cli.http_post import Answer, post_json

REFUSAL = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
BODY = b"x" * 8_000_000  # more than a connection's buffers hold


@pytest.fixture
def hasty_server() -> Iterator[str]:
    """Answers 413 after the first bytes of a request, and hangs up on the rest of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(REFUSAL)

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.join()


def test_a_server_that_hangs_up_on_the_body_has_its_answer_read(hasty_server: str) -> None:
    assert post_json(hasty_server, BODY, timeout=60) == Answer(413, "Content Too Large", b"no")
