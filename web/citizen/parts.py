"""What a person's pages work with: handed in once, and the same for all."""

from collections.abc import Callable
from dataclasses import dataclass

from enrollment.store import Database
from pki.instant import Clock
from web.citizen.resident import Door
from web.consents import Consents
from web.readers.pairings import Pairings


@dataclass(frozen=True, slots=True)
class Citizen:
    """The parts. `log_key`: an owner's code → the verifier key of its log. `party_name`: a party's id → its name."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    door: Door
    pairings: Pairings
    consents: Consents
    service: str
    log_key: Callable[[str], str]
    party_name: Callable[[str], str]
