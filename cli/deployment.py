"""Making a deployment: settings, secrets, keys, tables, two authorities, a municipality with its desks and operators.

Everything is made in a folder beside the place and moved there whole at the end: a deployment is never half there.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from ca import authorities
from ca.directory import Directory
from ca.file_key import FileKeyStore, Passphrase
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.orders import ServiceKind, ServiceOrder
from ca.parameters import Parameters, Partitioning
from ca.profiles import PROFILES, KeyShape, Variant
from cli.database import Database
from cli.errors import DatabaseInUse, FolderNotEmpty, PassphraseUnfit, SettingWrong
from cli.keys import OPERATOR_KEYS, DeploymentKeys
from cli.listening import split_address
from cli.logs import create_log
from cli.secrets import read_secret, write_secret
from cli.services import Service, certify_service
from cli.settings import FILE, Settings, load_settings
from cli.unlocking import Ask, Opening, UnlockBy, ask_at_terminal, choose
from enrollment import acts, rules
from enrollment.counters import POST_OFFICE_AFFAIRS, Affair, Counter, CounterKind
from enrollment.operators import Operator, Role
from enrollment.policy import CapPolicy
from enrollment.store import Connection, people
from pki.certificate import Certificate
from pki.instant import Instant, Validity
from pki.municipality import Municipality
from pki.purpose import Purpose
from web.store import training

Random = Callable[[int], bytes]
Progress = Callable[[str], None]

MAIN, POST_OFFICE = "main", "post-office"
CLERK, SUPERVISOR, POSTAL_CLERK = "clerk", "supervisor", "postal-clerk"
PROTECTION_OFFICER = "protection-officer"
_BY_FILE = Opening()
_APPOINTED = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class Desks:
    """The names that desks and operators get: the municipality's code before each, and `suffix` behind it.

    The suffix tells those who were appointed later from those of the beginning.
    """

    code: str
    suffix: str = ""

    def __call__(self, name: str) -> str:
        return f"{self.code}-{name}{self.suffix}"


def create_deployment(
    folder: Path,
    settings: Settings,
    at: Instant,
    random: Random,
    progress: Progress,
    opening: Opening = _BY_FILE,
    ask: Ask = ask_at_terminal,
    *,
    signed_acts: bool = True,
) -> Settings:
    """A new deployment in `folder`; its settings as they will be loaded from there. `opening` says who will open the
    authorities' keys; people are asked first, before anything is made. `signed_acts`: from now on nothing is done in
    the municipality without the officer's card.

    Errors: FolderNotEmpty, SettingWrong (no port for the addresses in certificates), DatabaseInUse, DatabaseNewer,
    DatabaseFull, DatabaseUnavailable, PassphraseUnfit, NobodyToAsk; OSError of the file system. After any of them
    `folder` is as it was; a database elsewhere may have got authorities whose keys are gone, and is of no more use.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(str(folder))
    if settings.service.public_url is None and split_address(settings.service.listen)[1] == 0:
        raise SettingWrong("service.listen", "certificates name the address of OCSP: choose a port, or set public_url")
    opened_with = None
    if settings.authorities.pkcs11_module is None:
        opened_with = choose(settings, opening, random, ask)
    elif opening.by is not UnlockBy.FILE:
        raise PassphraseUnfit("the token has its own PIN and its own custodians")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.parent / f".{folder.name}.{random(4).hex()}"
    beside.mkdir(mode=0o700)
    try:
        _fill(beside, settings, at, random, progress, opening, opened_with, signed_acts=signed_acts)
        beside.rename(folder)  # over an empty folder, or where there is none: either all of it or nothing
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(beside)
        raise
    return load_settings(folder)


def _fill(
    folder: Path,
    settings: Settings,
    at: Instant,
    random: Random,
    progress: Progress,
    opening: Opening,
    opened_with: Passphrase | None,
    *,
    signed_acts: bool,
) -> None:
    (folder / FILE).write_text(settings_text(settings), encoding="utf-8")
    here = load_settings(folder)
    progress("secrets")
    _make_secrets(here, random)
    if opened_with is not None:
        _make_authority_store(here, opening, opened_with, random)
    _take_token_pin(settings, here)
    progress("database")
    database = Database(here.database_url)
    try:
        database.migrate()
        if database.read(Directory().all):
            raise DatabaseInUse
        if here.desk.training:
            database.transaction(lambda conn: training.mark(conn, at))
        journaled = JournaledDatabase(database, JournalFile(here.path(here.status.journal)))
        keys = DeploymentKeys(here, random, opened_with)
        for purpose in Purpose:
            progress(f"authority {purpose.value}")
            _make_authority(journaled, here, keys, purpose, at, random)
        progress("municipality")
        _make_municipality(journaled, here, at, random, keys, signed_acts=signed_acts)
        create_log(here, here.municipality.code, random)
        progress("services")
        for service in Service:
            certify_service(journaled, here, keys.authorities, service, at, random)
    finally:
        database.close()


def _make_secrets(settings: Settings, random: Random) -> None:
    stores = {
        settings.path(settings.status.keys): settings.path(settings.status.passphrase_file),
        settings.path(OPERATOR_KEYS.folder): settings.path(OPERATOR_KEYS.passphrase_file),
    }
    for keys, passphrase_file in stores.items():
        passphrase = random(32).hex().encode()
        passphrase_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(passphrase_file, passphrase + b"\n")
        FileKeyStore.lock(keys, passphrase, random)
    write_secret(settings.path(settings.cards.master_key_file), random(16).hex().encode() + b"\n")


def _make_authority_store(settings: Settings, opening: Opening, opened_with: Passphrase, random: Random) -> None:
    if opening.by is UnlockBy.FILE and isinstance(opened_with, bytes):
        write_secret(settings.path(settings.authorities.passphrase_file), opened_with + b"\n")
    FileKeyStore.lock(settings.path(settings.authorities.keys), opened_with, random, needed=opening.needed)


