"""A TLS client certificate for a relying party, by the profile of the authority for log-ins, and its registration."""

import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.directory import Directory
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import PROFILES
from cli.database import Database
from cli.keys import open_authority_keys
from cli.settings import Settings
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from web.parties import Parties, RelyingParty


def issue_client_certificate(
    settings: Settings, parties: Parties, party: str, request: bytes, out: Path, at: Instant
) -> Certificate:
    """The certificate, written to `out` and registered for `party`; the same request gives the same one again.

    Errors: Malformed, InvalidValue for a party that is not registered; those of issuing; FileExistsError.
    """
    registered = parties.registered(party)
    if registered is None:
        raise InvalidValue("a registered party expected")
    if out.exists():
        raise FileExistsError(17, os.strerror(17), str(out))
    issued = _issued(settings, registered, _request_der(request), at)
    if not parties.has_certificate(party, issued.fingerprint):
        parties.add_certificate(party, issued.fingerprint, at)
    with out.open("xb") as file:
        file.write(issued.x509.public_bytes(Encoding.PEM))
    return issued


def _issued(settings: Settings, party: RelyingParty, request: bytes, at: Instant) -> Certificate:
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        directory = Directory()
        spki = x509.load_der_x509_csr(request).public_key()
        order = ServiceOrder(
            ServiceKind.TLS_CLIENT,
            request,
            party.party,
            party.name_en,
            f"party:{party.party}",
            "",
            None,
            f"party:{party.party}:{_name_of(spki)}",
        )
        registrar = Registrar(PROFILES, directory, secrets.token_bytes)
        intent = journaled.transaction(lambda conn: registrar.intend(conn, order, at))
        signer = Signer(open_authority_keys(settings, secrets.token_bytes), PROFILES, directory)
        return Certificate(signer.sign(journaled, intent, at).der)
    finally:
        database.close()


def _name_of(key: object) -> str:
    return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()  # type: ignore[arg-type]


def _request_der(octets: bytes) -> bytes:
    try:
        if octets.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_csr(octets).public_bytes(Encoding.DER)
        return x509.load_der_x509_csr(octets).public_bytes(Encoding.DER)
    except ValueError as bad:
        raise Malformed("a certification request expected") from bad
