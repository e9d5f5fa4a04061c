"""One-time codes from a counter: for somebody who was seen there, and has no reader at home."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Final

from enrollment.errors import NotYours
from enrollment.operators import Operator, Role
from enrollment.person import PersonId
from enrollment.store import Connection, people
from pki.instant import Clock, Instant
from verifier.errors import TokenRefused
from web.errors import QuotaExhausted
from web.store import Database
from web.store import sessions as rows

LIFE: Final = timedelta(hours=24)
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, O, 1 and I. 32 letters, 12 places: 60 bits."""
_PLACES: Final = 12
_MOST_WRONG_A_MINUTE: Final = 30


@dataclass(slots=True)
class LoginCodes:
    """Giving and using them. The database knows only a code's hash. Safe for threads."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    _wrong: list[Instant] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def give(self, person: PersonId, operator: Operator) -> str:
        """A new code for somebody of the operator's own municipality who stands in front of them; worth one log-in
        within a day. Errors: NotYours, RoleMissing, OperatorNotValid, UnknownPerson.
        """
        now = self.clock.now()
        return self.database.transaction(lambda conn: self.give_in(conn, person, operator, now))

    def give_in(self, conn: Connection, person: PersonId, operator: Operator, now: Instant) -> str:
        """The same in the caller's transaction."""
        operator.require(Role.CLERK, now, person)
        if people.owner_of(conn, person) != operator.owner:
            raise NotYours(operator.owner)
        code = "".join(_ALPHABET[octet % len(_ALPHABET)] for octet in self.random(_PLACES))
        rows.add_login_code(conn, _hash(code), person, operator.operator, now + LIFE)
        return code

    def stands(self, person: PersonId, code: str) -> bool:
        """Whether it is an unused code of this person: what may be printed for them."""
        now = self.clock.now()
        return self.database.read(lambda conn: rows.login_code_of(conn, _hash(_plain(code)), now)) == person

    def use(self, typed: str) -> PersonId:
        """Whose code it is, once. Errors: TokenRefused; QuotaExhausted after many wrong ones in a minute."""
        now = self.clock.now()
        with self._lock:
            self._wrong = [one for one in self._wrong if now - one < timedelta(minutes=1)]
            if len(self._wrong) >= _MOST_WRONG_A_MINUTE:
                raise QuotaExhausted(_MOST_WRONG_A_MINUTE, 60)
        code = _plain(typed)
        person = self.database.transaction(lambda conn: rows.use_login_code(conn, _hash(code), now))
        if person is None:
            with self._lock:
                self._wrong.append(now)
            raise TokenRefused("code", "unknown")
        return PersonId(person)


def _plain(typed: str) -> str:
    return typed.upper().replace("-", "").replace(" ", "")


def shown(code: str) -> str:
    """As it is printed: in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _hash(code: str) -> str:
    return hashlib.sha256(b"jitsuin login code\n" + code.encode()).hexdigest()
