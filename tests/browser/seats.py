"""Seats for browser tests: a PC with a private pcscd, two readers and an agent; cards that are put in and pulled."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cardio.vpcd import Insertable, Insertion
from tests.support.processes import end
from tests.support.service import command

PIN, PASSWORD = "1234", "ABC123"
STAFF_PIN = "7531"


@dataclass
class SeatCard:
    """A virtual card in a reader."""

    card: VirtualJpkiCard

    def reset_pins(self) -> None:
        """As after a moment without power: what was verified is forgotten."""
        self.card._now.verified.clear()

    def has_verified(self) -> bool:
        """Whether a PIN counts as entered."""
        return bool(self.card._now.verified)


@dataclass
class Seat:
    """One PC of a counter (or of a home): `agent` is the address of its agent."""

    pcscd: PrivatePcscd
    agent: str
    process: "subprocess.Popen[str]"
    log: Path
    _inserted: dict[int, Insertion] = field(default_factory=dict)
    _cards: dict[int, Insertable] = field(default_factory=dict)

    def insert(self, card: Path, slot: int = 0) -> None:
        """Put the card of that file in."""
        self.lend(VirtualJpkiCard(FileStorage(card), os.urandom), slot)

    def lend(self, card: Insertable, slot: int) -> None:
        """Put this card in: one that does something of its own, like leaving in the middle."""
        self.pull(slot)
        self._cards[slot] = card
        self._inserted[slot] = Insertion(card, self.pcscd.readers[slot].port).serve_in_thread()

    def pull(self, slot: int = 0) -> None:
        """Take a card out."""
        inserted = self._inserted.pop(slot, None)
        if inserted is not None:
            inserted.eject()

    def card_in(self, slot: int) -> "SeatCard":
        """The card that lies there, as somebody who could look inside would see it."""
        card = self._cards[slot]
        assert isinstance(card, VirtualJpkiCard)
        return SeatCard(card)

    def empty(self) -> None:
        for slot in tuple(self._inserted):
            self.pull(slot)


@contextmanager
def seat(site: str, folder: Path, mode: str = "desk", preload: Path | None = None) -> Iterator[Seat]:
    """A seat whose agent belongs to `site`; all of its processes end with it."""
    with ExitStack() as stack:
        short = Path(tempfile.mkdtemp(prefix="js"))  # a socket's path is short
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        pcscd = stack.enter_context(PrivatePcscd(short, drivers=1, preload=preload))
        ready = folder / f"agent-{short.name}.json"
        log = stack.enter_context((folder / f"agent-{short.name}.log").open("w"))
        line = command("agent", "--site", site, "--mode", mode, "--port", "0", "--ready-file", str(ready))
        line += ["--parent", str(os.getpid())]
        process = subprocess.Popen(
            line, stdout=log, stderr=log, text=True, env={**os.environ, **pcscd.client_environment}
        )
        stack.callback(process.wait)
        stack.callback(end, process.pid, 10)
        until = time.monotonic() + 30
        while not ready.exists() or not ready.read_text():
            assert process.poll() is None and time.monotonic() < until, Path(log.name).read_text()
            time.sleep(0.02)
        one = Seat(pcscd, json.loads(ready.read_text())["url"], process, Path(log.name))
        stack.callback(one.empty)
        yield one
