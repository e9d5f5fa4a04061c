"""Coming in and going out: log-in with card or passkey, log-out."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from enrollment.store import people as people_rows
from pki.errors import Error
from verifier.errors import TokenRefused
from web.desk.officer import CARD, Door
from web.pages.coming_in import ComingIn
from web.pages.passkeys import Passkeys
from web.pages.router import ANYBODY, SOMEBODY, Visit, see_other

FORGET_SECONDS: Final = 3.0
"""For the agent to make the card forget its PIN at the log-out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What log-in needs."""

    coming_in: ComingIn
    door: Door
    passkeys: Passkeys


def entry_pages(entry: Entry) -> None:
    """The routes."""
    coming_in, pages = entry.coming_in, entry.coming_in.pages
    coming_in.add_pairing()

    @pages.get("/desk/login", ANYBODY)
    def login_page(visit: Visit) -> Response:
        if visit.who is not None:
            return see_other("/desk/")
        return coming_in.show(
            visit,
            "desk/login.html",
            passkey_challenge=entry.passkeys.challenge(visit.session),
            passkey_host=entry.passkeys.host,
        )

    @pages.post("/desk/login/card", ANYBODY)
    def login_with_card(visit: Visit) -> Response:
        fingerprint = coming_in.fingerprint(visit)
        operator = entry.door.database.read(lambda conn: people_rows.operator_by_card(conn, fingerprint))
        if operator is None or not operator.validity.contains(entry.door.clock.now()):
            raise TokenRefused("operator", "unknown")
        entry.door.line_of(visit.session, 100)  # without the reader nobody would notice the card being pulled
        return coming_in.log_in(visit, operator.operator, fingerprint, CARD)

    @pages.post("/desk/login/passkey", ANYBODY)
    def login_with_passkey(visit: Visit) -> Response:
        subject = entry.passkeys.verify(visit.session, visit.form.get("credential", ""))
        return coming_in.log_in(visit, subject, "", "passkey")

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
        return coming_in.log_out(visit, see_other("/desk/login"))
