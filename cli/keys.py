"""Where a deployment's keys are, as its settings say: encrypted files, or a PKCS#11 token for the authorities."""

from collections.abc import Callable

from ca.file_key import FileKeyStore
from ca.keys import KeyStore
from cli.secrets import read_secret
from cli.settings import Settings


def open_authority_keys(settings: Settings, random: Callable[[int], bytes]) -> KeyStore:
    """The authorities' keys. Errors: SecretMissing, WrongPassphrase, KeyUnavailable, KeyStoreError."""
    table = settings.authorities
    return FileKeyStore.unlock(settings.path(table.keys), read_secret(settings.path(table.passphrase_file)), random)


def open_responder_keys(settings: Settings, random: Callable[[int], bytes]) -> KeyStore:
    """The OCSP responders' keys. Errors: as above."""
    table = settings.status
    return FileKeyStore.unlock(settings.path(table.keys), read_secret(settings.path(table.passphrase_file)), random)
