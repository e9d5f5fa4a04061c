"""The processes that a test run started, however far down, found again by a mark in their environment."""

import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MARK = "JITSUIN_TEST_RUN"
_OWN_HELPERS = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")  # Python's; they end with us


def mark_children() -> str:
    """Give this process a mark that everything it starts inherits; returns it."""
    os.environ[MARK] = secrets.token_hex(16)
    return os.environ[MARK]


def left_over(mark: str) -> Mapping[int, str]:
    """Process id → command line of every living process that carries `mark` or is our child, except ourselves."""
    wanted = f"{MARK}={mark}".encode()
    return {pid: command for pid, command in _others() if _carries(pid, wanted) or parent_of(pid) == os.getpid()}


def end(pid: int, patience: float = 10.0) -> None:
    """Ask one process to end, wait, then make it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_gone(pid, patience):
            return


def wait_gone(pid: int, patience: float = 10.0) -> bool:
    """True once `pid` no longer runs (a zombie does not run), False after `patience` seconds."""
    until = time.monotonic() + patience
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Does the process exist and is it more than a zombie?"""
    state = _stat(pid)
    return bool(state) and state[0] not in (b"Z", b"X")


@contextmanager
def nothing_left(patience: float = 10.0) -> Iterator[None]:
    """Whatever is started inside must have ended by itself at the end; what has not is ended and named."""
    mark = mark_children()
    known = set(left_over(mark))  # children from before, such as the PostgreSQL of the whole run: not ours to end
    yield
    until = time.monotonic() + patience
    while (left := _without(left_over(mark), known)) and time.monotonic() < until:
        time.sleep(0.05)
    for pid in left:
        end(pid)
    assert not left, f"processes left behind: {dict(left)}"


def _without(left: Mapping[int, str], known: set[int]) -> Mapping[int, str]:
    return {pid: command for pid, command in left.items() if pid not in known}


def _others() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid() or not is_running(int(entry.name)):
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if not any(helper in command for helper in _OWN_HELPERS):
            yield int(entry.name), command.replace(b"\0", b" ").decode(errors="replace").strip()


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _stat(pid: int) -> list[bytes]:
    """State, parent, … : the fields of /proc/PID/stat after the command, which may itself hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    """The process that started it, 0 if it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0
