"""PC/SC through a private pcscd: each way a card can fail has its own cause, and nothing is ever sent twice.

The reasons behind these cases: pcscd and pyscard behave as measured in the project's card notes; the tests hold our
layer to what it promises whatever pcscd does.
"""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cardio import jpki, private_pcscd
from cardio.apdu import parse_command
from cardio.channel import Channel
from cardio.errors import (
    Busy,
    CardSwapped,
    Cause,
    ConnectionFailed,
    NoCard,
    NoReader,
    NoService,
    ProtocolViolated,
    Removed,
    TransportFailed,
    WasReset,
)
from cardio.jpki_card import JpkiCard
from cardio.pcsc import Context
from cardio.pcsc_deadlines import WATCHDOG
from cardio.present_cards import CardKind, look, open_card, session_at
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_card import MemoryStorage, PowerLost
from cardio.virtual_jpki import VirtualJpkiCard
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import MadeCard

SELECT = bytes.fromhex("00A4040C0AD392F000260100000001")
OTHER = bytes.fromhex("00112233")


class Scripted:
    """A card that answers what a test says, and keeps what it was sent."""

    atr = bytes.fromhex("3BE000FF8131FE4514")

    def __init__(self, reply: Callable[[bytes], bytes] = lambda _: b"\x90\x00") -> None:
        self.reply = reply
        self.seen: list[bytes] = []

    def process(self, raw: bytes) -> bytes:
        self.seen.append(raw)
        return self.reply(raw)

    def reset(self) -> None: ...

    def power(self, on: bool = True) -> None: ...


def test_readers_and_no_card(reader: Reader, context: Context) -> None:
    assert reader.name in context.readers()
    assert len(context.readers()) == 4
    with pytest.raises(NoCard):
        context.connect(reader.name)
    with pytest.raises(NoCard):
        context.wait_for_card(reader.name, 0.05)
    with pytest.raises(NoReader):
        context.connect("no such reader")
    with pytest.raises(NoReader):
        context.state("no such reader")


def test_each_reader_has_its_own_card(reader: Reader, second_reader: Reader, context: Context) -> None:
    reader.insert(Scripted(lambda _: b"first\x90\x00"))
    second_reader.insert(Scripted(lambda _: b"second\x90\x00"))
    with context.connect(reader.name) as one, context.connect(second_reader.name) as two:
        assert (one.transmit(OTHER), two.transmit(OTHER)) == (b"first\x90\x00", b"second\x90\x00")


def test_atr_and_a_round_trip(reader: Reader, context: Context, jpki_card: VirtualJpkiCard) -> None:
    reader.insert(jpki_card)
    with context.connect(reader.name) as connection:
        assert connection.atr == jpki_card.atr
        assert connection.transmit(SELECT) == b"\x90\x00"


def test_commands_that_vpcd_would_take_for_controls_never_leave(reader: Reader, context: Context) -> None:
    card = Scripted()
    reader.insert(card)
    with context.connect(reader.name) as connection:
        for command in (b"", b"\x00", b"\x01\x02\x03", bytes(65536)):
            with pytest.raises(ProtocolViolated):
                connection.transmit(command)
    assert card.seen == []


def test_largest_commands_and_answers(reader: Reader, context: Context) -> None:
    reader.insert(Scripted(lambda raw: raw[4:260] + b"\x90\x00" if len(raw) < 60000 else bytes(65000) + b"\x90\x00"))
    with context.connect(reader.name) as connection:
        assert len(connection.transmit(bytes.fromhex("00D60000") + b"\x00\xfd\xe8" + bytes(65000))) == 65002
        assert len(connection.transmit(bytes.fromhex("00D60000FF") + bytes(255))) == 258


def test_removed(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())
    with context.connect(reader.name) as connection:
        connection.transmit(OTHER)
        reader.empty()
        with pytest.raises(Removed) as failed:
            connection.transmit(OTHER)
        assert failed.value.cause is Cause.REMOVED
        assert failed.value.dropped_state


def test_removed_and_put_back_the_old_connection_stays_dead(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())
    with context.connect(reader.name) as connection:
        reader.empty()
        reader.insert(Scripted())
        with pytest.raises(ConnectionFailed) as failed:
            connection.transmit(OTHER)
        assert failed.value.cause in (Cause.REMOVED, Cause.RESET)


