"""A program at a terminal, and somebody who answers what it asks."""

import os
import pty
import select
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from tests.support.processes import end


@dataclass(frozen=True, slots=True)
class Conversation:
    """How it ended, and everything that could be seen on the screen."""

    status: int
    screen: str


def at_terminal(line: Sequence[str], answers: Sequence[tuple[str, str]], patience: float = 120.0) -> Conversation:
    """Run `line` at a new terminal; whenever the first words of the next answer have appeared, type its second part."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *line], stdin=slave, stdout=slave, stderr=slave, close_fds=True
    )
    os.close(slave)
    screen, seen, waiting, until = "", 0, list(answers), monotonic() + patience
    try:
        while monotonic() < until:
            ready, _, _ = select.select([master], [], [], 0.2)
            if not ready:
                if process.poll() is not None:
                    break
                continue
            try:
                got = os.read(master, 4096)
            except OSError:  # Linux's way of saying that nobody has the other end open any more
                break
            screen += got.decode(errors="replace")
            while waiting and (found := screen.find(waiting[0][0], seen)) >= 0:
                seen = found + len(waiting[0][0])
                _, typed = waiting.pop(0)
                os.write(master, typed.encode() + b"\n")
        return Conversation(process.wait(timeout=10), screen)
    finally:
        end(process.pid, patience=5)
        process.wait()
        os.close(master)
