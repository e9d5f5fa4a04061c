"""`jitsuin card piv …`: make a PIV card ours, renew its keys, set a blocked PIN anew.

The master key stays in a file of its owner's; from it and the card's own name come the card's management key and PUK.
The holder's PIN goes from this keyboard to the card.
"""

import base64
import getpass
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import SecretMissing
from cli.secrets import read_secret
from pki.purpose import Purpose

if TYPE_CHECKING:
    from cardio.evidence import Transcript
    from cardio.pin import Pin
    from cardio.piv import PivCard
    from cardio.piv_attestation import Attestation, AttestationAnchors
    from cardio.piv_personalisation import CardSecrets
    from cardio.piv_slot import KeyProof, PivSlot
    from cardio.session import CardSession
    from enrollment.store import Database
    from pki.instant import Instant

app = typer.Typer(no_args_is_help=True, help="PIV cards: make one ours, renew its keys, set a blocked PIN anew.")

ReaderOption = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="The reader's name or its beginning; else the only card.")
]
MasterKeyOption = Annotated[
    Path,
    typer.Option("--master-key-file", metavar="FILE", help="64 hex digits, readable by their owner only."),
]
PinStdinOption = Annotated[bool, typer.Option("--pin-stdin", help="Read the PIN from standard input.")]
PurposeOption = Annotated[Purpose, typer.Option("--key", help="Which of the card's two keys is meant.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


KEY_PATIENCE = 90.0
"""Seconds for one command: a card seeks the primes of an RSA key for as long as chance will have it."""


class Algorithm(StrEnum):
    """What a key is made with."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    P256 = "p-256"
    P384 = "p-384"


@app.command()
def personalise(
    master_key_file: MasterKeyOption,
    valid_years: Annotated[int, typer.Option(min=1, max=20, help="For how long the card is meant to be used.")] = 10,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="The card holds somebody else's keys, and they may be lost.")
    ] = False,
    set_pin: Annotated[
        bool, typer.Option("--set-pin", help="The holder enters a PIN here, in place of the maker's.")
    ] = False,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give the card a management key and a PUK of its own, and an identity. May be repeated at any time."""
    from cardio.piv_personalisation import personalise as personalise_card
    from cardio.piv_personalisation import set_first_pin
    from pki.instant import Instant, years_later

    with _session(reader) as (session, transcript):
        secrets = _secrets(session, master_key_file)
        expires = years_later(Instant.from_datetime(datetime.now(UTC)).jst_date(), valid_years)
        identifier = personalise_card(session, secrets, expires=expires, random=os.urandom, take_over=take_over)
        pin_was_set = set_first_pin(session, _new_pin(pin_stdin)) if set_pin else False
        document: dict[str, object] = {
            "card": session.identity,
            "guid": str(identifier.guid),
            "expires": identifier.expires.isoformat(),
            "pin_set": pin_was_set,
            "transcript_sha256": transcript.digest.hex(),
        }
    _tell(document, as_json, f"{document['card']}: ours, until {document['expires']}")


@app.command()
def request(
    master_key_file: MasterKeyOption,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The certification request, DER.")],
    evidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the key was made and how it was proven, JSON.")
    ] = None,
    attestation_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A maker's root that is believed; several may be given. PEM or DER."),
    ] = None,
    attestation_intermediate: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A maker's certificate between root and card.")
    ] = None,
    purpose: PurposeOption = Purpose.SIGNATURE,
    algorithm: Annotated[Algorithm, typer.Option(help="What the key is made with.")] = Algorithm.RSA_2048,
    give_up_active: Annotated[
        bool,
        typer.Option("--give-up-active", help="On cards with one place for a key: the old key is destroyed at once."),
    ] = False,
    deployment: Annotated[
        Path | None,
        typer.Option("--deployment", metavar="DIR", help="Keep there that this card made the key."),
    ] = None,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """A new key on the card, and a request for its certificate, signed by the new key after the holder's PIN.

    With --attestation-root the card must prove that the key was made inside it, or nothing is written.
    """
    from cardio.piv_slot import KeyProof
    from pki.algorithms import algorithm_for
    from pki.certification_request import assemble_request, certification_request_info
    from pki.instant import Instant

    anchors = _anchors(attestation_root or [], attestation_intermediate or [])
    with _session(reader) as (session, transcript):
        pin = _ask_pin(pin_stdin)
        slot = _slot(session, master_key_file, pin, purpose, algorithm, give_up_active=give_up_active)
        spki = slot.generate(purpose)
        at = Instant.from_datetime(datetime.now(UTC))
        attestation = slot.attest(purpose, spki, anchors, at) if anchors.roots else None
        if anchors.roots and attestation is None:
            from cardio.errors import AttestationRefused
            from cardio.piv_attestation import AttestationFault

            raise AttestationRefused(AttestationFault.NONE_MADE)
        information = certification_request_info(spki)
        signature = slot.prove(purpose, information)
        made = assemble_request(information, algorithm_for(spki).oid, signature)
        document = {
            "card": session.identity,
            "key": purpose.value,
            "spki_sha256": hashlib.sha256(spki).hexdigest(),
            "request": str(out),
            "attestation": _attestation(attestation),
            "transcript_sha256": transcript.digest.hex(),
        }
        if deployment is not None:
            chain = attestation.chain if attestation else ()
            name = session.identity
            proofs = (
                KeyProof(name, "generate", purpose, spki, attestation=tuple(chain)),
                KeyProof(name, "prove", purpose, information, signature),
            )
            _keep(deployment, proofs, transcript, at)
    out.write_bytes(made)
    if evidence is not None:
        evidence.write_text(json.dumps(document, indent=2) + "\n")
    proven = "made inside the card, as its maker attests" if attestation else "in the card's possession"
    _tell(document, as_json, f"{out}: {purpose} key of {document['card']}, {proven}")


