"""The command line of the product with other values of constants in its calibration modules.

    .venv/bin/python benchmarks/tuned.py runs.OVERDUE_SECONDS=0.1 -- serve

The values hold in this process and in those it forks, not in further API processes of `serve --workers 2`.
"""

import sys
from ast import literal_eval
from collections.abc import Iterable
from importlib import import_module


def tune(settings: Iterable[str]) -> None:
    """Set constants, each given as ROOM.NAME=VALUE, before any module of the product has read them."""
    for setting in settings:
        name, _, value = setting.partition("=")
        room, _, constant = name.rpartition(".")
        calibration = import_module(f"app.{room}.calibration")
        if not hasattr(calibration, constant):
            raise SystemExit(f"app.{room}.calibration has no {constant}")
        setattr(calibration, constant, literal_eval(value))


if __name__ == "__main__":
    end = sys.argv.index("--")
    tune(sys.argv[1:end])
    sys.argv[1:] = sys.argv[end + 1 :]
    from app.cli.main import main

    main()
