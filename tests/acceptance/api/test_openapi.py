"""The server keeps to its own OpenAPI document, whatever is sent to it."""

import subprocess
import sys
from pathlib import Path

from conftest import Servers
from support.processes import serving

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli")


def test_the_server_keeps_to_its_openapi_document(database: str, servers: Servers, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    env = {"DATABASE_URL": database, "CELERY_BROKER_URL": servers.broker_url}
    with serving(env=env, log=log) as url:
        checked = subprocess.run(
            [
                *SCHEMATHESIS,
                *("--config-file", str(CONFIG)),
                *("run", f"{url}/openapi.json", "--max-examples", "3", "--seed", "1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert checked.returncode == 0, checked.stdout[-8000:]
    assert "Traceback" not in log.read_text()
