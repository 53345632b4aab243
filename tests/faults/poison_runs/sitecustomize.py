"""Has the runs of two agents end the worker that scores them; first on its PYTHONPATH.

Those of `killer` end their process at once. Those of `blocker` never return from C code that keeps the
interpreter's lock, so that no signal is handled. A task's time limit passes then, and never before: on a busy
machine the runs beside it would reach a short one.
"""

import ctypes
import mmap
import os
import runpy
import signal
from pathlib import Path

from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import get_event_loop

from app.scoring import scorers
from app.tasks import celery_app

celery_app.REDELIVERY_SECONDS = 31  # a time limit of one second
score = scorers.score
end_task = AsynPool._on_hard_timeout
blocked = mmap.mmap(-1, 1)  # shared with the processes of the pool


def _poisoned(run, history=()):
    if run.agent_id == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    if run.agent_id == "blocker":
        blocked[0] = True
        ctypes.PyDLL(None).pause()
    return score(run, history)


def _end_once_blocked(pool, job):
    if blocked[0] or job not in pool._cache:
        blocked[0] = False
        end_task(pool, job)
    else:
        get_event_loop().call_later(0.1, _end_once_blocked, pool, job)


scorers.score = _poisoned
AsynPool._on_hard_timeout = _end_once_blocked
runpy.run_path(str(Path(__file__).parents[2] / "support/unhurried/sitecustomize.py"))
