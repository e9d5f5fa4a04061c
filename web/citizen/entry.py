"""Coming in and going out: card or code, log-out, and the quick way out."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Response

from enrollment.person import PersonId
from web.citizen.codes import LoginCodes
from web.citizen.resident import CARD, CODE, Door
from web.pages.coming_in import ComingIn
from web.pages.router import ANYBODY, SOMEBODY, Visit, see_other

ELSEWHERE = "https://www.jma.go.jp/bosai/forecast/"
"""Where the quick exit leads: the weather forecast, a page that anybody may have been looking at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What log-in needs."""

    coming_in: ComingIn
    door: Door
    codes: LoginCodes
    used: Callable[[PersonId], None]
    """Notes that somebody came with their card; it never fails."""


def entry_pages(entry: Entry) -> None:
    """The routes."""
    coming_in, pages = entry.coming_in, entry.coming_in.pages
    coming_in.add_pairing()

    @pages.get("/citizen/login", ANYBODY)
    def login_page(visit: Visit) -> Response:
        if visit.who is not None:
            return see_other("/citizen/")
        return coming_in.show(visit, "citizen/login.html")

    @pages.post("/citizen/login/card", ANYBODY)
    def login_with_card(visit: Visit) -> Response:
        fingerprint = coming_in.fingerprint(visit)
        person = entry.door.of_card(fingerprint)
        answer = coming_in.log_in(visit, person, fingerprint, CARD)
        entry.used(person)
        return answer

    @pages.post("/citizen/login/code", ANYBODY)
    def login_with_code(visit: Visit) -> Response:
        return coming_in.log_in(visit, entry.codes.use(visit.form.get("code", "")), "", CODE)

    @pages.post("/citizen/logout", SOMEBODY)
    def log_out(visit: Visit) -> Response:
        return coming_in.log_out(visit, see_other("/citizen/login"))

    @pages.post("/citizen/exit", SOMEBODY)
    def quick_exit(visit: Visit) -> Response:
        """Out at once: the session is over, and what the browser kept of these pages is gone.

        A form's answer may not lead to another site (form-action), so an empty page of ours does.
        """
        headers = {"refresh": f"0; url={ELSEWHERE}", "clear-site-data": '"cache", "cookies", "storage"'}
        return coming_in.log_out(visit, Response("", media_type="text/html", headers=headers))
