"""Request bodies that were compressed on their way (`Content-Encoding`, RFC 9110, 8.4)."""

import zlib
from collections.abc import AsyncIterator, Iterator

from fastapi import HTTPException

_GZIP, _ZLIB = 31, 15  # zlib's `wbits` for either format
_WINDOW_BITS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
ACCEPTED = "gzip, deflate, identity"


def too_large(limit: int) -> HTTPException:
    """A 413 for a body of more than `limit` bytes, as it came or decoded."""
    return HTTPException(413, f"the body is larger than {limit} bytes")


def _corrupt(reason: str) -> HTTPException:
    # An HTTPException, in the form of a validation error: FastAPI lets no other out of its reading a body.
    item = {"type": "content_encoding", "loc": ["header", "Content-Encoding"], "msg": reason}
    return HTTPException(422, [item])


async def decoded(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """The body's chunks without their coding, no more than `limit` bytes in all.

    What decodes to more is not decoded further, and refused with 413; an `encoding` that is not known, or
    several at once, with 415; what is not what its `encoding` says, with 422.
    """
    codings = [name for part in encoding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not codings:
        async for chunk in chunks:
            yield chunk
        return
    if len(codings) > 1 or codings[0] not in _WINDOW_BITS:
        reason = f"the Content-Encoding is not known: send one of {ACCEPTED}"
        raise HTTPException(415, reason, headers={"Accept-Encoding": ACCEPTED})
    decoder = _Decoder(codings[0], limit)
    async for chunk in chunks:
        for part in decoder.feed(chunk):
            yield part
    decoder.finish()


class _Decoder:
    """Decodes the members of a body one after the other, since a gzip body may have several."""

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._limit = limit
        self._left = limit
        self._member = self._begin()
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` decodes to."""
        while data:
            if self._member.eof:
                self._member = self._begin()
            self._is_empty = False
            try:
                part = self._member.decompress(data, self._left + 1)
            except zlib.error as error:
                raise _corrupt(f"the body is no valid {self._coding}") from error
            self._left -= len(part)
            if self._left < 0:
                raise too_large(self._limit)
            yield part
            data = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        """Refuse the body unless the last member is whole; a body of no bytes is one of no bytes."""
        if not (self._member.eof or self._is_empty):
            raise _corrupt(f"the {self._coding} body ends too early")

    def _begin(self) -> "zlib._Decompress":
        return zlib.decompressobj(_WINDOW_BITS[self._coding])
