"""Signing OCSP answers ahead, on a schedule: a child process does it, so that nothing else waits.

    a pack that is missing, or in the second quarter of its life    the child is started
    the child ended badly                                           logged, tried again at the next look
    a revocation                                                    nothing: workers answer about it live (position)

A pack's answers are given out in the first half of their life, so a new one is always there before.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ca.authority import Authority, AuthorityState
from ca.directory import Directory
from ca.ocsp_pack import Pack
from cli.database import Database
from cli.settings import Settings
from pki.errors import Malformed
from pki.instant import Instant

log = logging.getLogger("jitsuin.presigning")

LOOK = timedelta(minutes=1)
"""How often it is asked whether a pack is due."""
HASH_NAMES = ("sha1", "sha256")
"""Nearly every requester names its issuer by SHA-1; RFC 9654's and newer ones by SHA-256."""
PACKS = "ocsp-packs"
"""The folder of answers signed ahead, beside the folder of the published CRLs."""

Start = Callable[[Instant], "subprocess.Popen[bytes]"]


def packs_folder(settings: Settings) -> Path:
    """Where packs lie."""
    return settings.path(settings.status.crls).parent / PACKS


def due_packs(settings: Settings, authorities: list[Authority], at: Instant) -> list[tuple[Authority, str]]:
    """(authority, hash) of every pack that should be signed at `at`."""
    folder = packs_folder(settings)
    living = [one for one in authorities if one.state is not AuthorityState.ENDED and one.validity.contains(at)]
    return [(one, name) for one in living for name in HASH_NAMES if _is_due(folder / f"{one.id}-{name}", at)]


def _is_due(path: Path, at: Instant) -> bool:
    try:
        pack = Pack(path)
    except (OSError, Malformed):
        return True
    return at < pack.this_update or (at - pack.this_update) * 4 >= pack.next_update - pack.this_update


@dataclass(slots=True)
class Presigning:
    """Looks once a minute and has one child at most; from one thread."""

    settings: Settings
    database: Database
    start: Start
    _child: "subprocess.Popen[bytes] | None" = None
    _next: Instant = field(default=Instant(0))

    def tend(self, at: Instant) -> int:
        """Look after the child, or start one; 1 when one was started."""
        if self._child is not None:
            status = self._child.poll()
            if status is None:
                return 0
            if status != 0:
                log.error("answers were not signed ahead: the process ended with status %d", status)
            self._child = None
        if self.settings.status.presign_hours == 0 or at < self._next:
            return 0
        self._next = at + LOOK
        authorities = [one for one in self.database.read(Directory().all) if one.certificate is not None]
        if not due_packs(self.settings, authorities, at):
            return 0
        self._child = self.start(at)
        return 1

    def close(self) -> None:
        """End the child, if there is one: a pack is whole or not there."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            self._child.wait()


def start_child(settings: Settings) -> Start:
    """Starts `jitsuin responder presign` for what is due; it ends with this process."""

    def start(at: Instant) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "cli", "responder", "presign", str(settings.file), "--due", "--json"]
        command += ["--clock", at.iso(), "--processes", str(min(4, os.cpu_count() or 1)), "--parent", str(os.getpid())]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)

    return start
