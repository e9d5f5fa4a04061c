"""How a deployment publishes CRLs, as its settings say: how often, how long they hold, and where they lie."""

from datetime import timedelta

from ca.crl import CrlPolicy
from ca.crl_schedule import CrlMaker
from ca.crl_shelf import FolderShelf, Shelf
from ca.directory import Database
from ca.keys import KeyStore
from cli.settings import Settings


def crl_policy(settings: Settings) -> CrlPolicy:
    """The intervals; a full CRL is made anew after half of its life, a delta after a third."""
    table = settings.status
    half, third = timedelta(hours=table.crl_hours) / 2, timedelta(minutes=table.delta_minutes)
    if not third:
        return CrlPolicy(half, 2 * half)
    return CrlPolicy(half, 2 * half, min(third, half), 3 * third)


def open_shelf(settings: Settings) -> Shelf:
    """Where published CRLs lie."""
    return FolderShelf(settings.path(settings.status.crls))


def make_crl_maker(settings: Settings, database: Database, keys: KeyStore, holder: str) -> CrlMaker:
    """What makes and publishes this deployment's CRLs; `holder` names the instance."""
    shelf, deltas = open_shelf(settings), settings.status.delta_minutes > 0
    return CrlMaker(database, keys, shelf, holder, crl_policy(settings), deltas=deltas)
