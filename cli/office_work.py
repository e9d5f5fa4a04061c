"""The office's periodic work: what becomes due without anybody asking. Any number of instances share it.

    deliver     what others are to be told, flags to channels first of all, letters to whoever prints them; tried again
                with growing pauses; what nobody knows is set aside, with an alarm
    release     what has waited long enough at the gate takes effect
    watch       alarms begin and end: flags that no channel acknowledged, a brake that is pulled
    terms       flags that lapse (and go on masking), approvals that nobody used, deadlines, old nonces
    compare     once a day: each channel's flags against ours
    forget      records of access that were kept for seven years lose their content
    visits      booked visits that nobody came to
    cosign      the logs' witnesses, where there are any, are asked for their cosignatures

Each piece is looked for by reading; only where there is something to do is its lease taken. A lease saves work, it
keeps nothing right: every change is a transaction that does nothing where another instance was first. A crash leaves
what was not done due, and it is done the next time. A clock that jumps ahead stops everything that waits for a time.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca import leases
from ca.journal_file import JournaledDatabase, JournalFile
from cli.cosigning import collect_all
from cli.database import Database
from cli.errors import SecretMissing
from cli.letter_folder import LETTERS, LetterFolder
from cli.office_errors import ChannelSilent, ClockStepped
from cli.secrets import read_secret, write_secret
from cli.settings import Settings
from enrollment import (
    bookings,
    code_letters,
    deciding,
    gateway_release,
    lapses,
    outbox,
    protection,
    pushes,
    retention,
    watch,
)
from enrollment.errors import Braked
from enrollment.gateway_schema import MessageKind
from enrollment.outbox import Message
from enrollment.store import Connection, care, gate, messages, peers, people
from pki.errors import Error, InvalidValue
from pki.http_signature import RequestKey
from pki.instant import Instant
from transparency.cosigning import Gathered

log = logging.getLogger("jitsuin.office")

OFFICE_KEY: Final = Path("secrets/office-key")
"""32 octets in hex, made when they are first needed: channels know by it that it is us who tells them of a flag."""
KEYID: Final = "office"
STEP: Final = timedelta(minutes=5)
"""A clock that is ahead by more than this, measured against the time that passed, has been changed."""
_LEASE: Final = timedelta(seconds=60)
_LONGEST_ANSWER: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """One kind of work: how often to look, whether there is something, and the doing; `timed` waits for a time."""

    name: str
    every: timedelta
    due: Callable[["OfficeWork", Connection, Instant], bool]
    do: Callable[["OfficeWork", Instant], int]
    timed: bool


@dataclass(slots=True)
class OfficeWork:
    """Everything that the work needs. `holder` names this instance; `http` goes out to channels and nowhere else."""

    database: JournaledDatabase
    plain: Database
    """The same without the journal: for leases, which revoke nothing."""
    key: RequestKey
    http: httpx.Client
    random: Callable[[int], bytes]
    stopwatch: Callable[[], float]
    holder: str
    post: code_letters.Post
    witnessed: bool = False
    witnesses: Callable[[], Sequence[Gathered]] = tuple
    """Asks every witness of every log once."""
    _next: dict[str, Instant] = field(default_factory=dict)
    _seen: tuple[Instant, float] | None = None
    _stepped: int = 0

    def work(self, at: Instant) -> Mapping[str, int]:
        """One round; what was done, by piece. What failed is logged by its code and done again next time."""
        self._look_at_clock(at)
        done: dict[str, int] = {}
        for piece in PIECES:
            if at < self._next.get(piece.name, at) or (piece.timed and self._stepped):
                continue
            self._next[piece.name] = at + piece.every
            try:
                done[piece.name] = self._leased(piece, at)
            except Error as error:
                log.error("%s: %s", piece.name, error)
        return {name: number for name, number in done.items() if number}

    def _look_at_clock(self, at: Instant) -> None:
        now = self.stopwatch()
        if self._seen is not None:
            ahead = int((at - self._seen[0]).total_seconds() - (now - self._seen[1]))
            if ahead > STEP.total_seconds() and not self._stepped:
                self._stepped = ahead
                log.error("%s", ClockStepped(ahead))
        self._seen = (at, now)

    @property
    def stepped(self) -> bool:
        """Whether the clock went ahead: nothing that waits for a time is done until somebody starts us again."""
        return self._stepped > 0

    def _leased(self, piece: Piece, at: Instant) -> int:
        if not self.database.read(lambda conn: piece.due(self, conn, at)):
            return 0
        name = f"office:{piece.name}"
        if self.plain.transaction(lambda conn: leases.acquire(conn, name, self.holder, at, _LEASE)) is None:
            return 0
        try:
            return piece.do(self, at)
        finally:
            self.plain.transaction(lambda conn: leases.release(conn, name, self.holder))

    # deliver

    def deliver(self, at: Instant) -> int:
        """Hand over what is due; how many were taken."""
        letters = code_letters.CodeLetters(self.database, self.random)
        handlers: dict[str, Callable[[Message], None]] = {
            protection.FLAG_TOPIC: lambda message: self._tell_channel(message, at),
            "gateway.braked": lambda message: log.error("gateway braked: %s", message.body),
            code_letters.TOPIC: lambda message: letters.post(message, self.post, at),
        }
        delivered, failed = outbox.deliver(self.database, handlers, at)
        aside = outbox.set_aside_unknown(self.database, handlers, at)
        if aside:
            log.error("deliver: %d set aside: nobody knows their topics", aside)
        if failed:
            log.warning("deliver: %d not taken, tried again later", failed)
        return delivered

    def _tell_channel(self, message: Message, at: Instant) -> None:
        notice = json.loads(message.body)
        channel = str(notice["channel"])
        address = self.database.read(lambda conn: care.channel_address(conn, channel))
        if address:  # a channel without an address asks for itself; until it acknowledges, the alarm stands
            version = int(notice["version"])

            def record(conn: Connection) -> pushes.Pushed:
                flag = next(one for one in care.flags_told(conn, channel) if one.flag == notice["flag"])
                return pushes.record_push(conn, channel, flag, at, self.random, version)

            self._push(self.database.transaction(record), address, message.body.encode(), at)

    def _push(self, pushed: pushes.Pushed, address: str, body: bytes, at: Instant) -> None:
        self._ask(pushed.channel, "POST", f"{address}/flags", body, at)

    def _ask(self, channel: str, method: str, url: str, body: bytes, at: Instant) -> bytes:
        try:
            signed = self.key.headers(method, url, body, at, self.random(16).hex())
            headers = {"content-type": "application/json", **signed}
            with self.http.stream(method, url, content=body, headers=headers) as answer:
                octets = b""
                for piece in answer.iter_bytes():
                    octets += piece
                    if len(octets) > _LONGEST_ANSWER:
                        raise ChannelSilent(channel, "the answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, InvalidValue) as error:
            raise ChannelSilent(channel, type(error).__name__) from None
        if not answer.is_success:
            raise ChannelSilent(channel, f"status {answer.status_code}")
        return octets

    # release

    def release(self, at: Instant) -> int:
        """Let through what is due in every municipality; how many messages took effect."""
        released = 0
        for owner in self.database.read(lambda conn: gate.owners_with_held(conn, at)):
            try:
                released += gateway_release.release_due(self.database, owner, at, self.random)
            except Braked as braked:
                log.warning("%s", braked)
        return released

    def stop_cards(self, at: Instant) -> int:
        """Deaths that came while a brake was pulled: their cards stop once it is let go."""
        for municipality in self.database.read(people.municipalities):
            gateway_release.stop_cards_of_the_dead(self.database, municipality.code, at, self.random)
        return 0

    # watch and terms

    def watch(self, at: Instant) -> int:
        """Begin and end alarms; how many began."""
        begun, ended = self.database.transaction(lambda conn: watch.look(conn, at, self.random))
        if begun:
            log.error("%d alarms began", begun)
        return begun + ended

    def terms(self, at: Instant) -> int:
        """Flags whose term ends, approvals nobody used, deadlines, nonces; how many changed."""
        changed = self.database.transaction(lambda conn: peers.forget_nonces(conn, at))
        for municipality in self.database.read(people.municipalities):
            owner = municipality.code
            due, lapsed = self.database.transaction(partial(protection.tick, owner=owner, at=at, random=self.random))
            changed += due + lapsed
            changed += self.database.transaction(partial(deciding.expire, owner=owner, at=at))
        return changed + lapses.settle(self.database, at, self.random)

    # compare

    def compare(self, at: Instant) -> int:
        """The daily comparison with each channel that can be asked; how many agreed or were told again."""
        compared = 0
        for channel in self.database.read(lambda conn: _uncompared(conn, at)):
            try:
                held = self._held_by(channel, at)
            except ChannelSilent as silent:
                log.warning("%s", silent)
                self.database.transaction(partial(watch.silent, channel=channel, at=at))
                continue
            told = self.database.transaction(
                partial(watch.compare, channel=channel, held=held, at=at, random=self.random)
            )
            compared += told is not None
        return compared

    def forget(self, at: Instant) -> int:
        """Destroy what was kept long enough; how many records."""
        return retention.destroy_due(self.database, at).records

    def visits(self, at: Instant) -> int:
        """Note visits that passed without anybody; how many."""
        return self.database.transaction(lambda conn: bookings.pass_by(conn, at))

    def cosign(self, _at: Instant) -> int:
        """Ask the witnesses; how many logs all of them have cosigned. One that does not is told in the log."""
        gathered = self.witnesses()
        for error in (error for one in gathered for error in one.refused):
            log.warning("%s", error)
        return sum(not one.refused for one in gathered)

    def _held_by(self, channel: str, at: Instant) -> dict[str, int]:
        address = self.database.read(lambda conn: care.channel_address(conn, channel))
        octets = self._ask(channel, "GET", f"{address}/flags", b"", at)
        try:
            flags = json.loads(octets)["flags"]
            held = {str(name): version for name, version in flags.items() if type(version) is int}
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            raise ChannelSilent(channel, "not a list of flags") from None
        if len(held) != len(flags):
            raise ChannelSilent(channel, "not a list of flags")
        return held


def _uncompared(conn: Connection, at: Instant) -> list[str]:
    day = at.jst_date().isoformat()
    return [name for name, _, address in care.all_channels(conn) if address and not peers.compared(conn, name, day)]


def _has_messages(_office: OfficeWork, conn: Connection, at: Instant) -> bool:
    return messages.any_due(conn, at)


def _has_deaths(_office: OfficeWork, conn: Connection, _at: Instant) -> bool:
    return any(gate.held(conn, one.code, MessageKind.DEATH.value) for one in people.municipalities(conn))


def _always(_office: OfficeWork, _conn: Connection, _at: Instant) -> bool:
    return True


PIECES: Final[Sequence[Piece]] = (
    Piece("deliver", timedelta(seconds=1), _has_messages, OfficeWork.deliver, timed=False),
    Piece("release", timedelta(seconds=2), lambda _, conn, at: bool(gate.owners_with_held(conn, at)),
          OfficeWork.release, timed=True),
    Piece("stop-cards", timedelta(seconds=10), _has_deaths, OfficeWork.stop_cards, timed=False),
    Piece("watch", timedelta(seconds=10), _always, OfficeWork.watch, timed=False),
    Piece("terms", timedelta(minutes=1), _always, OfficeWork.terms, timed=True),
    Piece("compare", timedelta(minutes=1), lambda _, conn, at: bool(_uncompared(conn, at)),
          OfficeWork.compare, timed=False),
    Piece("forget", timedelta(hours=1), lambda _, conn, at: retention.has_due(conn, at), OfficeWork.forget, timed=True),
    Piece("visits", timedelta(hours=1), _always, OfficeWork.visits, timed=True),
    Piece("cosign", timedelta(seconds=30), lambda office, *_: office.witnessed, OfficeWork.cosign, timed=False),
)  # fmt: skip
"""The whole of it, in the order of a round."""


def office_key(settings: Settings, random: Callable[[int], bytes]) -> RequestKey:
    """The key by which channels know us; made when it is first asked for. Errors: SecretMissing, InvalidValue."""
    file = settings.path(OFFICE_KEY)
    try:
        secret = read_secret(file)
    except SecretMissing:
        if file.exists():
            raise
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another instance was first
            write_secret(file, random(32).hex().encode() + b"\n")
        secret = read_secret(file)
    try:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret.decode("ascii")))
    except ValueError:
        raise InvalidValue("the office's key is 64 hex digits") from None
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return RequestKey(KEYID, spki, key.sign)


@contextmanager
def open_office(
    settings: Settings, random: Callable[[int], bytes], stopwatch: Callable[[], float]
) -> Iterator[OfficeWork]:
    """The work of a deployment. Errors: DatabaseNewer, DatabaseOutdated, SecretMissing."""
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        with httpx.Client(timeout=5, trust_env=False, follow_redirects=False) as http:
            key = office_key(settings, random)
            letters = LetterFolder(settings.path(LETTERS))
            work = OfficeWork(journaled, database, key, http, random, stopwatch, random(8).hex(), letters)
            if settings.log.witnesses:
                work.witnessed, work.witnesses = True, partial(collect_all, settings)
            yield work
    finally:
        database.close()
