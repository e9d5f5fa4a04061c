"""What somebody prepares at home for the counter: a code that is scanned there once, and fills in the form.

The code names nobody: a random number and a keyed checksum over everything that was prepared (HMAC-SHA-256 under a
secret of its own, RFC 2104, cut to 80 bits), in letters and digits that any scanner types. So a made-up or changed code
is told from one that was used or is too old, without saying whose it was.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from enrollment.errors import NotYours
from enrollment.person import PersonId
from pki.instant import Clock
from web.errors_prefills import PrefillExpired, PrefillForged, PrefillUsed
from web.pages.rendering import minute
from web.store import Connection, Database
from web.store import prefills as rows
from web.store.prefills import Prefill

LIFE: Final = timedelta(days=7)
_HALF: Final = 10
"""Octets of the number and of the checksum: 16 letters each in base32 (RFC 4648 6)."""


@dataclass(frozen=True, slots=True)
class Prefills:
    """Giving them at home, taking them at the desk."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]

    def give(self, person: PersonId, owner: str, document: Mapping[str, Any]) -> Prefill:
        """New, for the desks of the municipality `owner`; what the person had prepared before is void."""
        at = self.clock.now()
        one = Prefill(
            self.random(_HALF).hex(), person, owner, document, self.random(32), made_at=at, void_after=at + LIFE
        )
        self.database.transaction(lambda conn: rows.add(conn, one))
        return one

    def waiting_of(self, person: PersonId) -> Prefill | None:
        """What somebody has prepared and not brought yet."""
        at = self.clock.now()
        return self.database.read(lambda conn: rows.unused_of(conn, person, at))

    def look(self, typed: str, owner: str) -> Prefill:
        """What a scanned code stands for, at a desk of `owner`.

        Errors: PrefillForged for what was never given out like that; PrefillUsed; PrefillExpired; NotYours elsewhere.
        """
        plain = "".join(typed.upper().replace("-", "").split())
        try:
            octets = base64.b32decode(plain, casefold=False)
        except (binascii.Error, ValueError):
            raise PrefillForged from None
        if len(octets) != 2 * _HALF:
            raise PrefillForged
        at = self.clock.now()
        one = self.database.read(lambda conn: rows.find(conn, octets[:_HALF].hex()))
        if one is None:
            raise PrefillForged
        if one.used_at is not None:
            raise PrefillUsed(minute(one.used_at))
        if not hmac.compare_digest(octets[_HALF:], _checksum(one)):
            raise PrefillForged
        if at > one.void_after:
            raise PrefillExpired(minute(one.void_after))
        if one.owner != owner:
            raise NotYours(owner)
        return one

    def use(self, conn: Connection, one: Prefill, work: str) -> None:
        """Use it up for that work, in its transaction. Errors: PrefillUsed."""
        at = self.clock.now()
        if not rows.use(conn, one.ticket, work, at):
            raise PrefillUsed(minute(at))


def code_of(one: Prefill) -> str:
    """The code, in eight groups of four."""
    plain = base64.b32encode(bytes.fromhex(one.ticket) + _checksum(one)).decode()
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def _checksum(one: Prefill) -> bytes:
    told = json.dumps(dict(one.document), sort_keys=True)
    message = "\n".join(("jitsuin prefill", one.ticket, one.person, one.owner, str(one.void_after.seconds), told))
    return hmac.new(one.secret, message.encode(), hashlib.sha256).digest()[:_HALF]