@app.command()
def install(
    certificate: Annotated[Path, typer.Argument(help="The new certificate, DER or PEM.")],
    authority: Annotated[Path, typer.Option("--ca", metavar="FILE", help="Its authority's certificate.")],
    master_key_file: MasterKeyOption,
    purpose: PurposeOption = Purpose.SIGNATURE,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the certificate, read it back, and make its key the active one. May be repeated after an interruption."""
    from pki.certificate import parse_certificate

    new, issuer = parse_certificate(certificate.read_bytes()), parse_certificate(authority.read_bytes())
    with _session(reader) as (session, _):
        slot = _slot(session, master_key_file, None, purpose, None, pin_stdin=pin_stdin)
        slot.install(purpose, new.der, issuer.der)
        document = {"card": session.identity, "key": purpose.value, "certificate_sha256": new.fingerprint.hex()}
    _tell(document, as_json, f"{document['card']}: {purpose} certificate installed")


@app.command()
def retire(
    master_key_file: MasterKeyOption,
    yes: Annotated[bool, typer.Option("--yes", help="The keys are destroyed for good; really do it.")] = False,
    reader: ReaderOption = None,
    as_json: JsonOption = False,
) -> None:
    """The end of a card's use: its certificates and keys are destroyed. Revoking is not done by this."""
    if not yes:
        raise typer.BadParameter("the keys are destroyed for good: say --yes")
    with _session(reader) as (session, _):
        _slot(session, master_key_file, None, Purpose.SIGNATURE, None).retire()
        document = {"card": session.identity, "retired": True}
    _tell(document, as_json, f"{document['card']}: no certificates and no keys any more")


@app.command()
def unblock(
    master_key_file: MasterKeyOption,
    deployment: Annotated[
        Path | None, typer.Option("--deployment", metavar="DIR", help="Whose officer permitted it; with --permission.")
    ] = None,
    permission: Annotated[
        int | None, typer.Option("--permission", metavar="NUMBER", help="What the officer gave; used up at once.")
    ] = None,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """A new PIN for a card whose PIN is blocked: the holder enters it here, the PUK is the card's own.

    A card that the service issued takes an officer's permission (`jitsuin card permit-pin`).
    """
    from cardio.piv import PivCard
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings

    if (deployment is None) != (permission is None):
        raise typer.BadParameter("--deployment and --permission belong together")
    with _session(reader) as (session, _):
        secrets, card = _secrets(session, master_key_file), PivCard(session)
        if deployment is None or permission is None:
            card.unblock_pin(secrets.puk, _new_pin(pin_stdin))
        else:
            database = Database(load_settings(deployment).database_url)
            try:
                new = _new_pin(pin_stdin)
                unblock_by_permission(database, card, secrets, permission, new, SystemClock().now())
            finally:
                database.close()
        document = {"card": session.identity, "unblocked": True}
    _tell(document, as_json, f"{document['card']}: the PIN is set anew")


def unblock_by_permission(
    database: "Database", card: "PivCard", secrets: "CardSecrets", number: int, new: "Pin", at: "Instant"
) -> None:
    """Set the PIN anew with an officer's permission, which is used up before the card is touched.

    Errors: PinNotPermitted, PinPermissionUsed, PinPermissionExpired; ConnectionFailed (then another permission is
    needed); WrongPin or PinBlocked of the PUK.
    """
    from enrollment import pin_reset

    name = card.card_id()
    database.transaction(lambda conn: pin_reset.spend_at_once(conn, name, number, "piv", at))
    card.unblock_pin(secrets.puk, new)
    database.transaction(lambda conn: pin_reset.finish(conn, name, number, at, os.urandom))


# -- what the commands share ---------------------------------------------------------------------------------------


@contextmanager
def _session(reader: str | None) -> "Iterator[tuple[CardSession, Transcript]]":
    """The PIV card in that reader. A card with JPKI as well is asked for PIV only."""
    from cardio.evidence import Transcript
    from cardio.pcsc import Context
    from cardio.present_cards import CardKind, choose_reader, session_at

    transcript = Transcript()
    with Context(KEY_PATIENCE) as context:
        session = session_at(context, choose_reader(context, reader), CardKind.PIV, transcript.trace)
        with session:
            yield session, transcript


def _keep(deployment: Path, proofs: "Iterable[KeyProof]", transcript: "Transcript", at: "Instant") -> None:
    """Enter into a deployment's register that the card made this key, and the proof of it."""
    from cli.card_talks import kept_proof
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings
    from enrollment.card_keys import CardKeys

    database = Database(load_settings(deployment).database_url)
    try:
        register = CardKeys(database, SystemClock())
        for proof in proofs:
            if proof.step == "generate":
                register.made(proof.card_id, proof.purpose, proof.subject)
            register.told(kept_proof(proof, transcript, at))
    finally:
        database.close()


def _secrets(session: "CardSession", master_key_file: Path) -> "CardSecrets":
    from cardio.piv_personalisation import cipher_for, derive_secrets

    return derive_secrets(_master_key(master_key_file), session.identity, cipher_for(session))


def _master_key(file: Path) -> bytes:
    try:
        key = bytes.fromhex(read_secret(file).decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SecretMissing(str(file), "it does not hold 64 hex digits")
    return key


def _slot(
    session: "CardSession",
    master_key_file: Path,
    pin: "Pin | None",
    purpose: Purpose,
    algorithm: Algorithm | None,
    *,
    give_up_active: bool = False,
    pin_stdin: bool = False,
) -> "PivSlot":
    from cardio.piv_slot import PivSlot
    from cardio.piv_slots import KeyAlgorithm

    known = {
        Algorithm.RSA_2048: KeyAlgorithm.RSA_2048,
        Algorithm.RSA_3072: KeyAlgorithm.RSA_3072,
        Algorithm.P256: KeyAlgorithm.P256,
        Algorithm.P384: KeyAlgorithm.P384,
    }
    secrets = _secrets(session, master_key_file)
    return PivSlot(
        session,
        management_key=lambda: secrets.management_key,
        pin=lambda: pin if pin is not None else _ask_pin(pin_stdin),
        random=os.urandom,
        algorithms={purpose: known[algorithm]} if algorithm else {},
        give_up_active=give_up_active,
    )


def _ask_pin(pin_stdin: bool, prefix: str = "") -> "Pin":
    from cardio.pin import Pin
    from cardio.piv_commands import PIN_RULE

    if pin_stdin:
        return Pin(PIN_RULE, sys.stdin.readline().rstrip("\r\n"))
    return Pin(PIN_RULE, getpass.getpass(f"{prefix}{PIN_RULE.slot} ({PIN_RULE.sentence}): "))


def _new_pin(pin_stdin: bool) -> "Pin":
    from cardio.errors import PinMismatch

    new = _ask_pin(pin_stdin, "New ")
    if not pin_stdin and _ask_pin(pin_stdin, "Once more, new ") != new:
        raise PinMismatch
    return new


def _anchors(roots: list[Path], intermediates: list[Path]) -> "AttestationAnchors":
    from cardio.piv_attestation import AttestationAnchors
    from pki.certificate import parse_certificate

    return AttestationAnchors(
        [parse_certificate(path.read_bytes()) for path in roots],
        [parse_certificate(path.read_bytes()) for path in intermediates],
    )


def _attestation(attestation: "Attestation | None") -> dict[str, object] | None:
    if attestation is None:
        return None
    return {
        "slot": f"{attestation.slot:02x}",
        "firmware": ".".join(str(part) for part in attestation.firmware),
        "card_serial": attestation.card_serial,
        "pin_policy": attestation.pin_policy.name.lower(),
        "touch_policy": attestation.touch_policy.name.lower(),
        "fips": attestation.fips,
        "chain": [base64.b64encode(certificate).decode("ascii") for certificate in attestation.chain],
    }


def _tell(document: Mapping[str, object], as_json: bool, text: str) -> None:
    print(json.dumps(document, ensure_ascii=False) if as_json else text)
