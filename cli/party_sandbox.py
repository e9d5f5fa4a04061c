"""Relying parties for trials: registered, with keys that lie beside the deployment, and a request to try them with.

DIR/parties/sandbox-library.key.pem     private keys, mode 0600
DIR/parties/request.json                a verification of a form that the first sample card signed
"""

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cli.secrets import read_secret, write_secret
from cli.settings import Settings
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.purpose import Purpose
from web.parties import FIELDS, Parties, RelyingParty

FOLDER = Path("parties")
KID = "1"
FORM = "図書館の利用を申し込みます。\n".encode()


def sandbox_parties(origin: str) -> tuple[RelyingParty, RelyingParty]:
    """A library that needs a name, and a city that may have everything. `origin`: where their pages would be."""
    return (
        RelyingParty(
            "sandbox-library",
            "見本図書館",
            "Mihon Library",
            frozenset(Purpose),
            "図書館条例第5条",
            frozenset({"name"}),
            frozenset({origin, "https://library.example"}),
            a_minute=60,
            sandbox=True,
        ),
        RelyingParty(
            "sandbox-city",
            "見本市役所",
            "Mihon City Hall",
            frozenset(Purpose),
            "住民基本台帳法",
            frozenset(FIELDS),
            frozenset({origin, "https://city.example"}),
            a_minute=600,
            may_have_evidence=True,
            sandbox=True,
        ),
    )


def make_sandbox(settings: Settings, parties: Parties, at: Instant) -> dict[str, Path]:
    """Register both, each with a key made now; where their private keys are, by party. Repeatable."""
    folder = settings.path(FOLDER)
    folder.mkdir(mode=0o700, exist_ok=True)
    found: dict[str, Path] = {}
    for party in sandbox_parties(settings.public_url):
        parties.register(party, at)
        file = found[party.party] = folder / f"{party.party}.key.pem"
        if not file.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            write_secret(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key = load_pem_private_key(read_secret(file) + b"\n", None)
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with suppress(InvalidValue):  # a call before, perhaps one that was cut short, had entered it
            parties.add_key(party.party, KID, spki, at)
    return found


def make_request(settings: Settings, at: Instant, random: Callable[[int], bytes], password: str) -> Path | None:
    """A request for a verification, of a form signed by the first card in DIR/cards; None without such a card."""
    from cardio import jpki
    from cardio.jpki_card import JpkiCard
    from cardio.session import CardSession
    from cardio.virtual_card import FileStorage
    from cardio.virtual_jpki import VirtualJpkiCard
    from pki import cms
    from pki.certificate import Certificate

    file = settings.path(FOLDER) / "request.json"
    cards = sorted(settings.path(Path("cards")).glob("*.card"))
    if file.exists() or not cards:
        return file if file.exists() else None
    card = JpkiCard(CardSession.of_memory(VirtualJpkiCard(FileStorage(cards[0]), random), jpki.identify))
    pin = jpki.pin(Purpose.SIGNATURE, password)
    octets = card.read(Purpose.SIGNATURE, pin)
    if octets is None:
        return None
    certificate = Certificate(octets)
    attributes = cms.to_be_signed(hashlib.new(cms.digest_name(certificate), FORM).digest(), certificate, at)
    signature = cms.assemble(attributes, card.sign(Purpose.SIGNATURE, pin, attributes), certificate)
    request = {
        "document": base64.b64encode(FORM).decode(),
        "signature": base64.b64encode(signature).decode(),
        "fields": ["name"],
        "affairs": "図書館の利用登録",
    }
    file.write_text(json.dumps(request, ensure_ascii=False, indent=1), encoding="utf-8")
    file.with_name("form.txt").write_bytes(FORM)
    file.with_name("form.p7s").write_bytes(signature)
    return file


def how_to_try(settings: Settings, party: str, key: Path, request: Path) -> str:
    """Lines for a shell in the repository."""
    url = settings.public_url
    return (
        f"export PYTHONPATH=clients/python JITSUIN={url} JITSUIN_PARTY={party} JITSUIN_KID={KID} JITSUIN_KEY={key}\n"
        f"curl -sS $JITSUIN/v1/verifications -H 'Content-Type: application/json' --data-binary @{request} \\\n"
        f'  -H "Authorization: Bearer $(python -m jitsuin_client assertion {request})"'
    )
