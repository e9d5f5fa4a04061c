"""How a deployment publishes CRLs, as its settings say: how often, how long they hold, and where they lie."""

from datetime import timedelta

from ca.crl import CrlPolicy
from ca.crl_schedule import CrlMaker
from ca.crl_shelf import FolderShelf, Shelf
from ca.directory import Database
from ca.keys import KeyStore
from cli.clock import SystemClock
from cli.errors import SecretMissing
from cli.secrets import read_secret
from cli.settings import Settings


def crl_policy(settings: Settings) -> CrlPolicy:
    """The intervals; a full CRL is made anew after half of its life, a delta after a third."""
    table = settings.status
    half, third = timedelta(hours=table.crl_hours) / 2, timedelta(minutes=table.delta_minutes)
    if not third:
        return CrlPolicy(half, 2 * half)
    return CrlPolicy(half, 2 * half, min(third, half), 3 * third)


def open_shelf(settings: Settings) -> Shelf:
    """Where published CRLs lie: the folder, or the bucket. Errors: SecretMissing."""
    table = settings.bucket
    if table.endpoint is None:
        return FolderShelf(settings.path(settings.status.crls))
    from ca.s3_shelf import Bucket, Credentials, S3Shelf  # its HTTP is loaded only where a bucket is meant

    file = settings.path(table.access_key_file)
    key_id, _, secret = read_secret(file).decode("utf-8", "replace").partition("\n")
    if not key_id.strip() or not secret.strip():
        raise SecretMissing(str(file), "it has not the key's id and the secret in two lines")
    bucket = Bucket(table.endpoint, table.name, table.region, table.prefix)
    # The true time, whatever the deployment's clock says: the store compares it with its own.
    return S3Shelf(bucket, Credentials(key_id.strip(), secret.strip()), SystemClock().now)


def keep_crls(settings: Settings) -> timedelta | None:
    """How long CRLs are kept after their end; None for ever."""
    days = settings.status.crl_keep_days
    return timedelta(days=days) if days else None


def make_crl_maker(settings: Settings, database: Database, keys: KeyStore, holder: str) -> CrlMaker:
    """What makes and publishes this deployment's CRLs; `holder` names the instance."""
    shelf, deltas = open_shelf(settings), settings.status.delta_minutes > 0
    return CrlMaker(database, keys, shelf, holder, crl_policy(settings), deltas=deltas)