def test_torn_in_the_middle_of_a_command_is_transport_never_a_wrong_pin(
    reader: Reader, context: Context, made_card: MadeCard, random: Callable[[int], bytes]
) -> None:
    class Torn(VirtualJpkiCard):
        verifies = 0

        def process(self, raw: bytes) -> bytes:
            if raw[1] == 0x20 and len(raw) > 5:
                Torn.verifies += 1
                raise PowerLost
            return super().process(raw)

    reader.insert(Torn(MemoryStorage(made_card.image), random))
    card = open_card(context, reader.name)
    assert isinstance(card, JpkiCard)
    with pytest.raises(ConnectionFailed) as failed:
        card.verify_pin(Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, "9999"))
    assert failed.value.cause in (Cause.TRANSPORT, Cause.REMOVED)
    assert Torn.verifies == 1  # sent once, and never again by itself


def test_reset_by_another_program(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())
    with context.connect(reader.name) as ours:
        ours.transmit(OTHER)
        with Context() as theirs:
            theirs.connect(reader.name).close_and_reset()
        with pytest.raises(WasReset):
            ours.transmit(OTHER)


def test_closing_and_forgetting_leaves_the_card_alone(reader: Reader, context: Context) -> None:
    class Resets(Scripted):
        resets = 0

        def reset(self) -> None:
            Resets.resets += 1

    reader.insert(Resets())
    with context.connect(reader.name) as keeps_it_powered:
        keeps_it_powered.transmit(OTHER)
        context.connect(reader.name).close()
        forgotten = context.connect(reader.name)
        forgotten.transmit(OTHER)
        del forgotten
        keeps_it_powered.transmit(OTHER)
    assert Resets.resets == 0


def test_busy_ends_at_our_deadline(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())
    with Context() as theirs, theirs.connect(reader.name) as holder, Context() as ours:
        connection = ours.connect(reader.name)
        with holder.transaction():
            with pytest.raises(Busy):
                connection.transmit(OTHER)
            # libpcsclite has no way out of a wait for a transaction but cutting the line: the context must be renewed.
            with pytest.raises(Busy), connection.transaction(busy_patience=0.2):
                pass
            assert ours.overdue
            connection.close()
            ours.renew()
        with ours.connect(reader.name) as again, again.transaction():
            assert again.transmit(OTHER) == b"\x90\x00"


def test_waits_for_another_programs_transaction(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())
    holding, release = threading.Event(), threading.Event()

    def other() -> None:
        with Context() as theirs, theirs.connect(reader.name) as holder, holder.transaction():
            holding.set()
            release.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    assert holding.wait(5)
    threading.Timer(0.2, release.set).start()
    with context.connect(reader.name) as ours, ours.transaction():
        assert release.is_set()
        assert ours.transmit(OTHER) == b"\x90\x00"
    thread.join()


def test_a_mute_card_ends_at_the_deadline_and_hurts_nobody_else(
    reader: Reader, second_reader: Reader, context: Context
) -> None:
    done = threading.Event()

    def mute(raw: bytes) -> bytes:
        done.wait(20)
        return b"\x90\x00"

    inserted = reader.insert(Scripted(mute))
    second_reader.insert(Scripted())
    with Context(patience=0.3) as impatient:
        connection = impatient.connect(reader.name)
        before = time.monotonic()
        with pytest.raises(TransportFailed) as failed:
            connection.transmit(OTHER)
        assert "deadline" in failed.value.during
        assert time.monotonic() - before < 10
        connection.close()
        impatient.renew()
        with impatient.connect(second_reader.name) as other:
            assert other.transmit(OTHER) == b"\x90\x00"
    done.set()
    inserted.eject()


@pytest.mark.parametrize("reply", [b"\x90", b"\x61\x00", b"\x61\x05", bytes(65000) + b"\x61\x00"])
def test_a_hostile_card_neither_hangs_nor_crashes_us(reader: Reader, context: Context, reply: bytes) -> None:
    card = Scripted(lambda _: reply)
    reader.insert(card)
    with context.connect(reader.name) as connection:
        channel = Channel(connection)
        with pytest.raises(ConnectionFailed) as failed:
            channel.send(parse_command(bytes.fromhex("00CB3FFF035C017E00")))
    assert failed.value.cause in (Cause.PROTOCOL, Cause.TRANSPORT)
    assert len(card.seen) < 2000


def test_an_endless_6c_is_obeyed_once(reader: Reader, context: Context) -> None:
    card = Scripted(lambda _: b"\x6c\x10")
    reader.insert(card)
    with context.connect(reader.name) as connection:
        assert Channel(connection).send(parse_command(bytes.fromhex("00B0000000"))).status == 0x6C10
    assert [raw.hex() for raw in card.seen] == ["00b0000000", "00b0000010"]


