"""A card in memory: octets in, octets out, and a non-volatile image that survives power loss.

What the kinds share: parsing, command chaining, GET RESPONSE, PIN counters, and an image written as a whole.
What a kind adds: `execute` for one whole command, `_dump`/`_load` for its image, `_forget` for its volatile state.

Promises:
- `process` always answers with at least a status word; only PowerLost leaves it.
- A command's change of the image is one atomic write: after power loss the card is as before the command or as after
it.
- A PIN's tries are counted down, durably, before the comparison: pulling the power during VERIFY wins nothing.
"""

import hashlib
import hmac
import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from cardio.apdu import CHAINED, CommandApdu, ResponseApdu, answer, parse_command
from cardio.errors import ImageUnusable, TransportFailed
from pki.errors import Malformed

Random = Callable[[int], bytes]

MAXIMUM_CHAIN = 1 << 16
_FORMAT = "jitsuin-virtual-card"


class PowerLost(Exception):
    """The card lost its power in the middle of a command: no answer comes."""


class Refusal(Exception):
    """Ends a command with this status word and no data."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


class Storage(Protocol):
    """Where an image lives. `write` is atomic and durable when it returns; `read` gives the last whole one, or None."""

    def read(self) -> bytes | None: ...

    def write(self, image: bytes) -> None: ...


class MemoryStorage:
    """An image that lives as long as this object."""

    def __init__(self, image: bytes | None = None) -> None:
        self.image = image

    def read(self) -> bytes | None:
        return self.image

    def write(self, image: bytes) -> None:
        self.image = image


class FileStorage:
    """An image in a file, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, image: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(image)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # else the new name itself may be lost
        finally:
            os.close(directory)


@dataclass(slots=True)
class PinCounter:
    """A PIN as a card keeps it: salted and hashed, with its tries. `digest` None: never set."""

    limit: int
    left: int
    salt: bytes
    digest: bytes | None = None

    @property
    def blocked(self) -> bool:
        return self.left == 0 or self.digest is None

    def _hash(self, presented: bytes) -> bytes:
        return hmac.digest(self.salt, presented, hashlib.sha256)

    def check(self, presented: bytes, commit: Callable[[], None]) -> bool:
        """Whether `presented` is the PIN; False on a blocked one. When `commit` returns, the image is durable."""
        if self.blocked or self.digest is None:
            return False
        self.left -= 1
        commit()
        if not hmac.compare_digest(self._hash(presented), self.digest):
            return False
        self.left = self.limit
        commit()
        return True

    def set(self, presented: bytes) -> None:
        """The PIN is `presented` with all its tries; the caller commits."""
        self.digest = self._hash(presented)
        self.left = self.limit

    def dump(self) -> dict[str, Any]:
        digest = None if self.digest is None else self.digest.hex()
        return {"limit": self.limit, "left": self.left, "salt": self.salt.hex(), "digest": digest}

    @classmethod
    def load(cls, image: dict[str, Any]) -> "PinCounter":
        digest = None if image["digest"] is None else bytes.fromhex(image["digest"])
        return cls(int(image["limit"]), int(image["left"]), bytes.fromhex(image["salt"]), digest)


