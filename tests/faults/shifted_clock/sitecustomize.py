"""Shifts the clock of a Python process by RUNLOG_TEST_CLOCK_SHIFT seconds; first on its PYTHONPATH.

The methods of datetime are replaced in the class itself, which Python alone does not allow: a
subclass in its place would be another type to all that looks at annotations.
"""

import ctypes
import gc
import os
import time
from datetime import UTC, date, datetime, timedelta

SHIFT = float(os.environ["RUNLOG_TEST_CLOCK_SHIFT"])

_time, _time_ns, _now = time.time, time.time_ns, datetime.now


def _shifted_now(cls, tz=None):
    return _now(tz) + timedelta(seconds=SHIFT)


def _shifted_utcnow(cls):
    return _now(UTC).replace(tzinfo=None) + timedelta(seconds=SHIFT)


def _replace(kind, **methods):
    (attributes,) = gc.get_referents(kind.__dict__)
    for name, method in methods.items():
        attributes[name] = classmethod(method)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


time.time = lambda: _time() + SHIFT
time.time_ns = lambda: _time_ns() + int(SHIFT * 1e9)
_replace(datetime, now=_shifted_now, utcnow=_shifted_utcnow, today=lambda cls: _shifted_now(cls))
_replace(date, today=lambda cls: _shifted_now(cls).date())
