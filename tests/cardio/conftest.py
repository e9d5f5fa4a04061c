"""Cards for tests: in memory, and behind a private pcscd that each test process has of its own.

`reader`      a slot of the private pcscd: `reader.insert(card)` puts a virtual card in and waits until PC/SC sees it
`jpki_image`  a personalised JPKI card's image (made once per worker: RSA keys are slow); `jpki_card` a fresh copy of it
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardio.pcsc import Context
from cardio.private_pcscd import PrivatePcscd, VirtualReader
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage
from cardio.virtual_jpki import VirtualJpkiCard, new_card
from cardio.vpcd import Insertable, Insertion
from pki.instant import Instant
from tests.cardio.jpki_cards import MASTER_KEYS, MadeCard

_PCSCD: list[PrivatePcscd] = []


@pytest.fixture(scope="session")
def fastpoll(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A preload library that makes pcscd poll every 10 ms, if there is a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = tmp_path_factory.mktemp("native") / "fastpoll.so"
    source = Path(__file__).parent / "native" / "fastpoll.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture(scope="session")
def pcscd(tmp_path_factory: pytest.TempPathFactory, fastpoll: Path | None) -> Iterator[PrivatePcscd]:
    """The one private pcscd of this process: libpcsclite looks for its socket's path only once."""
    server = PrivatePcscd(tmp_path_factory.mktemp("p"), drivers=2, preload=fastpoll)
    with server:
        os.environ.update(server.client_environment)
        yield server


class Reader:
    """One slot of the private pcscd. Cards inserted in a test are ejected at its end."""

    def __init__(self, pcscd: PrivatePcscd, index: int, context: Context) -> None:
        self._pcscd = pcscd
        self._index = index
        self.context = context
        self._insertions: list[Insertion] = []

    @property
    def name(self) -> str:
        return self._slot.name

    @property
    def _slot(self) -> VirtualReader:
        return self._pcscd.readers[self._index]

    @property
    def port(self) -> int:
        return self._slot.port

    def insert(self, card: Insertable, *, wait: bool = True) -> Insertion:
        insertion = Insertion(card, self.port).serve_in_thread()
        self._insertions.append(insertion)
        if wait:
            self.context.wait_for_card(self.name, 5)
        return insertion

    def forget(self) -> None:
        """Eject without waiting: the reader is another one now."""
        for insertion in self._insertions:
            insertion.eject()
        self._insertions.clear()

    def empty(self) -> None:
        """Eject, and wait until PC/SC has noticed."""
        self.forget()
        if self._pcscd.running:
            self.context.wait_for_removal(self.name, 5)


@pytest.fixture
def context(pcscd: PrivatePcscd) -> Iterator[Context]:
    """A PC/SC context of this test's thread."""
    with Context() as one:
        yield one


@pytest.fixture
def reader(pcscd: PrivatePcscd, context: Context) -> Iterator[Reader]:
    """An empty reader."""
    one = Reader(pcscd, 0, context)
    yield one
    one.empty()


@pytest.fixture
def second_reader(pcscd: PrivatePcscd, context: Context) -> Iterator[Reader]:
    """Another empty reader, of another driver."""
    one = Reader(pcscd, 2, context)
    yield one
    one.empty()


@pytest.fixture(scope="session")
def throwaway_ca() -> ThrowawayCa:
    return ThrowawayCa("Test CA", Instant.parse("2026-11-23T00:00:00Z"), os.urandom)


@pytest.fixture(scope="session")
def made_card(throwaway_ca: ThrowawayCa) -> MadeCard:
    """A personalised card's image and what went into it."""
    return MadeCard.make(throwaway_ca, "jpki")


@pytest.fixture
def jpki_card(made_card: MadeCard, random: Callable[[int], bytes]) -> VirtualJpkiCard:
    """A fresh copy of the personalised card, PINs 1234 and ABC123."""
    return VirtualJpkiCard(MemoryStorage(made_card.image), random)


@pytest.fixture
def blank_card(random: Callable[[int], bytes]) -> VirtualJpkiCard:
    """A card as it comes from its manufacturer, with management keys of version 1."""
    return new_card(MemoryStorage(), random, lambda diversification: MASTER_KEYS.key_set(diversification, 1))
