"""The agent's HTTP door on loopback: its own page, and the WebSocket of the one paired web page.

    GET  /              the agent's page: pair, see the readers, answer a question. Shown on the resident's screen
    GET  /changes       waits until the page should look again
    POST /pair, /unpair, /answer, /cancel, /own-pin     forms of that page
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
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from cardio.agent.agent import Agent
from cardio.agent.gate import Gate
from cardio.agent.prompts import Asker, Shown, asking_for
from cardio.agent.readers import Snapshot
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording import LANGUAGES, NAMES, language_of, plain, said_of, wording
from cardio.errors import CardError, PinBlocked

TICKET_SECONDS: Final = 5.0
"""Seconds in which a new WebSocket must show its ticket."""
MESSAGES_A_SECOND: Final = 20
LONGEST_MESSAGE: Final = 512 * 1024
LONGEST_FORM: Final = 4096
CHANGES_SECONDS: Final = 20.0


class Door:
    """The application. `pair` has the agent belong to what a one-time code is worth (errors: AgentRefused)."""

    def __init__(self, agent: Agent, port: int, pair: Callable[[str], object], random: Callable[[int], bytes]) -> None:
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
        self._own_pin: asyncio.Task[None] | None = None
        agent.readers.listen(lambda _snapshot: agent.prompts.touch())
        agent.readers.when_leaving(agent.prompts.withdraw_reader)

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
                Route("/own-pin", self._on_own_pin, methods=["POST"]),
                WebSocketRoute("/reader", self._socket),
            ],
            exception_handlers={AgentRefused: _malformed},
        )
        return Gate(inner, self._hosts, self._own, self._agent.origin)

    # -- the agent's own page --------------------------------------------------------------------------------------

    def _show(self, request: Request) -> Response:
        language = language_of(request.query_params.get("lang"), request.headers.get("accept-language"))
        shown = self._agent.prompts.shown  # before all else: what changes later has a later version
        page = self._template.render(
            lang=language,
            languages=LANGUAGES,
            names=NAMES,
            t=wording(language),
            plain=plain(language),
            agent=self._agent,
            prompt=shown.prompt,
            readers=self._agent.readers.now,
            version=shown.version,
            face=self._face(shown),
            token=self._token,
            said=shown.said,
        )
        return HTMLResponse(page, headers={"content-language": "ja" if language == "easy" else language})

    async def _changes(self, request: Request) -> Response:
        """Waits in slices: a thread is not held for a page that may be left open all day."""
        since = request.query_params.get("since", "0")
        known = int(since) if since.isdigit() and len(since) < 12 else 0
        shown = self._agent.prompts.shown
        for _ in range(int(CHANGES_SECONDS / 0.25)):
            if shown.version != known:
                break
            await asyncio.sleep(0.25)
            shown = self._agent.prompts.shown
        return JSONResponse({"version": shown.version, "face": self._face(shown)})

    def _face(self, shown: Shown) -> str:
        """What the page is about: while this stays, nothing that is typed on it may be lost."""
        if shown.prompt is not None:
            return shown.prompt.number
        return f"{'paired' if self._agent.pairing else 'unpaired'} {shown.said}"

    def _sheet(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return PlainTextResponse("not found", 404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(self._static[name], media_type=kind)

    async def _on_pair(self, request: Request) -> Response:
        form = await self._form(request)
        code = form.get("code", "").strip().upper().replace("-", "").replace(" ", "")
        said = ""
        try:
            if not 6 <= len(code) <= 12 or not code.isalnum():
                raise AgentRefused(Refusal.CODE_UNKNOWN)
            await asyncio.to_thread(self._pair, code)
        except AgentRefused as refused:
            said = said_of(refused)
        self._agent.prompts.say(said)
        return _back(form)

    async def _on_unpair(self, request: Request) -> Response:
        form = await self._form(request)
        self._agent.pair(None)
        return _back(form)

    async def _on_answer(self, request: Request) -> Response:
        form = await self._form(request)
        self._agent.prompts.answer(form.pop("number", ""), form)
        await asyncio.sleep(0.1)  # the card answers meanwhile, and the page shows what came of it
        return _back(form)

    async def _on_cancel(self, request: Request) -> Response:
        form = await self._form(request)
        self._agent.prompts.cancel(form.get("number", ""))
        return _back(form)

    async def _on_own_pin(self, request: Request) -> Response:
        form = await self._form(request)
        if self._own_pin is not None and not self._own_pin.done():
            self._agent.prompts.say(Refusal.BUSY.value)
        else:
            self._agent.prompts.say("")
            work = self._do_own_pin(form.get("what", ""), form.get("purpose", ""))
            self._own_pin = asyncio.create_task(work)
            await asyncio.sleep(0.1)  # so that the page that comes now shows the question already
        return _back(form)

    async def _do_own_pin(self, what: str, purpose: str) -> None:
        try:
            await asyncio.to_thread(self._agent.own_pin, what, purpose)
            said = f"{what.removesuffix('e')}ed"
        except PinBlocked:
            return  # that was said where it was found out
        except CardError as error:
            said = said_of(error)
        self._agent.prompts.say(said)

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
        asker = Asker()
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
                    self._agent.prompts.withdraw(asker)
                elif running is not None and not running.done():
                    await _send(socket, {"id": number, "error": Refusal.BUSY.value})
                else:
                    asker = Asker()
                    running = asyncio.create_task(self._do(socket, number, message, asker))
        finally:
            self._agent.prompts.withdraw(asker)  # nobody waits for the answer any more, nor for a later question's
            if running is not None:
                with contextlib.suppress(BaseException):
                    await asyncio.wait_for(running, 1)  # a slow card may take longer; what it asks is asked no more

    async def _do(self, socket: WebSocket, number: object, message: dict[str, Any], asker: Asker) -> None:
        arguments = message.get("arguments")
        try:
            with asking_for(asker):
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


def _back(form: dict[str, str]) -> Response:
    """To the page, in the language that it had."""
    language = form.get("lang", "")
    return RedirectResponse(f"/?lang={language}" if language in LANGUAGES else "/", 303)


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
