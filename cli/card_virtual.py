"""`jitsuin card virtual …`: make a virtual card in a file, and put it into a reader of vpcd until told to stop."""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from pki.instant import Instant, years_later
from pki.purpose import Purpose

if TYPE_CHECKING:
    from cardio.card_management import MasterKeys
    from cardio.virtual_card import FileStorage, VirtualCard

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


class Kind(StrEnum):
    """Which application the card has."""

    JPKI = "jpki"
    PIV = "piv"


class Generation(StrEnum):
    """Of JPKI cards."""

    JPKI = "jpki"
    NEXT = "next"


class PivMaker(StrEnum):
    """What kind of PIV card is made."""

    YUBIKEY_5_7 = "yubikey-5.7"
    YUBIKEY_5_4 = "yubikey-5.4"
    STANDARD = "standard"

    @property
    def firmware(self) -> tuple[int, int, int] | None:
        """The version that it answers; None: without Yubico's additions."""
        return {"yubikey-5.7": (5, 7, 1), "yubikey-5.4": (5, 4, 3)}.get(self.value)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="The card's file; must not exist.")],
    kind: Annotated[Kind, typer.Option("--kind", help="JPKI (My Number-style) or PIV.")] = Kind.JPKI,
    blank: Annotated[bool, typer.Option("--blank", help="As from the manufacturer: no keys, no PINs set.")] = False,
    generation: Annotated[Generation, typer.Option(help="jpki: RSA-2048; next: P-384.")] = Generation.JPKI,
    master_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="32 hex digits: the master key that a blank card's own keys come from."),
    ] = None,
    holder: Annotated[
        str, typer.Option(help="Common name in the certificates, for cards that are not blank.")
    ] = "Test",
    maker: Annotated[
        PivMaker, typer.Option(help="PIV: a YubiKey of this firmware, or a card by the bare standard.")
    ] = PivMaker.YUBIKEY_5_7,
    as_json: JsonOption = False,
) -> None:
    """Make a virtual card.

    Unless --blank, a throw-away authority certifies it. JPKI: PINs 1234 and ABC123. PIV: PIN 123456, PUK 12345678; the
    root that a YubiKey's attestations lead to is written beside it, to FILE.attestation-root.cer.
    """
    from cardio.virtual_card import FileStorage
    from cli.errors import FileUnusable

    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise FileUnusable(str(file), "it exists, and a card is never written over") from None
    try:
        at = Instant.from_datetime(datetime.now(UTC))
        storage = FileStorage(file)
        if kind is Kind.JPKI:
            card_id = _new_jpki(storage, generation, blank, master_keys(master_key_file), holder, at)
        else:
            card_id, root = _new_piv(storage, maker, blank, holder, at)
            if root is not None:
                file.with_name(f"{file.name}.attestation-root.cer").write_bytes(root)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    document = {"file": str(file), "kind": kind.value, "card": card_id, "blank": blank}
    print(json.dumps(document) if as_json else f"{file}: {kind.value} card {card_id}{', blank' if blank else ''}")


def master_keys(file: Path | None) -> "MasterKeys":
    """Master keys of version 1 from a file, or the published test key. Errors: SecretMissing."""
    from cardio.card_management import MasterKeys
    from cli.errors import SecretMissing

    if file is None:
        # As published test keys are: a card with them is a toy by its own word.
        return MasterKeys({1: bytes(range(16))})
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) not in (16, 32):
        raise SecretMissing(str(file), "it does not hold 32 or 64 hex digits")
    return MasterKeys({1: key})


def _new_jpki(
    storage: "FileStorage", generation: Generation, blank: bool, keys: "MasterKeys", holder: str, at: Instant
) -> str:
    from cardio import jpki
    from cardio.card_management import CardManager
    from cardio.personalisation import CardInReader
    from cardio.session import CardSession
    from cardio.throwaway_ca import ThrowawayCa
    from cardio.virtual_jpki import new_card

    card = new_card(
        storage, os.urandom, lambda diversification: keys.key_set(diversification, 1), generation=generation.value
    )
    if blank:
        return card.serial
    slot = CardInReader(CardSession.of_memory(card, jpki.identify), CardManager(keys, os.urandom))
    for purpose in Purpose:
        authority = ThrowawayCa(f"Throw-away {purpose} CA", at, os.urandom)
        slot.install(purpose, authority.issue(slot.generate(purpose), purpose, holder), authority.certificate)
    slot.set_pins("1234", "ABC123")
    return slot.card_id()


