"""`/about/who-can-see-what`: the table from which the database's own rights are made, in words, with live numbers.

GET /about/who-can-see-what     the page, in the language asked for (`?lang=ja`, `?lang=en`, or Accept-Language)
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from enrollment.isolation import LOCAL_PLANES, LOCAL_WORDS, RIGHTS, ROLE_WORDS, WORDS, Group, Right, Told
from enrollment.store import Connection, Database
from enrollment.store.counts import looks_since, rows_by_group
from pki.instant import Clock, Instant
from web.language import Language, preferred

FRESH: Final = timedelta(minutes=1)
"""Counting costs time: the numbers are so old at most."""
WINDOW: Final = timedelta(days=30)

RIGHT_WORDS: Final = {
    Right.READ: Told("読む", "read"),
    Right.WRITE: Told("読む・書く", "read and write"),
    Right.KNOW: Told(
        "管理する市区町村と状態だけ（氏名・住所は不可）", "only who keeps them and their state, no name, no address"
    ),
    Right.OWN: Told("自分の住民の分だけ読む", "read, of its own residents only"),
}
NOTHING: Final = Told("見られない", "nothing")


def make_about_router(database: Database, clock: Clock, otherwise: Language) -> APIRouter:
    """The route above."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(
        loader=PackageLoader("web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("about.html")
    numbers = _Numbers(database)

    @router.get("/about/who-can-see-what")
    def page(request: Request) -> Response:
        asked = request.query_params.get("lang")
        accepted = preferred(request.headers.get("accept-language"), otherwise)
        language = Language(asked) if asked in list(Language) else accepted
        word = _in(language)
        counted_at, counts, looks = numbers.at(clock.now())
        html = template.render(
            lang=language.value,
            at=0 if language is Language.JA else 1,
            groups=[(word(WORDS[group]), counts[group]) for group in Group],
            roles=[
                (
                    word(ROLE_WORDS[role]),
                    word(LOCAL_WORDS) if role in LOCAL_PLANES else "",
                    [word(RIGHT_WORDS[rights[group]] if group in rights else NOTHING) for group in Group],
                )
                for role, rights in RIGHTS.items()
            ],
            looks=looks,
            days=WINDOW.days,
            counted_at=counted_at.iso(),
        )
        return HTMLResponse(html, headers={"content-language": language.value, "vary": "Accept-Language"})

    return router


def _in(language: Language) -> Callable[[Told], str]:
    return lambda told: told.ja if language is Language.JA else told.en


class _Numbers:
    """The counts, made anew once they are a minute old, by one request at a time."""

    def __init__(self, database: Database) -> None:
        self._database, self._lock = database, Lock()
        self._kept: tuple[Instant, dict[Group, int], dict[str, int]] | None = None

    def at(self, now: Instant) -> tuple[Instant, dict[Group, int], dict[str, int]]:
        """When they were counted; rows by group; looks by function."""
        with self._lock:
            if self._kept is None or now - self._kept[0] >= FRESH:
                counts, looks = self._database.read(lambda conn: _count(conn, now))
                self._kept = now, counts, looks
            return self._kept


def _count(conn: Connection, now: Instant) -> tuple[dict[Group, int], dict[str, int]]:
    counted = rows_by_group(conn)
    return {group: counted[group] for group in Group}, looks_since(conn, now + -WINDOW)
