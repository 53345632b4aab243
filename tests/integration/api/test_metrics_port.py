"""The public face has no `/metrics` of its own: Prometheus asks another port."""

from pathlib import Path

import httpx

from support.processes import free_port, serving


def test_prometheus_reads_the_public_face_by_a_port_of_its_own(database: str, tmp_path: Path) -> None:
    port = free_port()
    options = ("--expose", "public", "--metrics-port", str(port))
    with serving(*options, env={}, log=tmp_path / "serve.log", workers=2) as url:
        assert httpx.get(f"{url}/metrics").status_code == 404
        assert "# TYPE runlog_replica_lag_seconds gauge" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
