"""Where a deployment's keys are, as its settings say: encrypted files, or a PKCS#11 token for the authorities."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ca.file_key import FileKeyStore, Passphrase
from ca.keys import KeyStore
from cardio.card_management import CardManager, MasterKeys
from cli.card_talks import kept
from cli.errors import SecretMissing
from cli.secrets import read_secret
from cli.settings import Settings
from cli.unlocking import authority_passphrase, token_pin
from enrollment.card_keys import CardKeys
from enrollment.store import Database
from pki.instant import Clock

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder of encrypted keys and the file of the passphrase that opens it, from the deployment's folder."""

    folder: Path
    passphrase_file: Path


OPERATOR_KEYS = KeyFolder(Path("keys/operators"), Path("secrets/operators-passphrase"))
"""Operators of a trial who have no card: their keys are files here. A real operator's key never leaves their card."""


def open_authority_keys(settings: Settings, random: Random, opened_with: Passphrase | None = None) -> KeyStore:
    """The authorities' keys, opened with `opened_with` or else with what `cli.unlocking` finds or asks for.

    Errors: SecretMissing, NobodyToAsk, NotEnoughCustodians, WrongPassphrase, KeyUnavailable, KeyStoreError.
    """
    table = settings.authorities
    if table.pkcs11_module is not None:
        from ca.pkcs11_key import Pkcs11KeyStore  # the library is loaded only where a token is meant

        pin = token_pin(settings) if not isinstance(opened_with, bytes) else opened_with.decode()
        return Pkcs11KeyStore(table.pkcs11_module, table.pkcs11_token, pin)
    passphrase = opened_with if opened_with is not None else authority_passphrase(settings)
    return FileKeyStore.unlock(settings.path(table.keys), passphrase, random)


def open_responder_keys(settings: Settings, random: Random) -> KeyStore:
    """The OCSP responders' keys. Errors: as above."""
    return _open(settings, KeyFolder(settings.status.keys, settings.status.passphrase_file), random)


def open_operator_keys(settings: Settings, random: Random) -> KeyStore:
    """The keys of operators without a card. Errors: as above."""
    return _open(settings, OPERATOR_KEYS, random)


def card_master_keys(settings: Settings) -> MasterKeys:
    """The keys that manage this deployment's cards. Errors: SecretMissing."""
    file = settings.path(settings.cards.master_key_file)
    try:
        key = bytes.fromhex(read_secret(file).decode("ascii"))
    except ValueError:
        key = b""
    if len(key) not in (16, 32):
        raise SecretMissing(str(file), "it does not hold 32 or 64 hex digits")
    return MasterKeys({1: key})


class DeploymentKeys:
    """The stores of a deployment, each opened once, when first asked for: opening one is meant to cost time."""

    def __init__(self, settings: Settings, random: Random, opened_with: Passphrase | None = None) -> None:
        self._settings, self._random, self._opened_with = settings, random, opened_with

    @cached_property
    def authorities(self) -> KeyStore:
        """As `open_authority_keys`."""
        return open_authority_keys(self._settings, self._random, self._opened_with)

    @cached_property
    def responders(self) -> KeyStore:
        """As `open_responder_keys`."""
        return open_responder_keys(self._settings, self._random)

    @cached_property
    def operators(self) -> KeyStore:
        """As `open_operator_keys`."""
        return open_operator_keys(self._settings, self._random)


def _open(settings: Settings, where: KeyFolder, random: Random) -> KeyStore:
    passphrase = read_secret(settings.path(where.passphrase_file))
    return FileKeyStore.unlock(settings.path(where.folder), passphrase, random)


def card_manager(settings: Settings, database: Database, clock: Clock, random: Random) -> CardManager:
    """Whoever manages this deployment's cards; every key that a card makes for it is recorded as made there, and of
    every conversation with a card what is to be kept.

    Errors: SecretMissing.
    """
    register = CardKeys(database, clock)
    return CardManager(
        card_master_keys(settings), random, register.made, lambda talk: register.told(kept(talk, clock.now()))
    )
