"""One web application from the routers it is handed: limits, headers, problems, health, and a log without people.

Every answer carries an `X-Request-Id` and the security headers; every error is a problem (RFC 9457). The log names the
route as it is written in the code (`/filings/{id}`), never the path or query that was asked for: those may name people.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pki.errors import Error
from web.direct_route import Direct
from web.language import Language, preferred
from web.problems import BAD_REQUEST, LATER, MEDIA_TYPE, TITLES, TOO_LARGE, Problem, problem_of, unforeseen

log = logging.getLogger("jitsuin.web")

Application = ASGIApp
"""What `compose` makes and an HTTP server runs."""

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""Sent with every answer that does not set the header itself (OCSP and CRL answers may be cached, and say so)."""
_SECURITY_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


@dataclass(frozen=True, slots=True)
class Frame:
    """What an application is given besides its routers."""

    random: Callable[[int], bytes]
    """For request ids."""
    stopwatch: Callable[[], float]
    """Seconds that only ever grow, for the log's durations."""
    language: Language = Language.JA
    """For those who do not ask for one."""
    max_body: int = 2 * 1024 * 1024
    """The largest request body, in octets."""
    body_seconds: float = 20.0
    """How long a request body may take, from its head to its end."""
    checks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """What must hold for `/ready`: a name and a function that raises where it does not."""


def compose(title: str, routers: Sequence[APIRouter], frame: Frame) -> Application:
    """An application that serves `routers`, `/health`, `/ready` and `/problems/{code}`."""
    application = FastAPI(
        title=title, docs_url=None, redoc_url=None, swagger_ui_oauth2_redirect_url=None, openapi_url="/openapi.json"
    )
    for router in routers:
        application.include_router(router)
    application.include_router(_own_routes(frame))

    def language(request: Request) -> Language:
        return preferred(request.headers.get("accept-language"), frame.language)

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, Error)
        problem = problem_of(error, language(request))
        if error.code not in TITLES:
            log.error("unlisted error %s", error.code, extra={"request_id": request.scope.get("jitsuin.id")})
        return _send(problem, language(request))

    async def on_unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # The values are not repeated: they may be anything, a PIN typed into the wrong field included.
        wrong = [{"at": ".".join(map(str, part["loc"])), "what": part["msg"]} for part in error.errors()]
        return _send(
            _plain_problem(HTTPStatus.UNPROCESSABLE_ENTITY, language(request), {"wrong": wrong}), language(request)
        )

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _send(_plain_problem(HTTPStatus(error.status_code), language(request)), language(request), error.headers)

    async def on_unforeseen(request: Request, _error: Exception) -> Response:
        request.scope["jitsuin.answered"] = True
        return _send(unforeseen(language(request)), language(request))

    handlers = {
        Error: on_error,
        RequestValidationError: on_unreadable,
        HTTPException: on_http,
        Exception: on_unforeseen,
    }
    for kind, handler in handlers.items():
        application.add_exception_handler(kind, handler)

    async def on_any(request: Request, error: Exception) -> Response:
        return await next(handler for kind, handler in handlers.items() if isinstance(error, kind))(request, error)

    direct = Direct(application, routers, on_any)
    return _Outermost(_BodyLimit(direct, frame.max_body, frame.body_seconds, frame.language), frame)


