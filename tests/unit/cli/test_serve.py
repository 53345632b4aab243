"""When an API process that has lost the one it is a copy of ends."""

import multiprocessing
import os
import signal
from unittest.mock import Mock

import psutil
import pytest

from app.cli import serve

NOT_OUR_PARENT = -1


def test_a_process_that_is_replaced_serves_on_while_its_replacement_starts_and_then_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(serve.time, "monotonic", lambda: float(len(looks)))
    monkeypatch.setattr(serve.time, "sleep", looks.append)
    kill = Mock()
    monkeypatch.setattr(os, "kill", kill)
    serve._end_after(Mock(spec=multiprocessing.Process), psutil.Process(), NOT_OUR_PARENT)
    assert len(looks) == serve._HEALTHCHECK_SECONDS
    kill.assert_called_once_with(os.getpid(), signal.SIGTERM)
