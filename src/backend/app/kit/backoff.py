"""How long to wait before what failed is tried again: one kind of schedule for every retry of the product.

Exponential, with a cap, and spread at random, so that what failed together is not tried together again
(M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delay after each further failure; the last one is repeated.

    `spread` holds the factors of a delay at chance 0 and at chance 1.
    """

    delays: tuple[timedelta, ...]
    spread: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def exponential(
        cls,
        first: timedelta,
        longest: timedelta,
        *,
        growth: int = 2,
        spread: tuple[float, float] = (1.0, 1.0),
    ) -> Self:
        """A first delay, each further one `growth` times as long, up to `longest`."""
        delays = [first]
        while delays[-1] < longest:
            delays.append(min(delays[-1] * growth, longest))
        return cls(tuple(delays), spread)

    def delay(self, failures: int, chance: float = 0.0) -> timedelta:
        """How long to wait after so many failures, 1 or more; `chance` is a random number from 0 to 1."""
        low, high = self.spread
        return self.delays[min(failures, len(self.delays)) - 1] * (low + (high - low) * chance)
