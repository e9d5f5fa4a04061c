"""`jitsuin card personalise|reissue|unblock|retire|rotate-keys`: managing JPKI cards with keys derived from a master
key.

These commands hold the master key in this process, and so belong to a card bureau's own machine or a test. In a
deployment the service computes the same APDUs and the counter's PC only relays them. A My Number Card is never
written: nobody but its issuer has its keys, and the card's own check refuses ours.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.card_entry import PinPadOption, on_pad, read_pin, tracing
from cli.card_virtual import master_keys
from pki.instant import Instant
from pki.purpose import Purpose

if TYPE_CHECKING:
    from cardio.personalisation import CardInReader

ReaderOption = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="The reader's name or its beginning; else the only card.")
]
MasterKeyOption = Annotated[
    Path | None,
    typer.Option("--master-key-file", metavar="FILE", help="32 hex digits; by default the test key of virtual cards."),
]
NewMasterKeyOption = Annotated[
    Path, typer.Option("--new-master-key-file", metavar="FILE", help="32 hex digits: the key to change to.")
]
PinStdinOption = Annotated[bool, typer.Option("--pin-stdin", help="Read PINs from standard input, one a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Append every APDU in hex; PINs and secrets masked.")
]
HolderOption = Annotated[str, typer.Option("--holder", help="Common name in the certificates.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `jitsuin card`."""
    for command in (personalise, reissue, unblock, retire):
        app.command()(command)
    app.command("rotate-keys")(rotate_keys)


