"""The tuned values of a calibration module, each to be set for a while wherever it was imported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Constant:
    """A tuned number: a name of a calibration module, or an entry of a mapping of that name."""

    calibration: ModuleType
    name: str
    entry: str | None = None

    @property
    def value(self) -> float:
        """What it is now."""
        found = getattr(self.calibration, self.name)
        return found if self.entry is None else found[self.entry]

    def __str__(self) -> str:
        return self.name if self.entry is None else f"{self.name}.{self.entry}"

    @contextmanager
    def set_to(self, value: float) -> Iterator[None]:
        """Let the constant be `value` meanwhile, also where it was imported by name."""
        before = getattr(self.calibration, self.name)
        if self.entry is not None:
            kept = before[self.entry]
            before[self.entry] = value
            try:
                yield
            finally:
                before[self.entry] = kept
            return
        package = ".".join(self.calibration.__name__.split(".")[:2])  # the room
        users = [module for name, module in sys.modules.items() if name.startswith(package)]
        users = [module for module in users if vars(module).get(self.name) is before]
        for module in users:
            setattr(module, self.name, value)
        try:
            yield
        finally:
            for module in users:
                setattr(module, self.name, before)


def constants(calibration: ModuleType) -> list[Constant]:
    """Every number of a calibration module, in its order."""
    found = []
    for name, value in vars(calibration).items():
        if name.isupper() and isinstance(value, dict):
            found += [Constant(calibration, name, entry) for entry in value]
        elif name.isupper() and isinstance(value, int | float):
            found.append(Constant(calibration, name))
    return found
