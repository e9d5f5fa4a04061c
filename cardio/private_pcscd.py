"""A pcscd of our own, with vpcd readers, on its own socket: for the demo and for tests, beside any pcscd that runs.

pcscd 1.9 compiles its socket path in, but takes a listening socket as descriptor 3 by systemd's protocol
(sd_listen_fds); clients find that socket by PCSCLITE_CSOCK_NAME. vpcd listens on every interface (compiled in), so a
card could be inserted from outside during the life of such an instance: it is no reader for production.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cardio.errors import CardError, Cause

_VPCD = "pcsc/drivers/serial/libifdvpcd.so"
_LIBRARY_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_RUN = Path("/run/pcscd")
"""pcscd wants this folder (compiled in), though with a socket handed to it, it uses nothing there."""
_RUN_OF_ITS_OWN = ("unshare", "-Urm", "/bin/sh", "-c", 'mount -t tmpfs none /run && mkdir /run/pcscd && exec "$0" "$@"')
"""Runs a command where it sees a /run of its own: for who may not make the machine's. It stays one process."""
_SUN_PATH = 107
"""Longest path of a UNIX socket, without its closing zero."""


@dataclass(eq=False)
class PcscdMissing(CardError):
    """`what` is needed and not installed."""

    what: str
    package: str

    code = "cardio.pcscd-missing"
    why = "{what} is not installed."
    todo = "apt install {package}"


@dataclass(eq=False)
class PcscdFailed(CardError):
    """The private pcscd did not come up; `log` is the end of what it said."""

    log: str

    cause: ClassVar[Cause] = Cause.NO_SERVICE
    code = "cardio.pcscd-failed"
    why = "The private pcscd ended at once: {log}"
    todo = "It needs root, or an existing /run/pcscd, or leave to make user namespaces (`unshare -Urm true`)."


def find_pcscd() -> Path:
    """pcscd's program. Errors: PcscdMissing."""
    for folder in ("/usr/sbin", "/usr/local/sbin", "/sbin"):
        if (path := Path(folder) / "pcscd").exists():
            return path
    raise PcscdMissing("pcscd", "pcscd")


def find_vpcd() -> Path:
    """vpcd's driver. Errors: PcscdMissing."""
    for folder in _LIBRARY_FOLDERS:
        if (path := Path(folder) / _VPCD).exists():
            return path
    raise PcscdMissing("the virtual card reader vpcd", "vsmartcard-vpcd")


def free_port_pairs(count: int) -> tuple[int, ...]:
    """First ports of `count` pairs of free neighbours (one vpcd driver serves two slots, on port and port + 1)."""
    with contextlib.ExitStack() as held:
        pairs: list[int] = []
        while len(pairs) < count:
            first = held.enter_context(_listener(0))
            port = first.getsockname()[1]
            try:
                held.enter_context(_listener(port + 1))
            except (OSError, OverflowError):
                continue
            pairs.append(port)
        return tuple(pairs)


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind(("0.0.0.0", port))  # noqa: S104 - vpcd binds them all, so all must be free
    except BaseException:
        listener.close()
        raise
    return listener


def surroundings() -> tuple[str, ...]:
    """The words before a command line that give it a /run/pcscd: none where there is one, or root, who may make it.

    Anybody else gets a user namespace (user_namespaces(7)), where the machine allows it.
    """
    return () if os.geteuid() == 0 or _RUN.is_dir() else _RUN_OF_ITS_OWN


@dataclass(frozen=True, slots=True)
class VirtualReader:
    """One slot: its PC/SC name and the TCP port that a card is inserted at."""

    name: str
    port: int


