"""A PIV card in a private pcscd, for other people's programs; all they say to the card is recorded."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardio.private_pcscd import PrivatePcscd
from cardio.trace import Trace
from cardio.virtual_piv import VirtualPiv
from cardio.vpcd import Insertion

READER = "Yubico YubiKey CCID"
"""Yubico's programs look for readers of this name."""
OPENSC_MODULE = Path("/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so")
YKCS11_MODULE = Path("/usr/lib/x86_64-linux-gnu/libykcs11.so.2")
PATIENCE = 120


def build_fastpoll(folder: Path) -> Path | None:
    """The preload library that shortens pcscd's 400 ms poll, where there is a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "fastpoll.so"
    source = Path(__file__).parent.parent / "cardio" / "native" / "fastpoll.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


class Recorder:
    """Stands between vpcd and the card: knows when the reader has powered it, and keeps the masked trace."""

    def __init__(self, card: VirtualPiv) -> None:
        self.card = card
        self.lines: list[str] = []
        self.powered = threading.Event()
        self._trace = Trace(self.lines.append)

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def process(self, raw: bytes) -> bytes:
        self._trace.command(raw)
        answer = self.card.process(raw)
        self._trace.response(answer)
        return answer

    def reset(self) -> None:
        self.card.reset()

    def power(self, on: bool = True) -> None:
        self.card.power(on)
        if on:
            self.powered.set()


class Bench:
    """Runs programs against the card; a failure shows what they said to it."""

    def __init__(self, pcscd: PrivatePcscd, recorder: Recorder, folder: Path) -> None:
        self._pcscd = pcscd
        self._recorder = recorder
        self.folder = folder
        (folder / "opensc.conf").write_text(
            "app default { card_drivers = PIV-II; framework pkcs15 { use_file_caching = no; } }"
        )

    @property
    def card(self) -> VirtualPiv:
        return self._recorder.card

    @property
    def transcript(self) -> list[str]:
        return self._recorder.lines

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OPENSC_CONF": str(self.folder / "opensc.conf"),
            **self._pcscd.client_environment,
        }

    def try_run(
        self, *command: str | Path, text: str | None = None, extra: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever it returns."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**self.environment, **(extra or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def run(self, *command: str | Path, text: str | None = None, extra: dict[str, str] | None = None) -> str:
        """Run it; its output, both streams. It must succeed."""
        begin = len(self.transcript)
        done = self.try_run(*command, text=text, extra=extra)
        said = "\n".join(self.transcript[begin:])
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{said}"
        return done.stdout + done.stderr

    def opensc(self, *arguments: str | Path) -> str:
        """pkcs11-tool with OpenSC's module."""
        return self.run("pkcs11-tool", "--module", OPENSC_MODULE, *arguments)

    def ykcs11(self, *arguments: str | Path) -> str:
        """pkcs11-tool with Yubico's module."""
        return self.run("pkcs11-tool", "--module", YKCS11_MODULE, *arguments)

    def yubico(self, *arguments: str | Path, text: str | None = None) -> str:
        """yubico-piv-tool."""
        return self.run("yubico-piv-tool", "-r", "", *arguments, text=text)


@contextmanager
def bench(pcscd: PrivatePcscd, card: VirtualPiv, folder: Path, recorder: Recorder | None = None) -> Iterator[Bench]:
    """The card in the first reader, powered, until the end of the block."""
    recorder = recorder or Recorder(card)
    insertion = Insertion(recorder, pcscd.readers[0].port).serve_in_thread()
    try:
        assert recorder.powered.wait(10), "pcscd never powered the card"
        yield Bench(pcscd, recorder, folder)
    finally:
        insertion.eject()
        _wait_until_empty(pcscd, folder)


def _wait_until_empty(pcscd: PrivatePcscd, folder: Path) -> None:
    """pcscd notices a removal at its next poll; until then the slot would refuse the next card."""
    tick = threading.Event()
    for _ in range(200):
        listed = subprocess.run(
            ["opensc-tool", "-l"],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **pcscd.client_environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout
        if " Yes " not in listed:
            return
        tick.wait(0.02)
    raise AssertionError("the reader did not become empty")
