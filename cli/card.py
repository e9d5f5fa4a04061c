"""`jitsuin card …`: look at a card, use its keys, change its PINs; `jitsuin card virtual …` lends a virtual one.

PINs are asked for on the terminal, without echo; with --pin-stdin they are read from standard input, one a line.
They are never arguments: those stand in the process list.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import card_desk, card_managing
from cli.card_entry import PinPadOption, ask, confirm_last_try, tracing
from cli.card_piv import app as piv
from cli.card_virtual import app as virtual
from pki.purpose import Purpose

if TYPE_CHECKING:
    from cardio.commands import Entered
    from cardio.jpki_card import JpkiCard
    from cardio.piv import PivCard

app = typer.Typer(no_args_is_help=True, help="Look at a card, use its keys, change its PINs, lend a virtual one.")
app.add_typer(piv, name="piv", help="PIV cards: make one ours, renew its keys, set a blocked PIN anew.")

app.add_typer(virtual, name="virtual", help="Virtual cards: make one, put it into a virtual reader.")

ReaderOption = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="The reader's name or its beginning; else the only card.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Append every APDU in hex; PINs and secrets masked.")
]
PurposeOption = Annotated[Purpose, typer.Option("--key", help="Which of the card's two keys and PINs is meant.")]
PinStdinOption = Annotated[bool, typer.Option("--pin-stdin", help="Read PINs from standard input, one a line.")]
LastTryOption = Annotated[bool, typer.Option("--last-try", help="Use the last try too: wrong, it blocks the PIN.")]


class Form(StrEnum):
    """What `card sign` makes."""

    CMS = "cms"
    RAW = "raw"
    PDF = "pdf"
    XML = "xml"

    def target(self, file: Path) -> Path:
        """Where the result goes by default."""
        match self:
            case Form.CMS:
                return file.with_name(file.name + ".p7s")
            case Form.RAW:
                return file.with_name(file.name + ".sig")
            case _:
                return file.with_name(f"{file.stem}.signed{file.suffix}")


@app.command("list")
def list_cards(as_json: JsonOption = False, trace: TraceOption = None) -> None:
    """All readers, and which card is in each."""
    from cardio.pcsc import Context
    from cardio.present_cards import look

    with Context() as context, tracing(trace) as tracer:
        seen = look(context, tracer)
    if as_json:
        _print(
            {
                "readers": [
                    {
                        "reader": one.reader,
                        "present": one.present,
                        "atr": one.atr.hex().upper() or None,
                        "kind": one.kind,
                        "card": one.card_id,
                        "trouble": one.trouble.code if one.trouble else None,
                    }
                    for one in seen
                ]
            }
        )
        return
    if not seen:
        print("No reader is plugged in.")
    for one in seen:
        what = f"{one.kind} card {one.card_id}" if one.card_id else "no card" if not one.present else "another device"
        print(f"{one.reader}: {one.trouble.reason if one.trouble else what}")


@app.command()
def watch(as_json: JsonOption = False) -> None:
    """Tell readers and cards as they come and go, until Ctrl-C or SIGTERM; survives the end of pcscd."""
    import signal

    from cardio.watch import Watch

    watching = Watch()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watching.stop())
    for happened in watching.events():
        if as_json:
            document = {"event": happened.event, "reader": happened.reader or None, "atr": happened.atr.hex() or None}
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            print(f"{happened.event:<14} {happened.reader}".rstrip(), flush=True)


@app.command()
def show(reader: ReaderOption = None, as_json: JsonOption = False, trace: TraceOption = None) -> None:
    """What the card says of itself without a PIN: serial, tries left, certificates."""
    from cardio.jpki_card import JpkiCard

    with _card(reader, trace) as card:
        if isinstance(card, JpkiCard):
            told = card.describe()
            certificate = told.authentication_certificate
            document: dict[str, Any] = {
                "kind": "jpki",
                "card": told.card_id,
                "label": told.label,
                "model": told.model,
                "tries_left": {purpose.value: left for purpose, left in told.tries_left.items()},
                "available": {purpose.value: there for purpose, there in told.available.items()},
                "certificates": {"authentication": _certificate(certificate)} if certificate else {},
            }
        else:
            seen = card.describe()
            document = {
                "kind": "piv",
                "card": seen.card_id,
                "firmware": ".".join(map(str, seen.firmware)) if seen.firmware else None,
                "tries_left": {"pin": seen.pin_tries_left},
                "certificates": {purpose.value: _certificate(der) for purpose, der in seen.certificates.items()},
            }
    if as_json:
        _print(document)
        return
    print(f"{document['kind']} card {document['card']}")
    for name, left in document["tries_left"].items():
        said = "not told" if left is None else "blocked" if left == 0 else f"{left} tries left"
        print(f"  PIN {name}: {said}{' (careful)' if left in (1, 2) else ''}")
    for name, there in document.get("available", {}).items():
        print(f"  {name} certificate: {'on the card' if there else 'none'}")
    for name, certificate_document in document["certificates"].items():
        print(f"  {name}: {certificate_document['subject']}, until {certificate_document['not_after']}")


@app.command("read-certificates")
def read_certificates(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the certificates, in DER.")],
    reader: ReaderOption = None,
    with_signature: Annotated[
        bool, typer.Option("--with-signature", help="JPKI: also the signature certificate, which needs its password.")
    ] = False,
    pin_stdin: PinStdinOption = False,
    last_try: LastTryOption = False,
    pin_pad: PinPadOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Write the card's certificates to files: authentication.cer, signature.cer, and those of their authorities."""
    from cardio.jpki_card import JpkiCard

    found: dict[str, bytes | None] = {}
    with _card(reader, trace) as card:
        if isinstance(card, JpkiCard):
            for purpose in Purpose:
                found[f"{purpose}-ca"] = card.read_ca_certificate(purpose)
            found["authentication"] = card.read(Purpose.AUTHENTICATION)
            if with_signature:
                last_try = confirm_last_try(card, Purpose.SIGNATURE, last_try, pin_stdin)
                pin = ask(card, Purpose.SIGNATURE, pin_stdin, pin_pad)
                found["signature"] = card.read(Purpose.SIGNATURE, pin, last_try=last_try)
        else:
            found = {purpose.value: card.read(purpose) for purpose in Purpose}
    out.mkdir(parents=True, exist_ok=True)
    written = {name: out / f"{name}.cer" for name, der in found.items() if der}
    for name, path in written.items():
        path.write_bytes(found[name] or b"")
    if as_json:
        _print({"written": {name: str(path) for name, path in written.items()}})
    else:
        print("\n".join(f"{path}" for path in written.values()) or "The card has no certificate.")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="What to sign.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="By default FILE.p7s, FILE.sig or FILE.signed.*.")
    ] = None,
    purpose: PurposeOption = Purpose.SIGNATURE,
    form: Annotated[
        Form, typer.Option("--form", help="cms: detached CAdES-B; raw: the bare signature; pdf: PAdES-B; xml: XAdES-B.")
    ] = Form.CMS,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    last_try: LastTryOption = False,
    pin_pad: PinPadOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Sign a file with a key of the card."""
    content = file.read_bytes()
    with _card(reader, trace) as card:
        last_try = confirm_last_try(card, purpose, last_try, pin_stdin)
        pin = ask(card, purpose, pin_stdin, pin_pad)
        if form is Form.RAW:
            signature = card.sign(purpose, pin, content, last_try=last_try)
        else:
            signature = _sign_document(card, purpose, pin, content, form, file.name, last_try)
    target = out or form.target(file)
    target.write_bytes(signature)
    if as_json:
        _print({"written": str(target), "octets": len(signature), "form": form.value})
    else:
        print(target)


@app.command("verify-pin")
def verify_pin(
    purpose: PurposeOption = Purpose.AUTHENTICATION,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    last_try: LastTryOption = False,
    pin_pad: PinPadOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Is this the PIN? A wrong one costs a try."""
    from cardio.jpki_card import JpkiCard

    with _card(reader, trace) as card:
        last_try = confirm_last_try(card, purpose, last_try, pin_stdin)
        pin = ask(card, purpose, pin_stdin, pin_pad)
        if isinstance(card, JpkiCard):
            card.verify_pin(purpose, pin, last_try=last_try)
        else:
            card.verify_pin(pin, last_try=last_try)
    _print({"verified": True}) if as_json else print("Right.")


