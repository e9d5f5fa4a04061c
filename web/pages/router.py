"""Routes with a guard: who may call each is said where it is made, and kept where a test can read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from pki.errors import Error
from web.errors import NoSession
from web.pages.forms import Form, read_form, require_own
from web.pages.rendering import Renderer
from web.pages.sessions import Session, Sessions

ANYBODY: Final = "anybody"
"""The guard of a route that needs nobody to be logged in."""
SOMEBODY: Final = "somebody"
"""The guard of a route for whoever is logged in here."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as a page's function gets it. `who` is what the pages' `admit` made of the session's subject."""

    request: Request
    session: Session
    form: Form
    who: Any


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the test of role × route reads."""

    method: str
    path: str
    guards: frozenset[str]


@dataclass(slots=True)
class Pages:
    """One set of pages.

    `admit` makes of a session whoever it belongs to, or raises (card pulled, appointment over); `allow` says whether
    they satisfy one guard. Errors of a page's function are shown as a page (`error_template`).
    """

    sessions: Sessions
    renderer: Renderer
    origin: str
    admit: Callable[[Session], Any]
    allow: Callable[[Any, str], None]
    login_path: str
    error_template: str = "pages/refusal.html"
    on_error: Callable[[Error, Any], None] = lambda _error, _who: None
    away: Callable[[Request, Form, Error], Response | None] = lambda _request, _form, _error: None
    """An answer of their own to an error that says that a part of the service is away."""
    router: APIRouter = field(default_factory=lambda: APIRouter(include_in_schema=False))
    guarded: list[Guarded] = field(default_factory=list)

    def get(self, path: str, *guards: str) -> Callable[[Callable[[Visit], Response]], Callable[[Visit], Response]]:
        """A page. Of several guards one is enough; `ANYBODY` lets everybody in."""
        return self._route("GET", path, guards)

    def post(self, path: str, *guards: str) -> Callable[[Callable[[Visit], Response]], Callable[[Visit], Response]]:
        """A form's target: only from our own page in the same session."""
        return self._route("POST", path, guards)

    def page(self, visit: Visit, template: str, **values: Any) -> Response:
        """Render for this visit."""
        return self.renderer.page(visit.request, template, visit.session, who=visit.who, **values)

    def _route(
        self, method: str, path: str, guards: Sequence[str]
    ) -> Callable[[Callable[[Visit], Response]], Callable[[Visit], Response]]:
        assert guards, "a route without a guard"
        self.guarded.append(Guarded(method, path, frozenset(guards)))

        def register(function: Callable[[Visit], Response]) -> Callable[[Visit], Response]:
            async def endpoint(request: Request) -> Response:
                form = await read_form(request) if method == "POST" else Form({})
                return await run_in_threadpool(self._serve, request, form, guards, function)

            self.router.add_api_route(path, endpoint, methods=[method], response_model=None, name=f"{method} {path}")
            return function

        return register

    def _serve(
        self, request: Request, form: Form, guards: Sequence[str], function: Callable[[Visit], Response]
    ) -> Response:
        session: Session | None = None
        begun = False
        who: Any = None
        try:
            session = self.sessions.of(request)
            begun = session is None
            if request.method == "POST":
                require_own(request, session, form, self.origin)
            if session is None:
                session = self.sessions.begin()
            if session.subject:
                who = self.admit(session)
            if ANYBODY not in guards:
                self._require(who, guards)
            answer = function(Visit(request, session, form, who))
        except NoSession:
            answer = self._to_login(request)
        except Error as error:
            instead = self.away(request, form, error)
            if instead is not None:
                return instead
            self.on_error(error, who)
            answer = self.renderer.refusal(request, error, session, self.error_template, who=who)
        given = any(one.startswith(f"{self.sessions.cookie_name}=") for one in answer.headers.getlist("set-cookie"))
        if begun and session is not None and not given:
            self.sessions.put(answer, session)
        return answer

    def _require(self, who: Any, guards: Sequence[str]) -> None:
        if who is None:
            raise NoSession
        if SOMEBODY in guards:
            return
        refusal: Error | None = None
        for guard in guards:
            try:
                self.allow(who, guard)
            except Error as error:
                refusal = error
            else:
                return
        if refusal is not None:
            raise refusal

    def _to_login(self, request: Request) -> Response:
        """htmx follows a header, a browser the redirect."""
        if request.headers.get("hx-request") == "true":
            return Response(status_code=204, headers={"hx-redirect": self.login_path})
        return Response(status_code=303, headers={"location": self.login_path})


def see_other(path: str) -> Response:
    """After a form: look at `path` now. A reload repeats nothing."""
    return Response(status_code=303, headers={"location": path})