def personalise(
    reader: ReaderOption = None,
    master_key_file: MasterKeyOption = None,
    holder: HolderOption = "Test",
    pin_stdin: PinStdinOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Blank card: key pairs, certificates of a throw-away authority, PINs from the holder's own entry."""
    with _managed(reader, master_key_file, trace) as card:
        done = _certify(card, tuple(Purpose), holder)
        card.set_pins(_new_pin(Purpose.AUTHENTICATION, pin_stdin), _new_pin(Purpose.SIGNATURE, pin_stdin))
        _tell({"card": card.card_id(), "certificates": done}, as_json)


def reissue(
    reader: ReaderOption = None,
    purpose: Annotated[Purpose, typer.Option("--key", help="Which key pair and certificate.")] = Purpose.SIGNATURE,
    master_key_file: MasterKeyOption = None,
    holder: HolderOption = "Test",
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """A new key pair and certificate for one purpose; the old ones work until the card has changed over."""
    with _managed(reader, master_key_file, trace) as card:
        _tell({"card": card.card_id(), "certificates": _certify(card, (purpose,), holder)}, as_json)


def unblock(
    purpose: Annotated[Purpose, typer.Option("--key", help="Whose PIN.")] = Purpose.AUTHENTICATION,
    reader: ReaderOption = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="URL", help="The service that computes; this PC has no key.")
    ] = None,
    permission: Annotated[
        int | None, typer.Option("--permission", metavar="NUMBER", help="With --service: what the officer gave.")
    ] = None,
    master_key_file: MasterKeyOption = None,
    pin_stdin: PinStdinOption = False,
    pin_pad: PinPadOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Set a PIN anew, blocked or forgotten; it goes from this keyboard, or the reader's keys, to the card only.

    JPKI: with an officer's permission through the service, or by a bureau's master key. PIV: by its PUK, asked for.
    """
    from cardio.jpki import SLOTS
    from cardio.jpki_card import JpkiCard
    from cardio.pcsc import Context
    from cardio.pin import Pin
    from cardio.pin_pad import PadEntry
    from cardio.piv_commands import PIN_RULE, PUK_RULE
    from cardio.present_cards import choose_reader, open_card

    if (service is None) != (permission is None):
        raise typer.BadParameter("--service and --permission belong together")
    with Context() as context, tracing(trace) as tracer:
        card = open_card(context, choose_reader(context, reader), tracer)
        card_id = card.card_id()
        if not isinstance(card, JpkiCard):
            puk = read_pin(lambda text: Pin(PUK_RULE, text), "PUK", pin_stdin)
            card.unblock_pin(puk, read_pin(lambda text: Pin(PIN_RULE, text), "New PIN", pin_stdin))
        card.session.close()
    set_now = True
    if isinstance(card, JpkiCard):
        with _managed(reader, master_key_file, trace, card_id, service) as managed:
            entered = on_pad(managed.session, SLOTS[purpose].rule, pin_pad)
            new = entered if isinstance(entered, PadEntry) else _new_pin(purpose, pin_stdin)
            # A bureau's own permissions are numbered by the clock, as those of a service are.
            number = permission if permission is not None else int(datetime.now(UTC).timestamp())
            set_now = managed.reset_pin(purpose, new, number)
    if not set_now:
        print("The PIN was set with this permission before; it is the one that was entered then.", file=sys.stderr)
    _tell({"card": card_id, "unblocked": True, "set_now": set_now}, as_json)


def retire(
    card_id: Annotated[str, typer.Argument(metavar="CARD", help="The card's serial, as `card list` shows it.")],
    reader: ReaderOption = None,
    master_key_file: MasterKeyOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """End of life: destroys keys, certificates and PINs on the card. Nothing brings them back, so the card is named."""
    with _managed(reader, master_key_file, trace, card_id) as card:
        card.terminate()
        _tell({"card": card.card_id(), "retired": True}, as_json)


def rotate_keys(
    new_master_key_file: NewMasterKeyOption,
    reader: ReaderOption = None,
    master_key_file: MasterKeyOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Change the card's management keys to those of another master key. Repeatable."""
    from cardio.card_management import MasterKeys

    old, new = master_keys(master_key_file), master_keys(new_master_key_file)
    both = MasterKeys({1: old.by_version[1], 2: new.by_version[1]})
    with _managed(reader, both, trace) as card:
        card.rotate_keys()
        _tell({"card": card.card_id(), "key_version": both.current}, as_json)


# -- what they share -----------------------------------------------------------------------------------------------


@contextmanager
def _managed(
    reader: str | None, keys: Any, trace: Path | None, expected: str | None = None, service: str | None = None
) -> "Iterator[CardInReader]":
    from cardio.card_management import CardManager, MasterKeys
    from cardio.pcsc import Context
    from cardio.personalisation import CardInReader
    from cardio.present_cards import CardKind, choose_reader, session_at

    with Context() as context, tracing(trace) as tracer:
        session = session_at(context, choose_reader(context, reader), CardKind.JPKI, tracer, expected)
        with session:
            if service is None:
                held = keys if isinstance(keys, MasterKeys) else master_keys(keys)
                yield CardInReader(session, CardManager(held, os.urandom))
                return
            import httpx

            from cli.remote_cards import RemoteAuthority

            with httpx.Client(base_url=service, timeout=30) as http:
                yield CardInReader(session, RemoteAuthority(http, lambda: session.identity))


def _certify(card: "CardInReader", purposes: tuple[Purpose, ...], holder: str) -> dict[str, str]:
    """New keys, certified by a throw-away authority; fingerprints of the certificates."""
    import hashlib

    from cardio.throwaway_ca import ThrowawayCa

    at = Instant.from_datetime(datetime.now(UTC))
    done = {}
    for purpose in purposes:
        authority = ThrowawayCa(f"Throw-away {purpose} CA", at, os.urandom)
        certificate = authority.issue(card.generate(purpose), purpose, holder)
        card.install(purpose, certificate, authority.certificate)
        done[purpose.value] = hashlib.sha256(certificate).hexdigest()
    return done


def _new_pin(purpose: Purpose, pin_stdin: bool) -> str:
    from cardio import jpki

    def fitting(text: str) -> str:
        jpki.pin(purpose, text)  # refused here rather than after the card was opened for it
        return text

    rule = jpki.SLOTS[purpose].rule
    return read_pin(fitting, f"New {rule.slot} ({rule.sentence})", pin_stdin)


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for name, value in document.items():
        print(f"{name}: {', '.join(value) if isinstance(value, dict) else value}", file=sys.stdout)
