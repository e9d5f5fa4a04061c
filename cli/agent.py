"""`jitsuin agent`: the program beside the reader, between cards, one service and the people in front of it."""

import secrets
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cardio.agent.agent import Agent, Pairing
    from cardio.agent.prompts import Asker
    from cardio.agent.readers import Snapshot

app = typer.Typer()

PORT = 27980


class AgentMode(StrEnum):
    """Where the agent stands."""

    DESK = "desk"
    HOME = "home"


@app.command()
def agent(
    site: Annotated[str, typer.Option(metavar="URL", help="The one service that this agent belongs to.")],
    mode: Annotated[
        AgentMode, typer.Option(help="desk: everything; home: log-in and signing, no desk's powers.")
    ] = AgentMode.HOME,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens on loopback; 0 takes a free one.")
    ] = PORT,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written, as JSON, once it answers; removed at the end.")
    ] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Lend the readers of this PC to one service's pages, and keep PINs between the person and the card.

    Open http://127.0.0.1:PORT/ on the screen that faces the resident; pair with the code that the service's page shows.
    Ctrl-C ends it.
    """
    import json

    from cardio.agent.agent import Agent
    from cardio.agent.card_thread import CardThread
    from cardio.agent.door import LONGEST_MESSAGE, Door
    from cardio.agent.operations import Mode
    from cardio.agent.prompts import Prompts
    from cardio.agent.readers import Readers
    from cardio.watch import Watch
    from cli.child import end_with_parent
    from cli.clock import SystemClock
    from cli.listening import address_of, open_socket, run_server
    from cli.origin import origin_of

    if parent is not None and not end_with_parent(parent):
        raise typer.Exit(1)
    origin = origin_of(site)
    with open_socket(f"127.0.0.1:{port}") as listener:
        address = address_of(listener)
        cards = CardThread()
        readers = Readers(cards, Watch())
        it = Agent(Mode(mode.value), origin, cards, readers, Prompts(secrets.token_bytes), SystemClock())
        line = ServiceLine(it, origin, int(address.rpartition(":")[2]))
        door = Door(it, int(address.rpartition(":")[2]), line.pair, secrets.token_bytes)
        readers.start()
        stopped = threading.Event()

        def ready() -> None:
            if ready_file is not None:
                ready_file.write_text(json.dumps({"url": f"http://{address}", "origin": origin, "mode": mode.value}))
            print(f"ready: http://{address}  ({mode.value}, for {origin})", flush=True)

        try:
            run_server(door.application(), listener, ready, stopped.is_set, ws_octets=LONGEST_MESSAGE)
        finally:
            line.stop()
            it.close()
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)


class ServiceLine:
    """The sealed line to the service: opened at pairing, opened again whenever it breaks, until it is paired anew."""

    def __init__(self, agent: "Agent", origin: str, port: int) -> None:
        self._agent, self._origin, self._port = agent, origin, port
        self._stop: threading.Event | None = None

    def pair(self, code: str) -> None:
        """Have the agent belong to what the code is worth at the service. Errors: AgentRefused."""
        import httpx

        from cardio.agent.agent import Pairing
        from cardio.agent.refusals import AgentRefused, Refusal

        try:
            answer = httpx.post(
                f"{self._origin}/v1/reader-pairings", json={"code": code, "port": self._port}, timeout=10
            )
        except httpx.HTTPError:
            raise AgentRefused(Refusal.SERVICE_SILENT) from None
        if answer.status_code != 201:
            raise AgentRefused(Refusal.CODE_UNKNOWN)
        made = answer.json()
        pairing = Pairing(made["channel"], bytes.fromhex(made["key"]), made["ticket"])
        self.stop()
        self._stop = threading.Event()
        self._agent.pair(pairing)
        threading.Thread(target=self._keep, args=(pairing, self._stop), name="line", daemon=True).start()

    def stop(self) -> None:
        """Close the line."""
        if self._stop is not None:
            self._stop.set()

    def _keep(self, pairing: "Pairing", stop: threading.Event) -> None:
        from websockets.exceptions import ConnectionClosed, InvalidHandshake

        while not stop.is_set():
            try:
                if not self._carry(pairing, stop):
                    self._agent.end(pairing)  # the service does not know it any more; a newer one is none of ours
                    return
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                pass
            stop.wait(1.0)
            if self._agent.pairing is not pairing:
                return

    def _carry(self, pairing: "Pairing", stop: threading.Event) -> bool:
        """One line from opening to its end; False if the service refused it."""
        import json
        from concurrent.futures import ThreadPoolExecutor

        from websockets.sync.client import connect

        from cardio.agent.prompts import Asker
        from pki.envelope import TO_READER, TO_SERVICE, Opener, Sealer, line_key, opening_proof

        address = f"ws{self._origin.removeprefix('http')}/v1/reader-line"
        with connect(address, open_timeout=10, max_size=1 << 20, compression=None, proxy=None) as socket:
            nonce = json.loads(socket.recv(timeout=10))["nonce"]
            proof = opening_proof(pairing.key, pairing.channel, nonce)
            socket.send(json.dumps({"channel": pairing.channel, "proof": proof}))
            key = line_key(pairing.key, nonce)
            sealer, opener, writing = Sealer(key, TO_SERVICE), Opener(key, TO_READER), threading.Lock()

            def send(body: dict[str, object]) -> None:
                with writing:
                    socket.send(sealer.seal(body))

            def heard(snapshot: "Snapshot") -> None:
                try:
                    send({"event": "readers", **snapshot.document()})
                except Exception:  # the line is cut: whoever reads from it notices and opens another
                    return

            asker = Asker()
            self._agent.readers.listen(heard)
            with ThreadPoolExecutor(4, "line") as workers:
                try:
                    heard(self._agent.readers.now)
                    while not stop.is_set() and self._agent.pairing is pairing:
                        try:
                            message = opener.open(str(socket.recv(timeout=0.5)))
                        except TimeoutError:
                            continue
                        workers.submit(self._do, message, send, asker)
                except Exception as error:
                    refused = getattr(getattr(error, "rcvd", None), "code", 0) == 4403
                    if refused:
                        return False
                    raise
                finally:
                    self._agent.readers.unlisten(heard)
                    self._agent.prompts.withdraw(asker)  # what a page asks for itself goes on
        return True

    def _do(self, message: dict[str, object], send: object, asker: "Asker") -> None:
        from cardio.agent.prompts import asking_for
        from cardio.agent.refusals import AgentRefused
        from pki.errors import Error

        arguments = message.get("arguments")
        try:
            with asking_for(asker):
                result = self._agent.line(message.get("operation"), arguments if isinstance(arguments, dict) else {})
            answer: dict[str, object] = {"id": message.get("id"), "result": result}
        except AgentRefused as refused:
            answer = {"id": message.get("id"), "error": refused.refusal.value}
        except Error as error:
            answer = {"id": message.get("id"), "error": error.code}
        if callable(send):
            send(answer)
