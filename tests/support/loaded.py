"""What a command loads, as it writes down itself when it ends."""

import json
import sys
from pathlib import Path

RECORD = "LOADED"
"""The environment variable with the path of the file that takes the names."""

_CODE = f"""
import atexit, json, os, pathlib, sys, sysconfig

def record():
    site = pathlib.Path(sysconfig.get_path("purelib"))
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    loaded = {{path.relative_to(site).parts[0] for path in map(pathlib.Path, filter(None, files))
              if path.is_relative_to(site)}}
    own = [name for name in sys.modules if name.startswith("app.")]
    pathlib.Path(os.environ["{RECORD}"]).write_text(json.dumps({{"packages": sorted(loaded), "own": own}}))

atexit.register(record)
sys.argv[0] = "runlog"
from app.cli.main import main
main()
"""
# Python itself loads it, for a .pth file of the environment.
_PYTHON = {"_distutils_hack"}


def recording(*arguments: str) -> list[str]:
    """The command that is `runlog ARGUMENTS` and writes down what it loaded."""
    return [sys.executable, "-c", _CODE, *arguments]


def loaded(record: Path) -> set[str]:
    """The top-level packages that were written down, or files of modules outside any."""
    return set(json.loads(record.read_text(encoding="utf-8"))["packages"]) - _PYTHON


def own_modules(record: Path) -> set[str]:
    """The modules of the product that were written down."""
    return set(json.loads(record.read_text(encoding="utf-8"))["own"])
