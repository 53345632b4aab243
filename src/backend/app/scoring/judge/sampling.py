"""Which runs are judged where only a share of them is: the same ones in every process, at any time."""

import hashlib
from uuid import UUID

_BITS = 64  # of a digest that are compared: shares are exact to 2^-64
_ABOVE_EVERY_DIGEST = b"\xff" * (hashlib.sha256().digest_size + 1)


def threshold(share: float) -> bytes:
    """The SHA-256 digests of ids below this belong to the `share` (0..1) of runs that are judged.

    Compared byte by byte, as Python compares `bytes` and PostgreSQL `bytea`.
    """
    part = int(share * 2**_BITS)
    return part.to_bytes(_BITS // 8) if part < 2**_BITS else _ABOVE_EVERY_DIGEST


def is_sampled(run_id: UUID, share: float) -> bool:
    """Whether the run is one of the `share` (0..1) that is judged. A larger share contains a smaller one."""
    return hashlib.sha256(run_id.bytes).digest() < threshold(share)