def _new_piv(
    storage: "FileStorage", maker: PivMaker, blank: bool, holder: str, at: Instant
) -> tuple[str, bytes | None]:
    """The card's name, and the root of its attestations."""
    from cardio import piv
    from cardio.pin import Pin
    from cardio.piv_commands import PIN_RULE, PUK_RULE
    from cardio.piv_management_key import factory_key
    from cardio.piv_objects import CardHolderIdentifier, FascN
    from cardio.piv_personalisation import FACTORY_PUK, CardSecrets, personalise
    from cardio.piv_slot import PivSlot
    from cardio.piv_slots import KeyAlgorithm
    from cardio.session import CardSession
    from cardio.throwaway_ca import ThrowawayCa
    from cardio.virtual_piv import new_virtual_piv

    expires = years_later(at.jst_date(), 10)
    # A card by the bare standard comes from its bureau with a CHUID: nothing else tells it from its like.
    chuid = CardHolderIdentifier(UUID(bytes=os.urandom(16), version=4), expires, FascN().encode())
    card, root = new_virtual_piv(
        storage,
        os.urandom,
        at=at,
        firmware=maker.firmware,
        # 3DES, though firmware 5.7 begins with AES-192: Debian 12's yubico-piv-tool knows no other default.
        management_key=factory_key(),
        chuid=chuid if maker.firmware is None else None,
    )
    session = CardSession.of_memory(card, piv.identify)
    if blank:
        return session.identity, root
    # A toy by its own word: PIN, PUK and management key stay as the maker prints them in the manual.
    key = factory_key()
    secrets = CardSecrets(key, Pin(PUK_RULE, FACTORY_PUK))
    personalise(session, secrets, expires=expires, random=os.urandom)
    slot = PivSlot(
        session,
        management_key=lambda: key,
        pin=lambda: Pin(PIN_RULE, "123456"),
        random=os.urandom,
        algorithms=dict.fromkeys(Purpose, KeyAlgorithm.RSA_2048),
    )
    for purpose in Purpose:
        authority = ThrowawayCa(f"Throw-away {purpose} CA", at, os.urandom)
        slot.install(purpose, authority.issue(slot.generate(purpose), purpose, holder), authority.certificate)
    return slot.card_id(), root


@app.command()
def start(
    file: Annotated[Path, typer.Argument(help="The card's file.")],
    host: Annotated[str, typer.Option(help="Where pcscd with its vpcd driver runs.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="vpcd's port of the slot.")] = 35963,
    as_json: JsonOption = False,
) -> None:
    """Put the card into a virtual reader, and again after each restart of pcscd, until SIGTERM or Ctrl-C."""
    from cardio.vpcd import Insertion, keep_inserted
    from cli.stopping import Stop

    inserted: list[Insertion] = []

    def leave() -> None:  # in a thread: an insertion has a lock of its own, which no signal's handler may want
        stop.wait()
        for insertion in inserted:
            insertion.eject()

    stop = Stop()
    threading.Thread(target=leave, name="leaving", daemon=True).start()

    def started(insertion: Insertion) -> None:
        inserted[:] = [insertion]
        if stop.is_set():
            insertion.eject()

    def tell(what: str) -> None:
        print(json.dumps({"event": what, "port": port}) if as_json else f"{what} ({host}:{port})", flush=True)

    with _alone(file):
        keep_inserted(_load(file), port, host, stop.wait, tell, started)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process at a time plays a card: two would each write back their own PIN counter.

    Errors: FileUnusable if another one does.
    """
    from cli.errors import FileUnusable

    lock = file.with_name(f".{file.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before us may have taken the name away: then ours is a lock that nobody else looks at.
        if not lock.exists() or os.fstat(descriptor).st_ino != lock.stat().st_ino:
            raise BlockingIOError
    except BlockingIOError:
        os.close(descriptor)
        raise FileUnusable(str(file), "it is in a reader already, by another process") from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _load(file: Path) -> "VirtualCard":
    from cardio.virtual_card import FileStorage, kind_of
    from cardio.virtual_jpki import VirtualJpkiCard
    from cardio.virtual_piv import VirtualPiv

    storage = FileStorage(file)
    if kind_of(storage) == VirtualJpkiCard.kind:
        return VirtualJpkiCard(storage, os.urandom)
    return VirtualPiv(storage, os.urandom)
