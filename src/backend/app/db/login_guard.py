"""An end to a connection to what is no PostgreSQL server, whatever that answers.

asyncpg reads a message whose type is NUL for ever and never gives its thread back, so that no time-out ends
it. A server of something else at the address of the database would stop a whole process.
"""

from typing import Any

import asyncpg

_HEADER = 5  # bytes: a message's type, and its length without the type
_LARGEST = 65_536  # bytes of one message; libpq takes errors of 30,000 before a login and parameters of less
# What a server may send before it is ready (PostgreSQL documentation, "Message Formats"): authentication,
# parameters, the key to cancel by, errors, notices, notifications, the version it speaks, ready for query.
_OF_A_LOGIN = frozenset(b"RSKENAvZ")
_READY = ord("Z")
_NO_DATABASE = "its address answers, but not in PostgreSQL's protocol"
_ERROR_FIELDS = ("SFATAL", "VFATAL", "C08P01", f"M{_NO_DATABASE}", "")  # 08P01 is a protocol violation


class _GuardedProtocol(asyncpg.protocol.Protocol):  # type: ignore[misc]  # asyncpg has no type for it
    """asyncpg's end of a connection. Until the server is ready, it gets whole messages of a login alone.

    The first message that is none is replaced by an error, which ends the attempt to connect.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._is_ready = self._is_refused = False
        self._begun = b""

    def data_received(self, data: bytes) -> None:
        """What the transport calls with all that comes."""
        if self._is_ready:
            super().data_received(data)
        elif not self._is_refused:
            self._pass_login(self._begun + data)

    def _pass_login(self, data: bytes) -> None:
        place = 0
        while place < len(data) and not self._is_ready:
            size = 1 + int.from_bytes(data[place + 1 : place + _HEADER])
            is_begun = len(data) - place < _HEADER
            if data[place] not in _OF_A_LOGIN or not (is_begun or _HEADER <= size <= _LARGEST):
                self._is_refused = True
                super().data_received(_error())
                return
            if is_begun or len(data) - place < size:
                break
            super().data_received(data[place : place + size])
            self._is_ready = data[place] == _READY
            place += size
        self._begun = b"" if self._is_ready else data[place:]
        if self._is_ready and place < len(data):
            super().data_received(data[place:])


def _error() -> bytes:
    body = b"".join(field.encode() + b"\0" for field in _ERROR_FIELDS)
    return b"E" + (len(body) + _HEADER - 1).to_bytes(4) + body


def guard_logins() -> None:
    """Have all of asyncpg's connections guarded: it takes no protocol as an argument."""
    asyncpg.protocol.Protocol = _GuardedProtocol
