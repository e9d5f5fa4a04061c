"""The modules that a machine has compiled, taken instead of their sources exactly while they are of these sources.

`scripts/compile.py` translates the modules of its list with mypyc and puts them into `build/compiled/NAME`. NAME is a
digest over every source of the packages below and over the interpreter: one octet changed anywhere, and there is no
folder of that name, so that what is compiled can never be older than what is written. Everything works without, only
more slowly; `python -X jitsuin=plain` leaves it out on purpose.

Decided once in a process, when the first package is imported: modules of one build call one another directly, and half
of them would not do. Each package with compiled modules asks here for its `__path__`; this one has no dependency, so
that it may be asked by all of them.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

PACKAGES: Final = ("pki", "ca", "verifier", "web")
"""Whose sources count: those of the compiled modules, and those whose constants are written into them."""
SOURCES: Final = Path(__file__).parents[1]
PLACE: Final = Path("build", "compiled")


def digest(sources: Path = SOURCES) -> str:
    """What the folder of the compiled modules is called: 32 hex digits over the names and octets of all sources."""
    whole = sha256("\0".join((sys.version, *EXTENSION_SUFFIXES)).encode())
    for package in PACKAGES:
        for file in sorted((sources / package).rglob("*.py")):
            whole.update(f"\0{file.relative_to(sources).as_posix()}\0".encode() + sha256(file.read_bytes()).digest())
    return whole.hexdigest()[:32]


def folder(sources: Path = SOURCES) -> Path | None:
    """Where the modules compiled from exactly these sources are; None where there are none, or they are not wanted."""
    place = sources / PLACE
    # nobody hashes a hundred files to find nothing
    if sys._xoptions.get("jitsuin") == "plain" or not place.is_dir():
        return None
    found = place / digest(sources)
    return found if found.is_dir() else None


FOLDER: Final = folder()
"""What this process has decided on."""


def paths(package: str, own: list[str]) -> list[str]:
    """Where the modules of `package` are looked for: first what is compiled, then `own`, its sources."""
    return own if FOLDER is None else [str(FOLDER / package), *own]


def modules() -> Iterator[str]:
    """The modules that this process takes compiled."""
    if FOLDER is not None:
        for file in sorted(FOLDER.glob(f"*/*{EXTENSION_SUFFIXES[0]}")):
            yield f"{file.parent.name}.{file.name.partition('.')[0]}"
