"""A process that lives no longer than its parent, and one that has no network."""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent(parent: int) -> bool:
    """Have the kernel send us SIGTERM when `parent` (its thread that started us) ends; False if it ended already.

    Asked for by the child itself after it started: between fork and exec nothing but system calls would be safe.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return os.getppid() == parent


def leave_network() -> bool:
    """Move this process into a network of its own in which there is nobody, not even itself; False where not allowed.

    Sockets of the file system still work (PostgreSQL's); addresses do not. Must be called before threads start.
    """
    if os.geteuid() == 0:
        return int(_libc.unshare(_CLONE_NEWNET)) == 0
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWUSER) != 0:
        return False
    # In the new name space we must be somebody, or no file could be made (user_namespaces(7)).
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def end_child(process: "subprocess.Popen[bytes]") -> None:
    """End one process that we started: asked first, made to after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
