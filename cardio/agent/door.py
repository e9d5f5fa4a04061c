"""The agent's HTTP door on loopback: its own page, and the WebSocket of the one paired web page.

    GET  /              the agent's page: pair, see the readers, answer a question. Shown on the resident's screen
    GET  /changes       waits until the page should look again
    POST /pair, /unpair, /answer, /cancel     forms of that page
    GET  /reader        WebSocket: {"ticket"} first, then {"id", "operation", …}; events come as {"event", …}

Whoever else on this machine, or any page in its browser, finds every door shut: the Host must be ours (or a name would
be rebound to us), the Origin must be ours for forms and on the list for the WebSocket, the ticket must be the paired
one, and one page at a time may hold it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from cardio.agent.agent import Agent, Pairing
from cardio.agent.readers import Snapshot
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording import language_of, wording
from cardio.errors import CardError

TICKET_SECONDS: Final = 5.0
"""Seconds in which a new WebSocket must show its ticket."""
MESSAGES_A_SECOND: Final = 20
LONGEST_MESSAGE: Final = 512 * 1024
LONGEST_FORM: Final = 4096
CHANGES_SECONDS: Final = 20.0
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


class Door:
    """The application. `pair` asks the service what a one-time code is worth (errors: AgentRefused)."""

    def __init__(self, agent: Agent, port: int, pair: Callable[[str], Pairing], random: Callable[[int], bytes]) -> None:
        self._agent, self._pair = agent, pair
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
        self._own = {f"http://{host}" for host in self._hosts}
        self._token = random(16).hex()
        self._page_open = False
        environment = Environment(
            loader=PackageLoader("cardio.agent"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._template = environment.get_template("page.html")
        here = files("cardio.agent").joinpath("static")
        self._static = {name: here.joinpath(name).read_text("utf-8") for name in ("agent.css", "agent.js")}
        self._said = ""
        agent.readers.listen(lambda _snapshot: agent.prompts.touch())

    def application(self) -> ASGIApp:
        """What an HTTP server runs."""
        inner = Starlette(
            routes=[
                Route("/", self._show),
                Route("/changes", self._changes),
                Route("/static/{name}", self._sheet),
                Route("/pair", self._on_pair, methods=["POST"]),
                Route("/unpair", self._on_unpair, methods=["POST"]),
                Route("/answer", self._on_answer, methods=["POST"]),
                Route("/cancel", self._on_cancel, methods=["POST"]),
                WebSocketRoute("/reader", self._socket),
            ],
            exception_handlers={AgentRefused: _malformed},
        )
        return _Gate(inner, self._hosts, self._own, self._agent.origin)

    # -- the agent's own page --------------------------------------------------------------------------------------

    def _show(self, request: Request) -> Response:
        language = language_of(request.query_params.get("lang"), request.headers.get("accept-language"))
        page = self._template.render(
            lang=language,
            t=wording(language),
            agent=self._agent,
            prompt=self._agent.prompts.open,
            readers=self._agent.readers.now,
            version=self._agent.prompts.version,
            token=self._token,
            said=self._said,
        )
        return HTMLResponse(page, headers={"content-language": language})

    async def _changes(self, request: Request) -> Response:
        """Waits in slices: a thread is not held for a page that may be left open all day."""
        since = request.query_params.get("since", "0")
        known = int(since) if since.isdigit() and len(since) < 12 else 0
        for _ in range(int(CHANGES_SECONDS / 0.25)):
            if self._agent.prompts.version != known:
                break
            await asyncio.sleep(0.25)
        prompt = self._agent.prompts.open
        return JSONResponse({"version": self._agent.prompts.version, "prompt": prompt.number if prompt else ""})

    def _sheet(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return PlainTextResponse("not found", 404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(self._static[name], media_type=kind)

    async def _on_pair(self, request: Request) -> Response:
        form = await self._form(request)
        code = form.get("code", "").strip().upper().replace("-", "").replace(" ", "")
        self._said = ""
        try:
            if not 6 <= len(code) <= 12 or not code.isalnum():
                raise AgentRefused(Refusal.CODE_UNKNOWN)
            self._agent.pair(await asyncio.to_thread(self._pair, code))
        except AgentRefused as refused:
            self._said = refused.refusal.value
        return self._back()

    async def _on_unpair(self, request: Request) -> Response:
        await self._form(request)
        self._agent.pair(None)
        return self._back()

    async def _on_answer(self, request: Request) -> Response:
        form = await self._form(request)
        number = form.pop("number", "")
        self._agent.prompts.answer(number, form)
        await asyncio.sleep(0.1)  # the card answers meanwhile, and the page shows what came of it
        return self._back()

    async def _on_cancel(self, request: Request) -> Response:
        form = await self._form(request)
        self._agent.prompts.cancel(form.get("number", ""))
        return self._back()

    def _back(self) -> Response:
        return RedirectResponse("/", 303)

    async def _form(self, request: Request) -> dict[str, str]:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > LONGEST_FORM:
                raise AgentRefused(Refusal.MALFORMED)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))
        if form.pop("token", "") != self._token:
            raise AgentRefused(Refusal.MALFORMED)
        return form

    # -- the paired page -------------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            async with asyncio.timeout(TICKET_SECONDS):
                first = _read(await socket.receive_text())
            self._agent.require_ticket(first.get("ticket"))
            if self._page_open:
                raise AgentRefused(Refusal.SECOND_PAGE)
        except (TimeoutError, AgentRefused, WebSocketDisconnect, KeyError) as refused:
            await _refuse(socket, refused)
            return
        self._page_open = True
        try:
            async with self._telling(socket):
                await self._converse(socket)
        except WebSocketDisconnect:
            pass
        except AgentRefused as refused:
            await _refuse(socket, refused)
        finally:
            self._page_open = False
            self._agent.prompts.cancel()  # nobody waits for the answer any more

    @contextlib.asynccontextmanager
    async def _telling(self, socket: WebSocket) -> AsyncIterator[None]:
        """Events of the readers to the page, for as long as it listens."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Snapshot] = asyncio.Queue(64)

        def put(snapshot: Snapshot) -> None:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(snapshot)

        def heard(snapshot: Snapshot) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(put, snapshot)

        async def tell() -> None:
            while True:
                snapshot = await queue.get()
                await _send(socket, {"event": "readers", **snapshot.document()})

        self._agent.readers.listen(heard)
        await _send(socket, {"event": "readers", **self._agent.readers.now.document()})
        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            self._agent.readers.unlisten(heard)
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await telling

    async def _converse(self, socket: WebSocket) -> None:
        """One operation at a time: a page that asks again while the person is being asked is told that we are busy."""
        loop = asyncio.get_running_loop()
        running: asyncio.Task[None] | None = None
        window, count = loop.time(), 0
        try:
            while True:
                message = _read(await socket.receive_text())
                if loop.time() - window > 1.0:
                    window, count = loop.time(), 0
                count += 1
                if count > MESSAGES_A_SECOND:
                    raise AgentRefused(Refusal.FLOOD)
                self._agent.require_ticket(message.get("ticket"))  # it may have been paired anew meanwhile
                number = message.get("id")
                if message.get("operation") == "cancel":
                    self._agent.prompts.cancel()
                elif running is not None and not running.done():
                    await _send(socket, {"id": number, "error": Refusal.BUSY.value})
                else:
                    running = asyncio.create_task(self._do(socket, number, message))
        finally:
            if running is not None:
                self._agent.prompts.cancel()
                with contextlib.suppress(BaseException):
                    await asyncio.wait_for(running, 5)

    async def _do(self, socket: WebSocket, number: object, message: dict[str, Any]) -> None:
        arguments = message.get("arguments")
        try:
            result = await asyncio.to_thread(
                self._agent.page, message.get("operation"), arguments if isinstance(arguments, dict) else {}
            )
            answer = {"id": number, "result": result}
        except AgentRefused as refused:
            answer = {"id": number, "error": refused.refusal.value}
        except CardError as error:
            answer = {"id": number, "error": error.code}
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await _send(socket, answer)


class _Gate:
    """Who may come in at all: our Host, our Origin, the allowed page's Origin for its WebSocket and its preflight."""

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


def _malformed(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("", 400)


def _read(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text) if len(text) <= LONGEST_MESSAGE else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise AgentRefused(Refusal.MALFORMED)
    return message


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(message, separators=(",", ":")))


async def _refuse(socket: WebSocket, refused: BaseException) -> None:
    reason = refused.refusal if isinstance(refused, AgentRefused) else Refusal.TIMED_OUT
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await _send(socket, {"error": reason.value})
        await socket.close(4400, reason.value)
