"""Tiles (c2sp.org/tlog-tiles): the log as static files of 256 hashes or entries.

tile/<level>/<index>          256 hashes of level 8·level, 32 octets each, left to right
tile/<level>/<index>.p/<w>    the same while only w of them exist
tile/entries/<index>[.p/<w>]  the entries below a level-0 tile, each a uint16 length and its octets
<index>                       groups of three digits, all but the last with an x in front: x001/x234/067
"""

import re
from collections.abc import Callable, Iterable, Iterator

from transparency.errors import NotFound
from transparency.merkle import Hash, node_hash

WIDTH = 256
HEIGHT = 8
MAX_ENTRY = 0xFFFF

Loader = Callable[[str], bytes]
"""Fetches a tile by its path, from a folder or over HTTP. Errors: NotFound."""

_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


def index_path(index: int) -> str:
    """`1234067` as `x001/x234/067`."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int | None, index: int, width: int = WIDTH) -> str:
    """The path of a tile of hashes, or of entries where `level` is None; below WIDTH it is a partial one."""
    name = "entries" if level is None else str(level)
    return f"tile/{name}/{index_path(index)}" + (f".p/{width}" if width < WIDTH else "")


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Level (None: entries), index and width of a path. Errors: NotFound for what is no tile's path."""
    match = _PATH.match(path)
    if match is None:
        raise NotFound("such tile")
    index = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or WIDTH)
    if index_path(index) != match[2] or not 0 < width <= WIDTH or (match[3] and width == WIDTH):
        raise NotFound("such tile")
    return (None if match[1] == "entries" else int(match[1])), index, width


def tiles_of(size: int, since: int = 0) -> Iterator[tuple[int, int, int]]:
    """Level, index and width of every tile of hashes that a log of `size` has and one of `since` lacked."""
    level = 0
    while size >> (HEIGHT * level):
        now, before = size >> (HEIGHT * level), since >> (HEIGHT * level)
        if now > before:
            for index in range(before // WIDTH, (now + WIDTH - 1) // WIDTH):
                yield level, index, min(WIDTH, now - index * WIDTH)
        level += 1


def names_of(size: int, since: int = 0) -> Iterator[str]:
    """The path of every tile, of hashes and of entries, that a log of `size` has and one of `since` lacked."""
    for level, index, width in tiles_of(size, since):
        yield tile_path(level, index, width)
    for index in range(since // WIDTH, -(-size // WIDTH)):
        yield tile_path(None, index, min(WIDTH, size - index * WIDTH))


def entry_tile(entries: Iterable[bytes]) -> bytes:
    """The octets of a tile of entries."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def parse_entry_tile(octets: bytes) -> list[bytes]:
    """The entries of a tile. Errors: NotFound for a tile that is cut short."""
    entries, offset = [], 0
    while offset < len(octets):
        end = offset + 2 + int.from_bytes(octets[offset : offset + 2])
        if end > len(octets) or offset + 2 > len(octets):
            raise NotFound("whole tile: this one is cut short")
        entries.append(octets[offset + 2 : end])
        offset = end
    return entries


class TileReader:
    """Subtree hashes out of tiles of a log of `size`; `load(path)` gives a tile's octets. Tiles are kept once read."""

    def __init__(self, size: int, load: Loader) -> None:
        self._size = size
        self._load = load
        self._tiles: dict[tuple[int, int], bytes] = {}

    def subtree(self, level: int, index: int) -> Hash:
        """The hash of the complete subtree at (level, index). Errors: NotFound."""
        tile_level, within = divmod(level, HEIGHT)
        first = index << within
        octets = self._tile(tile_level, first // WIDTH)
        start = first % WIDTH
        return fold(octets[32 * start : 32 * (start + (1 << within))])

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            width = min(WIDTH, (self._size >> (HEIGHT * level)) - index * WIDTH)
            octets = self._load(tile_path(level, index, width)) if width > 0 else b""
            if len(octets) != 32 * width or not octets:
                raise NotFound(f"whole tile {tile_path(level, index, max(width, 1))}")
            self._tiles[level, index] = octets
        return self._tiles[level, index]


def fold(octets: bytes) -> Hash:
    """The hash over a row of hashes whose number is a power of two, 32 octets each."""
    hashes = [Hash(octets[start : start + 32]) for start in range(0, len(octets), 32)]
    while len(hashes) > 1:
        hashes = [node_hash(hashes[place], hashes[place + 1]) for place in range(0, len(hashes), 2)]
    return hashes[0]
