"""The user that an embedded server runs as: PostgreSQL refuses to run as root."""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import RunLogError

# From Linux: sched.h, prctl.h and capability.h in include/uapi/linux.
CLONE_NEWUSER = 0x10000000
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522
ACCOUNTS = ("postgres", "nobody")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """The user that a child process runs as: ours, an account, or one of a user namespace.

    An account may keep the capability to pass closed directories (CAP_DAC_OVERRIDE). In a user namespace
    our own id is called `namespace_uid`: the process has no privilege, and its files are ours.
    """

    uid: int | None = None
    gid: int | None = None
    passes_closed_directories: bool = False
    namespace_uid: int | None = None

    def __str__(self) -> str:
        """As errors name it."""
        if self.namespace_uid is not None:
            return f"user {self.namespace_uid} of a namespace"
        passing = ", passing closed directories" if self.passes_closed_directories else ""
        return f"user {os.geteuid() if self.uid is None else self.uid}{passing}"

    def enter(self) -> None:
        """Make this process run as that user; in the child, before exec. Raises `OSError`."""
        if self.namespace_uid is not None:
            _enter_namespace(self.namespace_uid)
        if self.uid is not None and self.gid is not None:
            if self.passes_closed_directories:
                _call(_libc.prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
            if self.passes_closed_directories:
                _keep_capability(CAP_DAC_OVERRIDE)

    def own(self, path: Path) -> None:
        """Make `path`, which is the server's own, belong to the account."""
        uid = os.geteuid() if self.uid is None else self.uid
        gid = os.getegid() if self.gid is None else self.gid
        os.chown(path, uid, gid)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _enter_namespace(uid_inside: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _call(_libc.unshare, CLONE_NEWUSER)
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{uid_inside} {uid} 1")
    (process / "gid_map").write_text(f"{uid_inside} {gid} 1")


def _keep_capability(capability: int) -> None:
    """Drop all capabilities but one, and have that one outlive exec."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _call(_libc.capset, header, effective_permitted_inheritable)
    _call(_libc.prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


SAME = Identity()


def unprivileged(directory: Path, data: Path, executable: Path) -> Identity:
    """The user that runs `executable` in `directory`: the present one, unless that is root.

    Where `data`, which a server made there, exists, its owner stays the same.
    Raises `RunLogError` when root can use no other account, with the reason for each.
    """
    if os.geteuid() != 0:
        return SAME
    reasons = []
    for candidate in _candidates(data):
        reason = _why_not(candidate, directory, executable)
        if reason is None:
            return candidate
        reasons.append(f"{candidate}: {reason}")
    raise RunLogError(
        f"PostgreSQL does not run as root, and no other account can use {directory} and {executable}: "
        "run as a normal user, or choose a data directory that other accounts can reach"
        f" ({'; '.join(reasons)})"
    )


def _candidates(data: Path) -> list[Identity]:
    """In the order of preference; the last is for containers, which often forbid user namespaces."""
    accounts = _accounts()
    namespaces = [_namespace()]
    if data.exists():
        owner = data.stat()
        accounts = [Identity(owner.st_uid, owner.st_gid)] if owner.st_uid else []
        namespaces = [] if accounts else namespaces
    return [*accounts, *namespaces, *(replace(each, passes_closed_directories=True) for each in accounts)]


def _accounts() -> list[Identity]:
    found = [entry for entry in pwd.getpwall() if entry.pw_name in ACCOUNTS and entry.pw_uid != 0]
    found.sort(key=lambda entry: ACCOUNTS.index(entry.pw_name))
    return [Identity(entry.pw_uid, entry.pw_gid) for entry in found]


def _namespace() -> Identity:
    # PostgreSQL looks its user up, so the namespace's one id must be a known account.
    known = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    return Identity(namespace_uid=65534 if 65534 in known or not known else known[0])


def _why_not(identity: Identity, directory: Path, executable: Path) -> str | None:
    """Try it, with `directory` given to the identity; returns why it cannot run there, None where it can.

    In a container each step may be forbidden.
    """
    probe = 'cd "$1" && { test -w . || { echo "may not write there" >&2; false; }; } && "$2" --version'
    argv: list[str | Path] = ["/bin/sh", "-c", probe, "sh", directory, executable]

    def enter() -> None:
        try:
            identity.enter()
        except OSError as error:
            # An exception would reach the parent without its text.
            os.write(2, f"cannot be entered: {error.strerror}".encode())
            os._exit(1)

    try:
        identity.own(directory)
        done = subprocess.run(argv, capture_output=True, check=False, cwd="/", preexec_fn=enter)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    said = " ".join(done.stderr.decode(errors="replace").split())
    return None if done.returncode == 0 else said or f"status {done.returncode}"