@app.command("change-pin")
def change_pin(
    purpose: PurposeOption = Purpose.AUTHENTICATION,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    last_try: LastTryOption = False,
    pin_pad: PinPadOption = False,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Another PIN instead of the present one. It goes from this keyboard to the card, and nowhere else."""
    from cardio.errors import PinMismatch
    from cardio.jpki_card import JpkiCard
    from cardio.pin_pad import PadEntry

    with _card(reader, trace) as card:
        last_try = confirm_last_try(card, purpose, last_try, pin_stdin)
        old = ask(card, purpose, pin_stdin, pin_pad)
        if isinstance(old, PadEntry):
            new: Entered = old  # the reader asks for it, twice
        else:
            new = ask(card, purpose, pin_stdin, prefix="New ")
            if not pin_stdin and ask(card, purpose, pin_stdin, prefix="Once more, new ") != new:
                raise PinMismatch
        if isinstance(card, JpkiCard):
            card.change_pin(purpose, old, new, last_try=last_try)
        else:
            card.change_pin(old, new, last_try=last_try)
    _print({"changed": True}) if as_json else print("Changed.")


card_managing.register(app)
card_desk.register(app)


# -- what the commands share ---------------------------------------------------------------------------------------


@contextmanager
def _card(reader: str | None, trace: Path | None) -> "Iterator[JpkiCard | PivCard]":
    """The card in that reader, for the length of a command."""
    from cardio.pcsc import Context
    from cardio.present_cards import choose_reader, open_card

    with Context() as context, tracing(trace) as tracer:
        card = open_card(context, choose_reader(context, reader), tracer)
        try:
            yield card
        finally:
            card.session.close()


def _sign_document(
    card: "JpkiCard | PivCard", purpose: Purpose, pin: "Entered", content: bytes, form: Form, name: str, last_try: bool
) -> bytes:
    """A signed document. JPKI: the signature certificate is read under the same PIN."""
    from cardio.errors import WrongCardState
    from cardio.jpki_card import JpkiCard
    from cli.card_documents import sign_pdf, sign_xml

    found = card.read(purpose, pin, last_try=last_try) if isinstance(card, JpkiCard) else card.read(purpose)
    if found is None:
        raise WrongCardState(f"it has no {purpose} certificate")

    def sign_with_card(message: bytes) -> bytes:
        return card.sign(purpose, pin, message, last_try=last_try)

    if form is Form.PDF:
        return sign_pdf(content, found, sign_with_card, name)
    if form is Form.XML:
        return sign_xml(content, found, sign_with_card, name)
    return _sign_cms(content, found, sign_with_card)


def _sign_cms(content: bytes, found: bytes, sign_with_card: Callable[[bytes], bytes]) -> bytes:
    """A detached CAdES-B signature."""
    import hashlib

    from pki import cms
    from pki.certificate import parse_certificate
    from pki.instant import Instant

    certificate = parse_certificate(found)
    digest = hashlib.new(cms.digest_name(certificate), content).digest()
    attributes = cms.to_be_signed(digest, certificate, Instant.from_datetime(datetime.now(UTC)))
    return cms.assemble(attributes, sign_with_card(attributes), certificate)


def _certificate(der: bytes) -> dict[str, str]:
    from pki.certificate import parse_certificate

    certificate = parse_certificate(der)
    return {
        "subject": certificate.x509.subject.rfc4514_string(),
        "issuer": certificate.x509.issuer.rfc4514_string(),
        "serial": f"{certificate.serial:x}",
        "not_before": certificate.validity.not_before.iso(),
        "not_after": certificate.validity.not_after.iso(),
        "fingerprint": certificate.fingerprint.hex(),
    }


def _print(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False))
