"""A process that reports runs by the Python client and writes a line for each when `report_run` returns.

Arguments: the file of lines, the name of the process, how many runs, seconds to wait for the server.
"""

import json
import os
import random
import sys
import time
from typing import NamedTuple

AGENTS = ("sage", "nova", "atlas")


class Returned(NamedTuple):
    """A run that `report_run` returned for, and when it was called and returned, on the monotonic clock."""

    agent: str
    run: str
    state: str
    called: float
    returned: float


def main(path: str, name: str, count: int, seconds: float) -> None:
    """Report so many runs of the agents in turn."""
    from agent_run_log import report_run

    lines = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in range(count):
        agent, run = AGENTS[number % len(AGENTS)], f"{name} {number}"
        called = time.monotonic()
        report = report_run(agent, "success", {"summary": run}, timeout=seconds)
        returned = Returned(agent, run, report.state.value, called, time.monotonic())
        os.write(lines, json.dumps(returned).encode() + b"\n")
        time.sleep(random.uniform(0, 0.05))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
