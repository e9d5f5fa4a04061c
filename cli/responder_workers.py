"""The parent of the processes that answer OCSP: starts them (again), tells their numbers, has answers signed ahead."""

import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import typer

log = logging.getLogger("jitsuin.responder")

_RESTART_PAUSE = 1.0


class Worker:
    """A process that answers, and the numbers that it told last."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, bufsize=0)
        self.numbers: Mapping[str, int] = {}
        self._rest = b""

    def is_ready(self) -> bool:
        """Wait for its first line; False when it ended before."""
        assert self.process.stdout is not None
        ready = bool(self.process.stdout.readline())
        self.listen()
        return ready

    def listen(self) -> None:
        """From now on take what it says without waiting for it."""
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def take(self) -> None:
        """Read what it told meanwhile."""
        assert self.process.stdout is not None
        while piece := self.process.stdout.read(65536):
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                try:
                    self.numbers = json.loads(line).get("numbers", self.numbers)
                except (ValueError, AttributeError):
                    log.warning("a worker said something else than its numbers")

    def end(self) -> None:
        """Make sure that it ended."""
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Workers:
    """The processes that answer; one that falls is started again, after a pause."""

    def __init__(self, folder: Path, address: str, clock: str | None, count: int) -> None:
        self._command = [sys.executable, "-P", "-m", "cli", "responder", "serve", str(folder), "--listen", address]
        self._command += ["--parent", str(os.getpid()), *(() if clock is None else ("--clock", clock))]
        self._address = address
        self._count = count
        self._running: list[Worker] = []
        self._stopping = False
        self._folder, self._clock = folder, clock

    def run(self, metrics: str | None, *, as_json: bool) -> None:
        """Start them, say so, and stay until a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with self._watched(metrics) as watched, self._presigning() as tend:
            try:
                self._running = [Worker(self._command) for _ in range(self._count)]
                ready = [worker.is_ready() for worker in self._running]
                if not all(ready):
                    raise typer.Exit(1)
                self._say_ready(watched, as_json=as_json)
                while not self._stopping:
                    self._tend()
                    tend()
                    time.sleep(0.2)
            finally:
                self._end()

    def _watched(self, metrics: str | None) -> "AbstractContextManager[str | None]":
        if metrics is None:
            return nullcontext()
        from cli.monitoring import watching

        return watching(metrics, self._metrics, {"workers": self._check}, secrets.token_bytes, time.monotonic)

    @contextmanager
    def _presigning(self) -> Iterator[Callable[[], None]]:
        """Whoever looks whether answers are to be signed ahead; errors are logged and it is tried again."""
        from cli.clock import SystemClock
        from cli.database import Database
        from cli.presigning import Presigning, start_child
        from cli.settings import load_settings
        from pki.instant import Instant

        settings = load_settings(self._folder)
        if settings.status.presign_hours == 0:
            yield lambda: None
            return
        clock = SystemClock() if self._clock is None else SystemClock.starting_at(Instant.parse(self._clock))
        database = Database(settings.database_url)
        database.check()
        presigning = Presigning(settings, database, start_child(settings))

        def tend() -> None:
            try:
                presigning.tend(clock.now())
            except Exception as error:  # the database is away: the workers say tryLater, this tries again
                log.warning("no look for what to sign ahead: %s", type(error).__name__)

        try:
            yield tend
        finally:
            presigning.close()
            database.close()

    def _say_ready(self, watched: str | None, *, as_json: bool) -> None:
        pids = [worker.process.pid for worker in self._running]
        url = f"http://{self._address}"
        document = {"ready": True, "url": url, "workers": pids, "metrics": watched and f"http://{watched}/metrics"}
        typer.echo(json.dumps(document) if as_json else f"ready: {url} ({self._count} workers)")

    def _metrics(self) -> str:
        from ca.metrics import text
        from cli.monitoring import worker_families

        running = list(self._running)
        alive = sum(worker.process.poll() is None for worker in running)
        return text(worker_families({index: worker.numbers for index, worker in enumerate(running)}, alive))

    def _check(self) -> None:
        """Every worker lives and could ask the database lately. Errors: RuntimeError."""
        for worker in self._running:
            if worker.process.poll() is not None or worker.numbers.get("sure") != 1:
                raise RuntimeError("a worker cannot answer")

    def _tend(self) -> None:
        for index, worker in enumerate(self._running):
            worker.take()
            if worker.process.poll() is not None and not self._stopping:
                log.error("a worker ended with status %s; another one takes its place", worker.process.returncode)
                worker.end()
                time.sleep(_RESTART_PAUSE)
                self._running[index] = Worker(self._command)
                self._running[index].listen()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _end(self) -> None:
        for worker in self._running:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self._running:
            worker.end()
