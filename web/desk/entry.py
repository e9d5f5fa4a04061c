"""Coming in and going out: pairing, log-in with card or passkey, log-out."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from enrollment.store import people as people_rows
from pki.errors import Error
from verifier.errors import TokenRefused
from web.desk.officer import CARD, Door
from web.pages.card_login import CardLogin
from web.pages.passkeys import Passkeys
from web.pages.router import ANYBODY, SOMEBODY, Pages, Visit, see_other
from web.readers.pairings import Channel, Pairings

FORGET_SECONDS: Final = 3.0
"""For the agent to make the card forget its PIN at the log-out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What log-in needs."""

    door: Door
    login: CardLogin
    pairings: Pairings
    passkeys: Passkeys


def entry_pages(pages: Pages, entry: Entry) -> None:
    """The routes."""
    sessions = entry.door.sessions

    def pairing(visit: Visit) -> dict[str, object]:
        channel: Channel | None = entry.pairings.of_session(visit.session.handle)
        code = "" if channel else entry.pairings.code_for(visit.session.handle, sessions.realm)
        return {"channel": channel, "code": code}

    @pages.get("/desk/login", ANYBODY)
    def login_page(visit: Visit) -> Response:
        if visit.who is not None:
            return see_other("/desk/")
        return pages.page(
            visit,
            "desk/login.html",
            challenge=entry.login.challenge(visit.session).nonce,
            passkeys=True,
            passkey_challenge=entry.passkeys.challenge(visit.session),
            passkey_host=entry.passkeys.host,
            **pairing(visit),
        )

    @pages.get("/desk/pairing", ANYBODY)
    def pairing_part(visit: Visit) -> Response:
        """Asked every second until the agent is there; then the page is loaded anew, with leave to speak to it."""
        values = pairing(visit)
        if values["channel"]:
            return Response(status_code=204, headers={"hx-redirect": "/desk/login"})
        return pages.page(visit, "desk/pairing.html", **values)

    @pages.post("/desk/login/card", ANYBODY)
    def login_with_card(visit: Visit) -> Response:
        fingerprint = entry.login.fingerprint(visit.session, visit.form.get("token", ""))
        operator = entry.door.database.read(lambda conn: people_rows.operator_by_card(conn, fingerprint))
        if operator is None or not operator.validity.contains(entry.door.clock.now()):
            raise TokenRefused("operator", "unknown")
        entry.door.line_of(visit.session, 100)  # without the reader nobody would notice the card being pulled
        return _logged_in(visit, operator.operator, fingerprint, CARD)

    @pages.post("/desk/login/passkey", ANYBODY)
    def login_with_passkey(visit: Visit) -> Response:
        subject = entry.passkeys.verify(visit.session, visit.form.get("credential", ""))
        return _logged_in(visit, subject, "", "passkey")

    def _logged_in(visit: Visit, subject: str, fingerprint: str, method: str) -> Response:
        session = sessions.log_in(visit.session, subject, fingerprint, method)
        entry.pairings.rename(visit.session.handle, session.handle)
        answer = see_other("/desk/")
        sessions.put(answer, session)
        return answer

    @pages.post("/desk/passkeys", SOMEBODY)
    def add_passkey(visit: Visit) -> Response:
        if visit.session.row.method != CARD:
            raise TokenRefused("method", "only with the card")
        entry.passkeys.register(visit.session, visit.form.get("credential", ""), visit.who.operator.operator)
        return see_other("/desk/")

    @pages.post("/desk/logout", SOMEBODY)
    def log_out(visit: Visit) -> Response:
        if visit.session.row.method == CARD:
            with suppress(Error):  # an agent that is gone has let the card go
                entry.door.line_of(visit.session).call("forget", {}, FORGET_SECONDS)
        sessions.log_out(visit.session)
        entry.pairings.end(visit.session.handle)
        answer = see_other("/desk/login")
        sessions.take(answer)
        return answer