def _own_routes(frame: Frame) -> APIRouter:
    router = APIRouter()

    @router.get("/health", include_in_schema=False)
    def health() -> dict[str, str]:
        """This process answers."""
        return {"status": "ok"}

    @router.get("/ready", include_in_schema=False)
    def ready(request: Request) -> Response:
        """Everything this process needs answers too; if not, which part does not (by name, nothing more)."""
        failing = []
        for name, check in frame.checks.items():
            try:
                check()
            except Exception as error:
                log.warning("not ready: %s (%s)", name, type(error).__name__)
                failing.append(name)
        if not failing:
            return Response('{"status":"ok"}', media_type="application/json")
        wanted = preferred(request.headers.get("accept-language"), frame.language)
        problem = _plain_problem(HTTPStatus.SERVICE_UNAVAILABLE, wanted, {"failing": failing})
        return _send(problem, wanted)

    @router.get("/problems/{code}", include_in_schema=False)
    def about(code: str, request: Request) -> dict[str, object]:
        """What a problem's `type` points at: its status and title."""
        title = TITLES.get(code)
        if title is None:
            raise HTTPException(404)
        wanted = preferred(request.headers.get("accept-language"), frame.language)
        return {"code": code, "status": int(title.status), "title": title.in_language(wanted)}

    return router


def _plain_problem(status: HTTPStatus, language: Language, fields: Mapping[str, object] | None = None) -> Problem:
    """A problem of HTTP itself, without a code of ours."""
    known = {title.status: title for title in (BAD_REQUEST, LATER, TOO_LARGE)}
    title = known[status].in_language(language) if status in known else status.phrase
    return Problem(int(status), f"http.{int(status)}", title, status.description or status.phrase, "", fields or {})


def _send(problem: Problem, language: Language, headers: Mapping[str, str] | None = None) -> Response:
    extra = {"content-language": language.value, "vary": "Accept-Language", **(headers or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("retry-after", "1")
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS and isinstance(problem.fields.get("seconds"), int):
        extra.setdefault("retry-after", str(problem.fields["seconds"]))
    # names of unknown members are repeated, and may have half a surrogate pair, which has no form in UTF-8
    body = json.dumps(problem.document(), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=extra)


class _BodyLimit:
    """Refuses a request body over the limit, whether or not its length was announced, and one that does not end."""

    def __init__(self, inner: ASGIApp, limit: int, seconds: float, language: Language) -> None:
        self._inner, self._limit, self._seconds, self._language = inner, limit, seconds, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        seen = 0
        whole = False
        deadline = asyncio.get_running_loop().time() + self._seconds

        async def counted() -> Message:
            nonlocal seen, whole
            if whole:
                return await receive()  # it waits for the end of the connection, however long the answer takes
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, headers={"connection": "close"}) from None
            whole = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise HTTPException(TOO_LARGE.status, headers={"connection": "close"})
            return message

        await self._inner(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        language = preferred(accepted, self._language)
        fields = {"max_octets": self._limit}
        await _send(_plain_problem(TOO_LARGE.status, language, fields), language, {"connection": "close"})(
            scope, receive, send
        )


class _Outermost:
    """Request id, security headers, the log line, and the 500 that tells nothing."""

    def __init__(self, inner: ASGIApp, frame: Frame) -> None:
        self._inner, self._frame = inner, frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        request_id = self._frame.random(8).hex()
        scope["jitsuin.id"] = request_id
        begun = self._frame.stopwatch()
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = [*message.get("headers", ()), *scope.get("jitsuin.headers", ())]
                message = {**message, "headers": _dressed(given, request_id)}
            await send(message)

        try:
            await self._inner(scope, receive, dressed)
        except Exception as error:
            # Its text may hold what somebody sent: only its kind and place are written down.
            log.error("unforeseen %s at %s", type(error).__name__, _place(error), extra={"request_id": request_id})
            if not scope.get("jitsuin.answered"):
                raise  # in the middle of an answer: the server closes the connection
        finally:
            spent = round((self._frame.stopwatch() - begun) * 1000, 1)
            route = getattr(scope.get("route"), "path", "-")
            fields: dict[str, Any] = {"request_id": request_id, "status": status, "ms": spent}
            log.info("%s %s %d %.1f ms %s", scope["method"], route, status, spent, request_id, extra=fields)


def _dressed(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name.lower() for name, _ in given}
    added = [header for header in _SECURITY_HEADERS if header[0] not in names]
    return [*given, *added, (b"x-request-id", request_id.encode())]


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else "?"
