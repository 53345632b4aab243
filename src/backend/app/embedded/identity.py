"""Who an embedded server runs as: PostgreSQL refuses to be root."""

import ctypes
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import RunLogError

CLONE_NEWUSER = 0x10000000
ACCOUNTS = ("postgres", "nobody")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """An account to become, or a user namespace in which root's files stay root's and root is nobody."""

    uid: int | None = None
    gid: int | None = None
    namespace_uid: int | None = None

    def popen(self) -> dict[str, Any]:
        """The arguments of `subprocess.Popen` that switch the account, which happens before `enter`."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def enter(self) -> None:
        """Enter the user namespace, if this is one; in the child, before exec. Raises `OSError`."""
        if self.namespace_uid is None:
            return
        uid, gid = os.geteuid(), os.getegid()
        if _libc.unshare(CLONE_NEWUSER) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        process = Path("/proc/self")
        (process / "setgroups").write_text("deny")
        (process / "uid_map").write_text(f"{self.namespace_uid} {uid} 1")
        (process / "gid_map").write_text(f"{self.namespace_uid} {gid} 1")

    def own(self, path: Path) -> None:
        """Give `path`, something of the server's own, to the account."""
        uid = os.geteuid() if self.uid is None else self.uid
        gid = os.getegid() if self.gid is None else self.gid
        os.chown(path, uid, gid)


SAME = Identity()


def unprivileged(directory: Path, data: Path, executable: Path) -> Identity:
    """Who is to run `executable` in `directory`: ourselves, unless we are root.

    `data` is what a server made there, if it exists: its owner goes on.
    Raises `RunLogError` when root has no way of being somebody else.
    """
    if os.geteuid() != 0:
        return SAME
    candidates = [*_accounts(), _namespace()]
    if data.exists():
        owner = data.stat()
        candidates = [Identity(owner.st_uid, owner.st_gid) if owner.st_uid else _namespace()]
    for candidate in candidates:
        candidate.own(directory)
        if _can_run(candidate, directory, executable):
            return candidate
    raise RunLogError(
        f"PostgreSQL does not run as root, and no other account can use {directory} and {executable}: "
        "run as a normal user, or choose a data directory that other accounts can reach"
    )


def _accounts() -> list[Identity]:
    found = [entry for entry in pwd.getpwall() if entry.pw_name in ACCOUNTS and entry.pw_uid != 0]
    found.sort(key=lambda entry: ACCOUNTS.index(entry.pw_name))
    return [Identity(entry.pw_uid, entry.pw_gid) for entry in found]


def _namespace() -> Identity:
    # PostgreSQL looks its user up, so the namespace's one id must be a known account.
    known = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    return Identity(namespace_uid=65534 if 65534 in known or not known else known[0])


def _can_run(identity: Identity, directory: Path, executable: Path) -> bool:
    probe: list[str | Path] = [
        "/bin/sh",
        "-c",
        'cd "$1" && test -w . && "$2" --version',
        "sh",
        directory,
        executable,
    ]
    try:
        done = subprocess.run(
            probe, capture_output=True, check=False, cwd="/", preexec_fn=identity.enter, **identity.popen()
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
