"""A time stamp authority of a test: OpenSSL, with a certificate that it has signed itself."""

import subprocess
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
x509_extensions = of_the_authority
[name]
CN = Time Stamp Authority of a test
[of_the_authority]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = authority
[authority]
serial = {0}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
"""


def openssl(*arguments: str | Path, directory: Path) -> str:
    """Run OpenSSL there; returns what it printed."""
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class StampingAuthority:
    """Keeps its key and certificate (`certificate.pem`) in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "tsa.cnf").write_text(_CONFIG.format(directory))
        (directory / "serial").write_text("01\n")
        request = ("req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "tsa.cnf")
        openssl(*request, "-keyout", "key.pem", "-out", "certificate.pem", directory=directory)

    def answer(self, query: bytes) -> bytes:
        """The answer to a query, both in DER."""
        (self._directory / "query").write_bytes(query)
        reply = ("ts", "-reply", "-config", "tsa.cnf", "-section", "authority", "-queryfile", "query")
        signed = ("-inkey", "key.pem", "-signer", "certificate.pem", "-out", "answer")
        openssl(*reply, *signed, directory=self._directory)
        return (self._directory / "answer").read_bytes()
