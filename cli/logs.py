"""The transparency logs of a deployment: one for each municipality, published as files."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.secrets import read_secret, write_secret
from cli.settings import Settings
from enrollment.store import people
from pki.errors import InvalidValue
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer
from transparency.store import Database


def create_log(settings: Settings, municipality: str, random: Callable[[int], bytes]) -> None:
    """A key for the log of a municipality, and the folder that it is published in, with the public key beside it."""
    keys = settings.path(settings.log.keys)
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(keys / municipality, random(32).hex().encode() + b"\n")
    _folder(settings, municipality).begin(_signer(settings, municipality).verifier)


def open_logs(settings: Settings, database: Database) -> list[Log]:
    """The logs of this deployment's municipalities, whatever a crash left mended.

    Errors: SecretMissing; LogBehind or ForkDetected when the store is not the one that was published.
    """
    logs = []
    for municipality in database.read(people.municipalities):
        log = Log(
            database,
            municipality.code,
            _signer(settings, municipality.code),
            _folder(settings, municipality.code),
        )
        log.recover()
        logs.append(log)
    return logs


def _folder(settings: Settings, municipality: str) -> Folder:
    return Folder(settings.path(settings.log.folder) / municipality)


def _signer(settings: Settings, municipality: str) -> Signer:
    try:
        key = Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(read_secret(settings.path(settings.log.keys) / municipality).decode("ascii"))
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidValue("a log's key is 64 hex digits") from error
    return Signer(f"{settings.log.name}/{municipality}", key)
