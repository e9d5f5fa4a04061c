"""Keys of a deployment's own services, each in a store that one role alone opens, with a certificate of our authority.

    verdicts      signs what the verification API answered          keys/verdicts       role relying-party
    time-stamps   signs the time (RFC 3161)                         keys/time-stamps    role time-stamps

A key is used for one certificate. A renewal makes the next key beside it, `verdicts-2` after `verdicts-1`; the older
certificates stay published, because what they signed stays to be checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection

from ca.authorities import ensure_key, self_request
from ca.directory import Database, Directory
from ca.file_key import FileKeyStore
from ca.intents import IntentId
from ca.issuance import Registrar, Signer, certificate_of
from ca.keys import KeyStore, SigningKey
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import PROFILES, KeyShape
from ca.sealing import Cost
from ca.store import issued as rows
from cli.keys import KeyFolder, Random
from cli.secrets import read_secret, write_secret
from cli.settings import Settings
from pki.certificate import Certificate
from pki.instant import Instant


class Service(StrEnum):
    """A service that signs with a key of its own."""

    VERDICTS = "verdicts"
    TIME_STAMPS = "time-stamps"


@dataclass(frozen=True, slots=True)
class _About:
    kind: ServiceKind
    common_name: str
    keys: KeyFolder


ABOUT: Mapping[Service, _About] = {
    service: _About(kind, name, KeyFolder(Path(f"keys/{service}"), Path(f"secrets/{service}-passphrase")))
    for service, kind, name in (
        (Service.VERDICTS, ServiceKind.VERDICT, "Verdicts"),
        (Service.TIME_STAMPS, ServiceKind.TIME_STAMP, "Time-stamp authority"),
    )
}


_CHEAP = Cost(memory_kib=8192, passes=1, lanes=1)
"""The passphrase is 32 octets by chance in a file: there is nothing to guess, and processes should start at once."""


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A service's key with its certificate and the authority above it."""

    key: SigningKey
    certificate: Certificate
    issuer: Certificate


def certify_service(
    database: Database, settings: Settings, authority_keys: KeyStore, service: Service, at: Instant, random: Random
) -> Certificate:
    """The next key of a service and its certificate; what a call before left unfinished is finished instead.

    Errors: SecretMissing, KeyStoreError, NoActiveAuthority.
    """
    about = ABOUT[service]
    store = _store(settings, about.keys, random)
    number = len(_numbers(store, service))
    if number == 0 or _certificate(database, service, number) is not None:
        number += 1
    key = ensure_key(store, f"{service}-{number}", KeyShape.P256)
    order = ServiceOrder(
        about.kind,
        self_request(key),
        about.common_name,
        settings.municipality.municipality_roman,
        f"service:{service}",
        "",
        None,
        _idempotency_key(service, number),
    )
    directory = Directory()
    intent = database.transaction(lambda conn: Registrar(PROFILES, directory, random).intend(conn, order, at))
    return Certificate(Signer(authority_keys, PROFILES, directory).sign(database, intent, at).der)


def open_service(settings: Settings, database: Database, service: Service, random: Random) -> ServiceKey | None:
    """The youngest key of a service that has a certificate; None where the deployment has none.

    Errors: SecretMissing, WrongPassphrase, KeyUnavailable, KeyFileDamaged.
    """
    about = ABOUT[service]
    if not settings.path(about.keys.folder).exists():
        return None
    store = _store(settings, about.keys, random)
    for number in reversed(_numbers(store, service)):
        found = _certificate(database, service, number)
        if found is not None:
            return ServiceKey(store.open(f"{service}-{number}"), *found)
    return None


def certificates(database: Database, service: Service) -> list[Certificate]:
    """Every certificate that a service ever had, youngest first: what their keys signed stays to be checked."""
    found: list[Certificate] = []
    while (one := _certificate(database, service, len(found) + 1)) is not None:
        found.append(one[0])
    return found[::-1]


def _store(settings: Settings, where: KeyFolder, random: Random) -> FileKeyStore:
    folder, secret = settings.path(where.folder), settings.path(where.passphrase_file)
    if not folder.exists():
        # the passphrase first: a store without one could never be opened again
        if not secret.exists():
            secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(secret, random(32).hex().encode() + b"\n")
        return FileKeyStore.lock(folder, read_secret(secret), random, cost=_CHEAP)
    return FileKeyStore.unlock(folder, read_secret(secret), random)


def _numbers(store: KeyStore, service: Service) -> list[int]:
    return sorted(int(label.rpartition("-")[2]) for label in store.labels() if label.startswith(f"{service}-"))


def _idempotency_key(service: Service, number: int) -> str:
    return f"service:{service}-{number}"


def _certificate(database: Database, service: Service, number: int) -> tuple[Certificate, Certificate] | None:
    """A service's certificate of that number, and its authority's."""
    key = _idempotency_key(service, number)

    def body(conn: Connection) -> tuple[Certificate, Certificate] | None:
        row = rows.intents_by_key(conn, [key]).get(key)
        issued = None if row is None else certificate_of(conn, IntentId(row.id))
        if issued is None:
            return None
        issuer = Directory().get(conn, issued.authority).certificate
        assert issuer is not None, "an authority that issued has its own certificate"
        return Certificate(issued.der), issuer

    return database.read(body)
