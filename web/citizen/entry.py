"""Coming in and going out: pairing with the reader at home, card or code, log-out, and the quick way out."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Response

from enrollment.person import PersonId
from web.citizen.codes import LoginCodes
from web.citizen.resident import CARD, CODE, Door
from web.pages.card_login import CardLogin
from web.pages.router import ANYBODY, SOMEBODY, Pages, Visit, see_other
from web.readers.pairings import Pairings

ELSEWHERE = "https://www.jma.go.jp/bosai/forecast/"
"""Where the quick exit leads: the weather forecast, a page that anybody may have been looking at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What log-in needs."""

    door: Door
    login: CardLogin
    pairings: Pairings
    codes: LoginCodes
    used: Callable[[PersonId], None]
    """Notes that somebody came with their card; it never fails."""


def entry_pages(pages: Pages, entry: Entry) -> None:
    """The routes."""
    sessions = entry.door.sessions

    def pairing(visit: Visit) -> dict[str, object]:
        channel = entry.pairings.of_session(visit.session.handle)
        code = "" if channel else entry.pairings.code_for(visit.session.handle, sessions.realm)
        return {"channel": channel, "code": code}

    @pages.get("/citizen/login", ANYBODY)
    def login_page(visit: Visit) -> Response:
        if visit.who is not None:
            return see_other("/citizen/")
        challenge = entry.login.challenge(visit.session).nonce
        return pages.page(visit, "citizen/login.html", challenge=challenge, **pairing(visit))

    @pages.get("/citizen/pairing", ANYBODY)
    def pairing_part(visit: Visit) -> Response:
        """Asked every second until the reader's program is there; then the page is loaded anew, with leave to speak
        to it."""
        values = pairing(visit)
        if values["channel"]:
            return Response(status_code=204, headers={"hx-refresh": "true"})
        return pages.page(visit, "citizen/pairing.html", **values)

    @pages.post("/citizen/login/card", ANYBODY)
    def login_with_card(visit: Visit) -> Response:
        fingerprint = entry.login.fingerprint(visit.session, visit.form.get("token", ""))
        person = entry.door.of_card(fingerprint)
        answer = _logged_in(visit, person, fingerprint, CARD)
        entry.used(person)
        return answer

    @pages.post("/citizen/login/code", ANYBODY)
    def login_with_code(visit: Visit) -> Response:
        return _logged_in(visit, entry.codes.use(visit.form.get("code", "")), "", CODE)

    def _logged_in(visit: Visit, person: PersonId, fingerprint: str, method: str) -> Response:
        session = sessions.log_in(visit.session, person, fingerprint, method)
        entry.pairings.rename(visit.session.handle, session.handle)
        answer = see_other("/citizen/")
        sessions.put(answer, session)
        return answer

    @pages.post("/citizen/logout", SOMEBODY)
    def log_out(visit: Visit) -> Response:
        return _out(visit, see_other("/citizen/login"))

    @pages.post("/citizen/exit", SOMEBODY)
    def quick_exit(visit: Visit) -> Response:
        """Out at once: the session is over, and what the browser kept of these pages is gone.

        A form's answer may not lead to another site (form-action), so an empty page of ours does.
        """
        headers = {"refresh": f"0; url={ELSEWHERE}", "clear-site-data": '"cache", "cookies", "storage"'}
        return _out(visit, Response("", media_type="text/html", headers=headers))

    def _out(visit: Visit, answer: Response) -> Response:
        sessions.log_out(visit.session)
        entry.pairings.end(visit.session.handle)
        sessions.take(answer)
        return answer
