"""Pages out of templates: escaped, in one language, with a nonce of their own, and nothing from anywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from pki.errors import Error
from pki.instant import JAPAN, Instant
from web.language import Language
from web.pages.sessions import Session
from web.pages.static import StaticFile
from web.pages.wording import Book, PageLanguage, language_of, plain_speaker, speaker
from web.problems import problem_of

LANGUAGE_COOKIE = "jitsuin-language"


def minute(at: Instant) -> str:
    """An instant as people in Japan write it down: 2026-11-23 09:30."""
    return at.datetime.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M")


@dataclass(slots=True)
class Renderer:
    """Renders the templates of one set of pages. `connect`: further places that a session's scripts may
    speak to (the agent beside the reader)."""

    book: Book
    static: Mapping[str, StaticFile]
    random: Callable[[int], bytes]
    connect: Callable[[Session | None], tuple[str, ...]] = lambda _session: ()
    common: Mapping[str, Any] = field(default_factory=dict)
    """What every template of these pages is given."""
    live: Callable[[], Mapping[str, Any]] = dict
    """The same, asked anew for each page."""
    _environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["minute"] = minute

    def language(self, request: Request) -> PageLanguage:
        """The language of this request's answer."""
        chosen = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
        return language_of(chosen, request.headers.get("accept-language"))

    def page(
        self,
        request: Request,
        template: str,
        session: Session | None,
        *,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """An answer. Every template also gets: t (words), plain (words without ruby), lang, nonce, session, path."""
        language = self.language(request)
        nonce = self.random(18).hex()
        html = self._environment.get_template(template).render(
            **{
                **self.common,
                **self.live(),
                "book": self.book,
                "t": speaker(self.book, language),
                "plain": plain_speaker(self.book, language),
                "lang": language,
                "languages": tuple(PageLanguage),
                "nonce": nonce,
                "session": session,
                "path": request.url.path,
                "static": {name: one.url for name, one in self.static.items()},
                **values,
            }
        )
        headers = {
            "content-security-policy": self._policy(nonce, session),
            "content-language": language.tag,
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",  # with no-referrer a browser hides the Origin of our own forms
            "vary": "Accept-Language, Cookie",
        }
        answer = HTMLResponse(html, status_code=status, headers=headers)
        asked = request.query_params.get("lang")
        if asked in set(PageLanguage):
            answer.set_cookie(
                LANGUAGE_COOKIE,
                str(asked),
                max_age=365 * 86400,
                path="/",
                secure=True,
                httponly=True,
                samesite="strict",
            )
        return answer

    def refusal(
        self, request: Request, error: Error, session: Session | None, template: str, **values: Any
    ) -> HTMLResponse:
        """An error as a page: what it is, why, and what to do."""
        language = self.language(request)
        problem = problem_of(error, Language.JA if language.is_japanese else Language.EN)
        return self.page(request, template, session, status=problem.status, problem=problem, **values)

    def _policy(self, nonce: str, session: Session | None) -> str:
        connect = " ".join(("'self'", *self.connect(session)))
        return (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
            f"connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
