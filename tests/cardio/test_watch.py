"""Watching readers: every loss and return is an event, and nothing but `stop` ends the watch."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardio.pcsc import Context
from cardio.pcsc_states import ReaderState
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_jpki import VirtualJpkiCard
from cardio.watch import Happened, Watch, WatchEvent, difference
from tests.cardio.conftest import Reader

E = WatchEvent


class Listener:
    """A watch in a thread, and its events as they come."""

    def __init__(self) -> None:
        self.watch = Watch(lambda: Context(patience=5), retry=0.02)
        self._queue: queue.Queue[Happened] = queue.Queue()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        for happened in self.watch.events():
            self._queue.put(happened)

    def until(self, event: WatchEvent, reader: str = "") -> list[Happened]:
        """Events up to the one wanted."""
        seen = []
        while True:
            seen.append(self._queue.get(timeout=15))
            if seen[-1].event is event and seen[-1].reader == reader:
                return seen

    def stop(self) -> None:
        self.watch.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def listener(reader: Reader) -> Iterator[Listener]:
    one = Listener()
    yield one
    one.stop()


def test_tells_what_is_there_and_what_comes_and_goes(
    listener: Listener, reader: Reader, second_reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    first = listener.until(E.READER_ADDED, second_reader.name)
    assert {one.event for one in first} == {E.READER_ADDED}
    reader.insert(jpki_card)
    assert listener.until(E.CARD_INSERTED, reader.name)[-1].atr == jpki_card.atr
    second_reader.insert(jpki_card)
    listener.until(E.CARD_INSERTED, second_reader.name)
    reader.empty()
    listener.until(E.CARD_REMOVED, reader.name)


def test_survives_the_end_and_return_of_pcscd(
    listener: Listener, pcscd: PrivatePcscd, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    reader.insert(jpki_card)
    listener.until(E.CARD_INSERTED, reader.name)
    for end in (pcscd.kill, pcscd.stop):
        end()
        lost = listener.until(E.SERVICE_LOST)
        assert Happened(E.CARD_REMOVED, reader.name) in lost
        assert Happened(E.READER_REMOVED, reader.name) in lost
        pcscd.restart()
        listener.until(E.SERVICE_BACK)
        reader.context.renew()
        reader.insert(jpki_card)
        listener.until(E.CARD_INSERTED, reader.name)


def test_begins_without_a_service(pcscd: PrivatePcscd, reader: Reader) -> None:
    pcscd.stop()
    listener = Listener()
    try:
        assert listener.until(E.SERVICE_LOST) == [Happened(E.SERVICE_LOST)]
    finally:
        pcscd.start()
        reader.context.renew()
    listener.until(E.READER_ADDED, reader.name)
    listener.stop()


def test_stop_wakes_a_waiting_watch(listener: Listener, reader: Reader) -> None:
    listener.until(E.READER_ADDED, reader.name)
    listener.stop()


def state(reader: str, present: bool, events: int) -> ReaderState:
    return ReaderState(reader, present, False, b"\x3b\x00" if present else b"", events, 0)


def test_a_swap_between_two_looks_is_a_removal_and_an_insertion() -> None:
    before = {"r": state("r", True, 5)}
    assert [h.event for h in difference(before, {"r": state("r", True, 7)})] == [E.CARD_REMOVED, E.CARD_INSERTED]
    assert list(difference(before, {"r": replace(before["r"], raw=99)})) == []


LOOKS = st.dictionaries(st.sampled_from("abc"), st.tuples(st.booleans(), st.integers(0, 9)), max_size=3).map(
    lambda look: {name: state(name, present, events) for name, (present, events) in look.items()}
)


@given(st.lists(LOOKS, max_size=6))
def test_events_always_lead_from_one_look_to_the_next(looks: list[dict[str, ReaderState]]) -> None:
    readers: set[str] = set()
    cards: set[str] = set()
    before: dict[str, ReaderState] = {}
    for now in looks:
        for happened in difference(before, now):
            sets = {
                E.READER_ADDED: (readers, "add"), E.READER_REMOVED: (readers, "remove"),
                E.CARD_INSERTED: (cards, "add"), E.CARD_REMOVED: (cards, "remove"),
            }  # fmt: skip
            target, verb = sets[happened.event]
            assert (happened.reader in target) == (verb == "remove")  # nothing comes twice or goes before it came
            getattr(target, verb)(happened.reader)
        assert readers == set(now)
        assert cards == {name for name, one in now.items() if one.present}
        before = now
