"""Takes one order and signs it, in a process that kills itself with SIGKILL at a named step.

    python -m tests.faults.issuing_driver URL KEYS REQUEST STEP

A step is `before:NAME` or `after:NAME` of a call on the way, or `none`.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ca import issuance, journal
from ca.directory import Directory
from ca.file_key import FileKey, FileKeyStore
from ca.orders import Assurance, Order
from ca.profiles import PROFILES
from ca.store import issued as store
from cli.database import Database
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import BORN, CARD_END, PERSON, SHIBUYA

AT = Instant.parse("2026-11-23T00:00:00Z")

CALLS: dict[str, tuple[Any, str]] = {
    "remember_keys": (store, "remember_keys"),
    "insert_intents": (store, "insert_intents"),
    "intend_committed": (Database, "transaction"),
    "sign": (FileKey, "sign"),
    "insert_certificates": (store, "insert_certificates"),
    "set_intents_state": (store, "set_intents_state"),
    "journal": (journal, "record"),
    "sign_committed": (Database, "transaction"),
}
STEPS = [f"{when}:{name}" for name in CALLS for when in ("before", "after")]


def die_at(step: str) -> None:
    """Arrange that this process is killed when it comes to `step`."""
    when, name = step.split(":")
    owner, attribute = CALLS[name]
    original: Callable[..., Any] = getattr(owner, attribute)
    which = 2 if name == "sign_committed" else 1
    count = 0

    def deadly(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == which and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if count == which:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, attribute, deadly)


def order(request: bytes) -> Order:
    """The same order each time: its idempotency key makes it one."""
    return Order(
        Purpose.SIGNATURE,
        request,
        PERSON,
        SHIBUYA,
        Assurance.IN_PERSON,
        BORN,
        "card-1",
        CARD_END,
        None,
        False,
        "person-1",
        "the-one-order",
    )


def main() -> None:
    """Print the certificate's fingerprint, if it comes to that."""
    url, folder, request, step = sys.argv[1:]
    database = Database(url)
    keys = FileKeyStore.unlock(Path(folder), b"correct horse", os.urandom)
    registrar = issuance.Registrar(PROFILES, Directory(), os.urandom)
    wanted = order(Path(request).read_bytes())
    if step != "none":
        die_at(step)
    intent = database.transaction(lambda conn: registrar.intend(conn, wanted, AT))
    issued = issuance.Signer(keys, PROFILES).sign(database, intent, AT)
    print(issued.serial.hex)


if __name__ == "__main__":
    main()
