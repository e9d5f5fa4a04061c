"""What the commands of `jitsuin card` share: a PIN asked for without echo, a trace readable by its owner only."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from cardio.trace import Trace

P = TypeVar("P")


def read_pin(make: Callable[[str], P], prompt: str, pin_stdin: bool) -> P:
    """What `make` makes of a line of standard input, or of what is typed on the terminal without echo."""
    return make(sys.stdin.readline().rstrip("\r\n") if pin_stdin else getpass.getpass(f"{prompt}: "))


@contextmanager
def tracing(file: Path | None) -> "Iterator[Trace | None]":
    """A trace that appends to the file, readable by its owner only; None without a file."""
    from cardio.trace import Trace

    if file is None:
        yield None
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as log:
        yield Trace(lambda line: log.write(line + "\n"))
