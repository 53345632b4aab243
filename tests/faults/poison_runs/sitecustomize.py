"""Has the runs of two agents end the worker that scores them; first on its PYTHONPATH.

Those of `killer` end their process at once. Those of `blocker` never return from C code that keeps the
interpreter's lock, so that no signal is handled; a task's time limit is four seconds, to see it end, less
than scoring a run may take.
"""

import ctypes
import os
import signal

import app.broker
from app.scoring import scorers
from app.tasks import pacing

app.broker.REDELIVERY_SECONDS = 34
score = scorers.score


def _poisoned(run, history=()):
    if run.agent_id == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    if run.agent_id == "blocker":
        ctypes.PyDLL(None).pause()
    return score(run, history)


scorers.score = _poisoned
pacing.others_seconds = lambda: None
