"""The doors for reader agents.

POST /v1/reader-pairings    {code, port}  → {channel, key, ticket, mode}: once, for the code that a page shows
GET  /v1/reader-line        WebSocket of the agent: we send {"nonce"}, it answers {"channel", "proof"}; from then
                            on every message is sealed (`pki.envelope`) with a key made for this one line
"""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field

from pki.envelope import TO_READER, TO_SERVICE, Opener, Sealer, line_key, opening_proof
from pki.errors import Malformed
from web.readers.lines import Line, Lines
from web.readers.pairings import Channel, Pairings

OPENING_SECONDS: Final = 10.0


class CodeBody(BaseModel):
    """The code as it was typed, without spaces or dashes, and where the agent listens."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern=r"^[2-9A-Z]{10}$")]
    port: Annotated[int, Field(ge=1, le=65535, description="where the agent listens on its own loopback")]


def reader_router(pairings: Pairings, lines: Lines, random: Callable[[int], bytes]) -> APIRouter:
    """The routes of these doors."""
    router = APIRouter(tags=["readers"])

    @router.post("/v1/reader-pairings", status_code=201)
    def pair(body: CodeBody) -> dict[str, str]:
        """Exchange a one-time code for a channel. Errors: NotPaired."""
        made = pairings.redeem(body.code, body.port)
        return {"channel": made.channel, "key": made.key.hex(), "ticket": made.ticket, "realm": made.realm}

    @router.websocket("/v1/reader-line")
    async def line(socket: WebSocket) -> None:
        """The agent's line, for as long as it holds."""
        await socket.accept()
        nonce = random(24).hex()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_text(json.dumps({"nonce": nonce}))
            channel = await _opened(socket, pairings, nonce)
            if channel is None:
                await socket.close(4403)
                return
            await _carry(socket, channel, lines, line_key(channel.key, nonce), pairings)

    return router


async def _opened(socket: WebSocket, pairings: Pairings, nonce: str) -> Channel | None:
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            said = json.loads(await socket.receive_text())
        channel = pairings.channel(str(said.get("channel")))
        proof = str(said.get("proof")).encode("ascii", "replace").decode()
    except (TimeoutError, ValueError, AttributeError):
        return None
    if channel is None or not hmac.compare_digest(proof, opening_proof(channel.key, channel.channel, nonce)):
        return None
    return channel


async def _carry(socket: WebSocket, channel: Channel, lines: Lines, key: bytes, pairings: Pairings) -> None:
    sealer, opener = Sealer(key, TO_READER), Opener(key, TO_SERVICE)
    outgoing: asyncio.Queue[str] = asyncio.Queue()

    def send(message: Any) -> None:
        outgoing.put_nowait(sealer.seal(message))

    async def write() -> None:
        while True:
            await socket.send_text(await outgoing.get())

    line = Line(channel.channel, channel.session, asyncio.get_running_loop(), send)
    lines.add(line)
    writing = asyncio.create_task(write())
    try:
        while not line.closed:
            body = opener.open(await socket.receive_text())
            if line.heard(body):
                lines.note(line)
                now = pairings.channel(channel.channel)
                if now is None:
                    break
                await asyncio.to_thread(lines.tell, now.session, line.readers)
    except Malformed:
        await socket.close(4400)
    finally:
        writing.cancel()
        lines.remove(line)
