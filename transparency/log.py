"""One owner's log: entries become durable at once, get their numbers in batches, and are published as static files.

The order of deeds, and what a crash after each leaves behind:

    1. stage        the entry is durable, in the transaction of the deed it tells of; it has no number yet
    2. one transaction: numbers, tiles, signed checkpoint, compare-and-swap of the checkpoint
                    crash before the commit: the entries wait again. There is never a second checkpoint of one size.
    3. tiles        written to the folder under names that no later content ever gets; a crash leaves some of them out
    4. checkpoint   the file that makes them known, replaced whole and last

`recover` runs 3 and 4 again, also for tiles that somebody deleted, and refuses a store that is older than what was
already published.
"""

from dataclasses import dataclass

from pki.errors import Retryable
from pki.instant import Instant
from transparency import checkpoint, merkle, note, store, tiles
from transparency.checkpoint import Checkpoint
from transparency.errors import ClockStepped, ForkDetected, LogBehind
from transparency.folder import Folder
from transparency.merkle import Hash
from transparency.note import Signer, Verifier
from transparency.proofs import loader
from transparency.store import Connection

BATCH = 4096
"""Entries a round: at most so many wait for one signature."""


@dataclass(eq=False)
class _Overtaken(Retryable):
    """Another sequencer swapped the checkpoint first: the round is done again on what it left."""

    code = "transparency.overtaken"


class Log:
    """A log by its origin. Several processes may stage; one may sequence at a time, and a second one does no harm."""

    def __init__(self, database: store.Database, name: str, signer: Signer, folder: Folder) -> None:
        """`name` is the owner's code in the database; the world knows the log by the name of its signing key."""
        self.name = name
        self.origin = signer.verifier.name
        self._database = database
        self._signer = signer
        self._folder = folder

    @property
    def verifier(self) -> Verifier:
        """The public key that its checkpoints verify with."""
        return self._signer.verifier

    def sequence(self, at: Instant) -> Checkpoint:
        """Number what waits (at most BATCH entries), sign, swap, publish; the checkpoint that holds now.

        Errors: ClockStepped when `at` lies before the last checkpoint; nothing is signed then.
        """
        current = self._database.transaction(lambda connection: self._round(connection, at))
        self._publish(current)
        return current

    def recover(self) -> Checkpoint | None:
        """Publish what a crash left unpublished; None for a log that has not begun.

        Errors: LogBehind when the folder knows a later checkpoint than the store, ForkDetected when it knows another.
        """
        found = self._database.read(lambda connection: store.head(connection, self.name))
        published = self._published()
        if found is None:
            if published is not None:
                raise LogBehind(self.origin, 0, published.size)
            return None
        if published is not None:
            if published.size > found.size:
                raise LogBehind(self.origin, found.size, published.size)
            if self._root(published.size) != published.root:
                raise ForkDetected(self.origin, published.size, found.size)
        current = Checkpoint(self.origin, found.size, Hash(found.root))
        self._publish(current)
        self._mend(current)
        return current

    def _mend(self, current: Checkpoint) -> None:
        """Write again what was published and is gone. What is there and wrong is for an audit to find and name."""
        missing = [name for name in tiles.names_of(current.size) if not self._folder.has(name)]

        def body(connection: Connection) -> None:
            load = loader(connection, self.name)
            for name in missing:
                self._folder.put(name, load)

        if missing:
            self._database.read(body)

    def _round(self, connection: Connection, at: Instant) -> Checkpoint:
        found = store.head(connection, self.name)
        if found is None:
            empty = Checkpoint(self.origin, 0, merkle.EMPTY)
            found = store.Head(0, merkle.EMPTY, at, note.sign(empty.text, at, self._signer))
            try:
                store.begin(connection, self.name, found)
            except store.IntegrityError as error:
                raise _Overtaken from error
        if at < found.at:
            raise ClockStepped
        batch = store.waiting(connection, self.name, BATCH)
        if not batch:
            return Checkpoint(self.origin, found.size, Hash(found.root))
        size = found.size + len(batch)
        try:
            store.number(connection, self.name, found.size, batch)
            self._grow(connection, found.size, [merkle.leaf_hash(staged.entry) for staged in batch])
        except store.IntegrityError as error:
            raise _Overtaken from error
        reader = tiles.TileReader(size, loader(connection, self.name))
        new = Checkpoint(self.origin, size, merkle.root(size, reader.subtree))
        head = store.Head(size, new.root, at, note.sign(new.text, at, self._signer))
        if not store.swap(connection, self.name, found.size, head):
            raise _Overtaken
        return new

    def _grow(self, connection: Connection, size: int, leaves: list[Hash]) -> None:
        """Append hashes to the tiles at the right edge; 256 of them that fill a tile give one hash a level up."""
        level, first, hashes = 0, size, leaves
        while hashes:
            upper: list[Hash] = []
            number = first // tiles.WIDTH
            held = (store.tile(connection, self.name, level, number) or b"") if first % tiles.WIDTH else b""
            octets = held[: 32 * (first % tiles.WIDTH)] + b"".join(hashes)
            for start in range(0, len(octets), 32 * tiles.WIDTH):
                tile = octets[start : start + 32 * tiles.WIDTH]
                store.put_tile(connection, self.name, level, number, tile)
                if len(tile) == 32 * tiles.WIDTH:
                    upper.append(tiles.fold(tile))
                number += 1
            level, first, hashes = level + 1, first // tiles.WIDTH, upper

    def _root(self, size: int) -> Hash:
        def body(connection: Connection) -> Hash:
            return merkle.root(size, tiles.TileReader(size, loader(connection, self.name)).subtree)

        return self._database.read(body)

    def _published(self) -> Checkpoint | None:
        octets = self._folder.checkpoint()
        if octets is None:
            return None
        found = note.parse(octets)
        found.verified(self._signer.verifier)
        return checkpoint.parse_checkpoint(found.text)

    def _publish(self, current: Checkpoint) -> None:
        with self._folder.publishing():
            self._publish_alone(current)

    def _publish_alone(self, current: Checkpoint) -> None:
        published = self._published()
        since = 0 if published is None else published.size
        if published is not None and since >= current.size:
            return

        def body(connection: Connection) -> bytes | None:
            found = store.head(connection, self.name)
            if found is None or found.size != current.size:
                return None  # another sequencer is ahead and publishes more than we would
            load = loader(connection, self.name)
            for name in tiles.names_of(current.size, since):
                self._folder.put(name, load)
            return found.note

        signed = self._database.read(body)
        if signed is not None:
            self._folder.put_checkpoint(signed)