class PrivatePcscd:
    """A pcscd with `readers` vpcd drivers of two slots each, from `start` to `stop`.

    `folder` gets socket, configuration and log; its path must be short (a UNIX socket's path has at most 107 octets).
    `preload` is a shared object for LD_PRELOAD (tests shorten pcscd's 400 ms poll with it).
    """

    def __init__(
        self,
        folder: Path,
        *,
        drivers: int = 1,
        names: tuple[str, ...] = (),
        preload: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.socket_path = folder / "s"
        if len(os.fsencode(self.socket_path)) > _SUN_PATH:
            raise PcscdFailed("the folder's path is too long for a UNIX socket")
        self.log_path = folder / "pcscd.log"
        self._drivers = drivers
        self._names = names or tuple(f"Jitsuin virtual reader {n + 1}" for n in range(drivers))
        self._preload = preload
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.readers: tuple[VirtualReader, ...] = ()

    @property
    def client_environment(self) -> dict[str, str]:
        """What a client process needs to find this instance."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket_path)}

    @property
    def pid(self) -> int:
        if self._process is None:
            raise PcscdFailed("it was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "PrivatePcscd":
        """Start it; on return it listens (clients may connect at once, they queue) and its readers are being opened.

        Must be called from a thread that lives as long as the instance: pcscd dies with it (PDEATHSIG).
        Errors: PcscdMissing, PcscdFailed.
        """
        program, driver = find_pcscd(), find_vpcd()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            _RUN.mkdir(exist_ok=True, mode=0o755)
        for _ in range(5):
            self._configure(driver, free_port_pairs(self._drivers))
            self._spawn(program)
            if self._ports_taken():  # somebody was faster at one of the ports
                return self
            self.stop()
        raise PcscdFailed(self._log_end())

    def _configure(self, driver: Path, ports: tuple[int, ...]) -> None:
        readers, stanzas = [], []
        for index, port in enumerate(ports):
            # Each driver gets its own copy: two stanzas sharing one file answer from one another's cards.
            copy = self.folder / f"vpcd{index}.so"
            if not copy.exists():
                shutil.copy(driver, copy)
            name = self._names[index]
            stanzas.append(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:0x{port:04X}\nLIBPATH {copy}\nCHANNELID 0x{port:04X}\n'
            )
            readers += [VirtualReader(f"{name} 00 00", port)]
            readers += [VirtualReader(f"{name} 00 01", port + 1)]
        configuration = self.folder / "conf"
        configuration.mkdir(exist_ok=True)
        (configuration / "readers").write_text("\n".join(stanzas))
        self.readers = tuple(readers)

    def _spawn(self, program: Path) -> None:
        self.socket_path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self.socket_path))
            self.socket_path.chmod(0o600)
            listener.listen(64)
            # The socket goes in as standard input, because /bin/sh can name no descriptor above 9.
            script = 'exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec setpriv --pdeathsig TERM "$0" -f -c "$1"'
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self._environment}
            if self._preload is not None:
                environment["LD_PRELOAD"] = str(self._preload)
            with self.log_path.open("wb") as log:
                self._process = subprocess.Popen(
                    [*surroundings(), "/bin/sh", "-c", script, str(program), str(self.folder / "conf")],
                    env=environment,
                    stdin=listener.fileno(),
                    stdout=log,
                    stderr=log,
                )
        finally:
            # Our copy must go: while it lives, clients of a dead pcscd hang in its backlog instead of failing.
            listener.close()

    def _ports_taken(self) -> bool:
        """Whether every reader listens: waits for it, at most 5 s."""
        tick = threading.Event()
        for _ in range(500):
            if not self.running:
                raise PcscdFailed(self._log_end())
            listening = _listening_ports()
            if all(reader.port in listening for reader in self.readers):
                return True
            if b"Address already in use" in self.log_path.read_bytes():
                return False
            tick.wait(0.01)
        return False

    def _log_end(self) -> str:
        try:
            return self.log_path.read_text(errors="replace")[-400:].strip() or "it said nothing"
        except OSError:
            return "it left no log"

    def stop(self) -> None:
        """End it and wait until it is gone; may be called twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.socket_path.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop and start on the same socket path; ports, and so the readers' ports, are new."""
        self.stop()
        self.start()

    def __enter__(self) -> "PrivatePcscd":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listening_ports() -> set[int]:
    """TCP ports of this machine in state LISTEN (proc(5), /proc/net/tcp: state 0A)."""
    ports: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            ports.update(_listening(Path(table).read_text().splitlines()[1:]))
    return ports


def _listening(lines: list[str]) -> Iterator[int]:
    for line in lines:
        fields = line.split()
        if fields[3] == "0A":
            yield int(fields[1].rpartition(":")[2], 16)
