"""Coming in with a card and going out again, the same for all pages: the reader, the session, the log-out."""

from dataclasses import dataclass

from fastapi import Response

from web.pages.card_login import CardLogin
from web.pages.router import ANYBODY, Pages, Visit, see_other
from web.readers.pairings import Pairings


@dataclass(frozen=True, slots=True)
class ComingIn:
    """What log-in needs. `root`: where these pages begin, like `/desk/`; the log-in is below it."""

    pages: Pages
    login: CardLogin
    pairings: Pairings
    root: str

    def offered(self, visit: Visit) -> dict[str, object]:
        """The visitor's reader, or the code that pairs it."""
        return self.pairings.offered(visit.session.handle, self.pages.sessions.realm)

    def add_pairing(self) -> None:
        """The route of the part of pages that waits for the reader's program: asked every second until it is there;
        then the page is loaded anew, with leave to speak to it."""

        @self.pages.get(f"{self.root}pairing", ANYBODY)
        def pairing_part(visit: Visit) -> Response:
            values = self.offered(visit)
            if values["channel"]:
                return Response(status_code=204, headers={"hx-refresh": "true"})
            return self.pages.page(visit, "pages/pairing.html", **values)

    def show(self, visit: Visit, template: str, **values: object) -> Response:
        """The log-in page, with a new challenge."""
        challenge = self.login.challenge(visit.session).nonce
        return self.pages.page(visit, template, challenge=challenge, **values, **self.offered(visit))

    def fingerprint(self, visit: Visit) -> str:
        """Of the card that signed the visitor's challenge. Errors: as `CardLogin.fingerprint`."""
        return self.login.fingerprint(visit.session, visit.form.get("token", ""))

    def log_in(self, visit: Visit, subject: str, fingerprint: str, method: str) -> Response:
        """A new session of `subject`, which keeps the reader."""
        sessions = self.pages.sessions
        session = sessions.log_in(visit.session, subject, fingerprint, method)
        self.pairings.rename(visit.session.handle, session.handle)
        answer = see_other(self.root)
        sessions.put(answer, session)
        return answer

    def log_out(self, visit: Visit, answer: Response) -> Response:
        """The session and its reader are over, and the browser forgets."""
        self.pages.sessions.log_out(visit.session)
        self.pairings.end(visit.session.handle)
        self.pages.sessions.take(answer)
        return answer