class VirtualCard(ABC):
    """A card of some kind. Not for two threads at once, as no card is."""

    kind: ClassVar[str]
    atr: bytes

    def __init__(self, storage: Storage, random: Random, image: dict[str, Any] | None = None) -> None:
        """The card of `storage`; with `image` (as `_dump` gives it) a new one, written at once.

        Errors: ImageUnusable.
        """
        self.random = random
        self._storage = storage
        self._chain: CommandApdu | None = None
        self._rest: bytes = b""
        if image is not None:
            self._load(image)
            self.commit()
        else:
            self._reload()

    @abstractmethod
    def execute(self, command: CommandApdu) -> ResponseApdu:
        """The answer to one whole command (chains are put together). May raise Refusal."""

    @abstractmethod
    def _dump(self) -> dict[str, Any]:
        """The non-volatile state as JSON values."""

    @abstractmethod
    def _load(self, image: dict[str, Any]) -> None:
        """Take the non-volatile state from what `_dump` gave."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop all volatile state: selection, security status, secure channels."""

    def commit(self) -> None:
        """Write the image; on return it is durable."""
        image = {"format": _FORMAT, "kind": self.kind, "card": self._dump()}
        self._storage.write(json.dumps(image, separators=(",", ":"), sort_keys=True).encode())

    def _reload(self) -> None:
        raw = self._storage.read()
        if raw is None:
            raise ImageUnusable("there is none")
        document = _document(raw)
        if document["kind"] != self.kind:
            raise ImageUnusable(f"it is a {document['kind']} card, not a {self.kind} card")
        try:
            self._load(document["card"])
        except (KeyError, ValueError, TypeError) as error:
            raise ImageUnusable(f"a field is missing or wrong ({type(error).__name__})") from error
        self._clear()

    def _clear(self) -> None:
        self._chain, self._rest = None, b""
        self._forget()

    def reset(self) -> None:
        """Warm reset: volatile state is gone."""
        self._clear()

    def power(self, on: bool = True) -> None:
        """Power off or on: whatever is not in the image is gone."""
        if on:
            self._reload()
        else:
            self._clear()

    def process(self, raw: bytes) -> bytes:
        """The answer to one APDU.

        Errors: PowerLost, if the storage says so; then the card must be powered on again.
        """
        try:
            command = parse_command(raw)
        except Malformed:
            return answer(0x6700).encode()
        if command.ins == 0xC0 and not command.cla & CHAINED and self._rest:
            return self._cut(self._rest, 0x9000, command).encode()
        self._rest = b""
        try:
            whole = self._assemble(command)
            if whole is None:
                return answer(0x9000).encode()
            response = self.execute(whole)
        except Refusal as refusal:
            return answer(refusal.status).encode()
        except PowerLost:
            self._clear()
            raise
        except Exception:
            # A card never dies of a command; its volatile state may be half-done, its image is the last whole one.
            self._reload()
            return answer(0x6F00).encode()
        return self._cut(response.data, response.status, command).encode()

    def _assemble(self, command: CommandApdu) -> CommandApdu | None:
        begun, self._chain = self._chain, None
        if begun is not None:
            if (command.cla & ~CHAINED, command.ins, command.p1, command.p2) != (
                begun.cla,
                begun.ins,
                begun.p1,
                begun.p2,
            ):
                begun = None  # another command ends the chain without effect (ISO/IEC 7816-4, 5.1.1.1)
            elif len(begun.data) + len(command.data) > MAXIMUM_CHAIN:
                raise Refusal(0x6A84)
        data = (begun.data if begun else b"") + command.data
        whole = replace(command, cla=command.cla & ~CHAINED if command.chained else command.cla, data=data)
        if command.chained:
            self._chain = whole
            return None
        return whole

    def _cut(self, data: bytes, status: int, command: CommandApdu) -> ResponseApdu:
        """At most Ne octets now, the rest by GET RESPONSE. Without Le everything that the form of the command can carry
        (ykman sends case 4 without Le and expects the data)."""
        limit = command.ne or (65533 if command.extended else 256)
        self._rest = data[limit:]
        if not self._rest:
            return answer(status, data)
        return answer(0x6100 | (len(self._rest) if len(self._rest) < 256 else 0), data[:limit])


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        raise ImageUnusable("it is not JSON") from None
    if (
        not isinstance(document, dict)
        or document.get("format") != _FORMAT
        or not isinstance(document.get("card"), dict)
    ):
        raise ImageUnusable("it is no virtual card")
    return document


def kind_of(storage: Storage) -> str:
    """Which kind of card the image is of.

    Errors: ImageUnusable.
    """
    raw = storage.read()
    if raw is None:
        raise ImageUnusable("there is none")
    return str(_document(raw).get("kind"))


class InMemory:
    """A virtual card as a Transmitter, without any reader: for tests and for personalising in bulk."""

    def __init__(self, card: VirtualCard) -> None:
        self.card = card
        card.power()

    def transmit(self, command: bytes) -> bytes:
        try:
            return self.card.process(command)
        except PowerLost:
            raise TransportFailed(during="an APDU") from None
