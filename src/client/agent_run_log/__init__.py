"""Report what a scheduled agent did to an Agent Run Log.

    from agent_run_log import report_run

    report_run("sage", "success", {"summary": "Rotated 3 log files"})

Nothing here raises into an agent's work. A report that the server cannot take now waits on disk, and is
delivered later, in order and once.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent_run_log._errors import AgentRunLogError, SpoolError, SpoolFullError
    from agent_run_log._reporting import areport_run, flush, report_run
    from agent_run_log._reports import Report, State, Status
    from agent_run_log._runs import current_run, recorded, run
    from agent_run_log._spool import Delivery

__all__ = [
    "AgentRunLogError",
    "Delivery",
    "Report",
    "SpoolError",
    "SpoolFullError",
    "State",
    "Status",
    "areport_run",
    "current_run",
    "flush",
    "recorded",
    "report_run",
    "run",
]

# Loaded when first used: the spool alone, which programs use by itself, takes a third of the time of all.
_MODULES = {
    "_errors": ("AgentRunLogError", "SpoolError", "SpoolFullError"),
    "_reporting": ("areport_run", "flush", "report_run"),
    "_reports": ("Report", "State", "Status"),
    "_runs": ("current_run", "recorded", "run"),
    "_spool": ("Delivery",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
