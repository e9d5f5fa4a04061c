"""WebAuthn for those who may log in without their card: only py_webauthn's judgement, our challenges, our table.

A passkey is registered by somebody who is logged in with the card; it must verify its user (PIN or finger), and is
discoverable, so that no name is typed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException

from pki.instant import Clock
from verifier.challenge import Challenges
from verifier.errors import TokenRefused
from web.pages.sessions import Session
from web.store import Database
from web.store import sessions as rows


@dataclass(slots=True)
class Passkeys:
    """The passkeys of one realm. `origin`: this server's own."""

    realm: str
    origin: str
    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    _challenges: Challenges = field(init=False)

    def __post_init__(self) -> None:
        self._challenges = Challenges(self.random)

    @property
    def host(self) -> str:
        """The relying party's id."""
        return urlsplit(self.origin).hostname or ""

    def challenge(self, session: Session) -> str:
        """A fresh challenge for this session, base64url; an older one is void."""
        nonce = self._challenges.issue(session.handle, self.clock.now()).nonce
        return bytes_to_base64url(nonce.encode())

    def register(self, session: Session, credential: str, subject: str) -> None:
        """Keep a new passkey of `subject`. Errors: ChallengeRefused, TokenRefused."""
        expected = self._challenges.take(session.handle, self.clock.now()).encode()
        try:
            made = verify_registration_response(
                credential=_document(credential),
                expected_challenge=expected,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as wrong:
            raise TokenRefused("passkey", type(wrong).__name__) from wrong
        self.database.transaction(
            lambda conn: rows.add_passkey(
                conn,
                bytes_to_base64url(made.credential_id),
                self.realm,
                subject,
                bytes_to_base64url(made.credential_public_key),
                made.sign_count,
                self.clock.now(),
            )
        )

    def verify(self, session: Session, credential: str) -> str:
        """Whose passkey answered this session's challenge. Errors: ChallengeRefused, TokenRefused."""
        expected = self._challenges.take(session.handle, self.clock.now()).encode()
        document = _document(credential)
        name = str(document.get("id", ""))
        known = self.database.read(lambda conn: rows.passkey(conn, self.realm, name))
        if known is None:
            raise TokenRefused("passkey", "unknown")
        subject, public_key, count = known
        try:
            seen = verify_authentication_response(
                credential=document,
                expected_challenge=expected,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=base64url_to_bytes(public_key),
                credential_current_sign_count=count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as wrong:
            raise TokenRefused("passkey", type(wrong).__name__) from wrong
        moved = self.database.transaction(lambda conn: rows.passkey_used(conn, name, count, seen.new_sign_count))
        if not moved:
            raise TokenRefused("passkey", "used twice at once")
        return subject

    def count(self, subject: str) -> int:
        """How many passkeys somebody has."""
        return len(self.database.read(lambda conn: rows.passkeys_of(conn, self.realm, subject)))


def _document(text: str) -> dict[str, object]:
    try:
        found = json.loads(text) if len(text) < 20_000 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TokenRefused("passkey", "unreadable")
    return found