def test_unseen_swap_is_caught(
    reader: Reader, context: Context, made_card: MadeCard, random: Callable[[int], bytes]
) -> None:
    """Another card within one poll, with a transmit in between: the old handle would talk to the new card."""
    first = VirtualJpkiCard(MemoryStorage(made_card.image), random)
    second = VirtualJpkiCard(MemoryStorage(made_card.image), random)
    second.serial = "00000000000000FF"
    second.commit()
    inserted = reader.insert(first)
    card = open_card(context, reader.name)
    assert card.card_id() == made_card.serial
    inserted.eject()
    with pytest.raises(ConnectionFailed):
        card.describe()
    reader.insert(second, wait=False)
    outcomes: list[Exception] = []
    for _ in range(200):
        try:
            card.describe()
        except (ConnectionFailed, CardSwapped) as error:
            outcomes.append(error)
            if isinstance(error, CardSwapped):
                break
            time.sleep(0.01)
    assert isinstance(outcomes[-1], CardSwapped)
    assert outcomes[-1].found == "00000000000000FF"
    assert second.slots[Purpose.AUTHENTICATION].pin.left == 3


def test_session_goes_on_after_the_same_card_comes_back(
    reader: Reader, context: Context, jpki_card: VirtualJpkiCard
) -> None:
    reader.insert(jpki_card)
    session = session_at(context, reader.name, CardKind.JPKI)
    card = JpkiCard(session)
    serial = card.card_id()
    reader.empty()
    with pytest.raises(ConnectionFailed):
        card.describe()
    reader.insert(jpki_card)
    assert card.describe().card_id == serial
    session.close()


def test_look_tells_every_reader(
    reader: Reader, second_reader: Reader, context: Context, jpki_card: VirtualJpkiCard
) -> None:
    second_reader.insert(Scripted(lambda _: b"\x6a\x82"))
    reader.insert(jpki_card)
    seen = {one.reader: one for one in look(context)}
    assert seen[reader.name].kind is CardKind.JPKI
    assert seen[reader.name].card_id == jpki_card.serial
    assert (seen[second_reader.name].present, seen[second_reader.name].kind) == (True, None)
    assert sum(one.present for one in seen.values()) == 2


def test_a_context_may_be_collected_while_the_watchdogs_lock_is_held(reader: Reader) -> None:
    """Starting the watchdog's own thread may run the collector, with its lock held: that waited for ever."""
    forgotten = [Context()]
    forgotten.append(forgotten)  # type: ignore[arg-type]  # a cycle: only the collector finds it
    del forgotten

    def collect() -> None:
        with WATCHDOG.lock:
            gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_pcscd_gone_and_back(
    pcscd: PrivatePcscd, reader: Reader, context: Context, made_card: MadeCard, random: Callable[[int], bytes]
) -> None:
    reader.insert(VirtualJpkiCard(MemoryStorage(made_card.image), random))
    connection = context.connect(reader.name)
    pcscd.kill()
    with pytest.raises(NoService):
        connection.transmit(SELECT)
    with pytest.raises(NoService):
        context.readers()
    with pytest.raises(NoService):
        Context(patience=2)
    pcscd.restart()
    context.renew()
    connection.close()
    reader.insert(VirtualJpkiCard(MemoryStorage(made_card.image), random))
    assert open_card(context, reader.name).card_id() == made_card.serial


def test_frozen_pcscd_ends_at_the_deadline(pcscd: PrivatePcscd, reader: Reader) -> None:
    with Context(patience=0.3) as impatient:
        os.kill(pcscd.pid, signal.SIGSTOP)
        while Path(f"/proc/{pcscd.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        try:
            with pytest.raises(ConnectionFailed):
                impatient.readers()
            with pytest.raises(NoService):
                Context(patience=0.3)
        finally:
            os.kill(pcscd.pid, signal.SIGCONT)


def test_who_has_no_run_pcscd_and_may_not_make_it_gets_one_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(private_pcscd, "_RUN", tmp_path_factory.mktemp("r") / "none")
    monkeypatch.setattr(private_pcscd.os, "geteuid", lambda: 65534)
    with PrivatePcscd(tmp_path_factory.mktemp("o")) as own:  # on return every reader listens
        assert list(Path(f"/proc/{own.pid}/root/run").iterdir()) == [Path(f"/proc/{own.pid}/root/run/pcscd")]
        pid = own.pid
        assert os.readlink(f"/proc/{pid}/exe") == str(private_pcscd.find_pcscd())
    assert not Path(f"/proc/{pid}").exists()


def test_no_threads_or_descriptors_are_left(reader: Reader, context: Context) -> None:
    reader.insert(Scripted())

    def once() -> None:
        with Context() as other, other.connect(reader.name) as connection:
            connection.transmit(OTHER)

    once()
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(100):
        once()
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert threading.active_count() <= threads
