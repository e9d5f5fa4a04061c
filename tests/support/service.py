"""`jitsuin serve` as its users meet it: a process that says when it is ready, answers, and ends."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import end


@dataclass(frozen=True, slots=True)
class Service:
    """A running `jitsuin serve`; `ready` is the document that it printed."""

    process: "subprocess.Popen[str]"
    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def command(*arguments: str) -> list[str]:
    """The command line of `jitsuin`, with the interpreter of this test."""
    return [sys.executable, "-P", "-m", "cli", *arguments]


@contextmanager
def serving(folder: Path, *arguments: str, patience: float = 60.0) -> Iterator[Service]:
    """Start it on a free port, wait until it is ready, and see that it ends."""
    line = command("serve", str(folder), "--json", *arguments)
    if "--listen" not in arguments:
        line += ["--listen", "127.0.0.1:0"]
    errors = (folder.parent / f"{folder.name}.stderr").open("w+")
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(os.environ))
    assert process.stdout is not None
    try:
        answered, _, _ = select.select([process.stdout], [], [], patience)
        said = process.stdout.readline() if answered else ""
        if not said.startswith("{"):
            errors.seek(0)
            raise AssertionError(f"it did not come up: {errors.read()}")
        yield Service(process, json.loads(said))
    finally:
        end(process.pid, patience=15)
        process.wait()
        process.stdout.close()
        errors.close()
