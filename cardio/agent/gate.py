"""Who comes through the agent's door at all: our Host, our Origin, the allowed page's Origin for its WebSocket and for
its preflight. Whoever else on this machine, or any page in its browser, finds it shut.
"""

from typing import Any, Final

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer a browser hides the Origin of our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """`hosts`: what we are called. `own`: the origins of our own page. `page`: the origin of our service's page."""

    def __init__(self, inner: ASGIApp, hosts: set[str], own: set[str], page: str) -> None:
        self._inner, self._hosts, self._own, self._page = inner, hosts, own, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin, host = headers.get("origin"), headers.get("host", "")
        if host not in self._hosts:
            await self._shut(scope, receive, send)
        elif scope["type"] == "websocket":
            allowed = origin == self._page and scope["path"] == "/reader"
            await (self._inner if allowed else self._shut)(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._preflight(origin, headers)(scope, receive, send)
        elif (
            (origin is not None and origin not in self._own)
            or (scope["method"] == "POST" and origin is None)
            or (headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/")
        ):
            await self._shut(scope, receive, send)
        else:
            await _dressed(self._inner)(scope, receive, send)

    def _preflight(self, origin: str | None, headers: dict[str, str]) -> Response:
        """Private Network Access: only the page of our service may come from a wider network to loopback."""
        if origin != self._page:
            return PlainTextResponse("", 403)
        answer = {"access-control-allow-origin": self._page, "vary": "Origin", "access-control-allow-methods": "GET"}
        if headers.get("access-control-request-private-network") == "true":
            answer["access-control-allow-private-network"] = "true"
        return PlainTextResponse("", 204, headers=answer)

    async def _shut(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(4403)
            return
        await PlainTextResponse("", 403, headers=_HEADERS)(scope, receive, send)


def _dressed(inner: ASGIApp) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        await inner(scope, receive, dressed)

    return run