def _take_token_pin(given: Settings, here: Settings) -> None:
    """The token's PIN, copied from beside the settings that were handed in, where the authorities' keys are in one."""
    if given.authorities.pkcs11_module is None:
        return
    pin_file = given.authorities.pkcs11_pin_file
    if not pin_file.is_absolute() and given.path(pin_file).exists():  # otherwise it is asked for
        write_secret(here.path(pin_file), read_secret(given.path(pin_file)) + b"\n")


def _make_authority(
    database: JournaledDatabase, settings: Settings, keys: DeploymentKeys, purpose: Purpose, at: Instant, random: Random
) -> None:
    authorities.create(
        database,
        keys.authorities,
        purpose,
        Variant(settings.authorities.profile),
        at,
        random,
        parameters=Parameters(
            policy_arc=settings.authorities.policy_arc,
            ocsp_uri=f"{settings.public_url}/ocsp/{purpose.value}-1",
            delta_uri=f"{settings.public_url}/crl/{{authority}}/{{name}}.crl",
            partitioning=_partitioning(settings),
            partitions=settings.authorities.crl_partitions,
        ),
        responder_keys=keys.responders,
    )


def _partitioning(settings: Settings) -> Partitioning:
    table = settings.authorities
    return Partitioning(table.crl_partition_by) if table.crl_partitions > 1 else Partitioning.NONE


def _make_municipality(
    database: JournaledDatabase,
    settings: Settings,
    at: Instant,
    random: Random,
    keys: DeploymentKeys,
    *,
    signed_acts: bool,
) -> None:
    table, caps = settings.municipality, settings.caps
    name = Desks(table.code)

    def register(conn: Connection) -> None:
        people.add_municipality(
            conn, Municipality(table.code, table.prefecture_roman, table.municipality_roman, table.name)
        )
        policy = CapPolicy(
            version="1",
            effective_from=at,
            max_consecutive=caps.max_consecutive,
            max_years_since_anchor=caps.max_years,
            max_total=caps.max_total,
            total_window_years=caps.total_years,
        )
        rules.adopt(conn, policy, at, name(SUPERVISOR))
        if signed_acts:
            acts.demand(conn, table.code, at, name(SUPERVISOR))

    database.transaction(register)
    appoint(database, settings, name, at, random, keys)


def appoint(
    database: JournaledDatabase,
    settings: Settings,
    name: Desks,
    at: Instant,
    random: Random,
    keys: DeploymentKeys | None = None,
) -> None:
    """A main counter and a designated post office of the settings' municipality, and an operator for each seat.

    Their keys are files of this deployment; appointments and designation last five years from `at`.
    """
    table = settings.municipality
    period = Validity(at, at + _APPOINTED)
    desks = (
        Counter(name(MAIN), table.code, CounterKind.MUNICIPAL_MAIN, f"{table.name}役所 市民課", frozenset(Affair)),
        Counter(
            name(POST_OFFICE),
            table.code,
            CounterKind.POST_OFFICE,
            f"{table.name}郵便局",
            POST_OFFICE_AFFAIRS,
            period,
            "見本市議会議決 第1号",
        ),
    )
    keys = keys or DeploymentKeys(settings, random)
    cards = {
        who: _operator_certificate(database, table.municipality_roman, keys, name(who), at, random)
        for who in _OPERATORS
    }

    def register(conn: Connection) -> None:
        for counter in desks:
            people.add_counter(conn, counter)
        for who, (desk, roles) in _OPERATORS.items():
            fingerprint = cards[who].fingerprint.hex()
            people.add_operator(conn, Operator(name(who), table.code, roles, fingerprint, name(desk), period))

    database.transaction(register)


_OPERATORS: Mapping[str, tuple[str, frozenset[Role]]] = {
    CLERK: (MAIN, frozenset({Role.CLERK})),
    SUPERVISOR: (MAIN, frozenset({Role.SUPERVISOR, Role.POLICY, Role.PROTECTION})),
    PROTECTION_OFFICER: (MAIN, frozenset({Role.CLERK, Role.PROTECTION})),
    POSTAL_CLERK: (POST_OFFICE, frozenset({Role.CLERK})),
}
"""Whoever sets a flag or asks for a protected address needs a second person: the supervisor decides what the protection
officer or a clerk proposes, and a flag is released by those two who work with flags."""


def _operator_certificate(
    database: JournaledDatabase,
    town: str,
    keys: DeploymentKeys,
    operator: str,
    at: Instant,
    random: Random,
) -> Certificate:
    """A key in software and its certificate for an operator who has no card yet."""
    key = keys.operators.create(operator, KeyShape.RSA_2048)
    directory = Directory()
    order = ServiceOrder(
        ServiceKind.OPERATOR,
        authorities.self_request(key),
        operator,
        town,
        operator,
        "",
        None,
        f"operator:{operator}",
    )
    intent = database.transaction(lambda conn: Registrar(PROFILES, directory, random).intend(conn, order, at))
    issued = Signer(keys.authorities, PROFILES, directory).sign(database, intent, at)
    return Certificate(issued.der)


def settings_text(settings: Settings) -> str:
    """A settings file with these values; every key is written, so that a later default changes no deployment."""
    lines = ["# The settings of this deployment; config/example.toml explains every key.", ""]
    for name in type(settings).model_fields:
        table: BaseModel = getattr(settings, name)
        lines.append(f"[{name}]")
        for key, value in table.model_dump(mode="json").items():
            if value is not None:
                # JSON's strings and numbers are TOML's too
                lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        lines.append("")
    return "\n".join(lines)
