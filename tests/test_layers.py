"""The folders are the architecture: who may import whom, and which one file knows each foreign world.

Read from the sources with ast: imports inside functions and under TYPE_CHECKING count as well.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "pki": frozenset(),
    "cardio": frozenset({"pki"}),
    "ca": frozenset({"pki"}),
    "verifier": frozenset({"pki"}),
    "transparency": frozenset({"pki"}),
    "enrollment": frozenset({"pki", "ca", "transparency"}),
    "web": frozenset({"pki", "ca", "verifier", "transparency", "enrollment"}),
    "cli": frozenset({"pki", "ca", "verifier", "transparency", "enrollment", "web", "cardio"}),
}
"""cli → web → enrollment → {ca, verifier, cardio, transparency} → pki; the four never import each other."""

FOREIGN: Mapping[str, tuple[str, ...]] = {
    # library → the files (or folders) that may know it, as prefixes of their paths
    "smartcard": ("cardio/pcsc.py",),
    "pkcs11": ("ca/pkcs11_key.py", "ca/pkcs11/"),
    "sqlalchemy": ("*/store.py", "*/store/", "*/migrations/", "cli/database.py"),
    "alembic": ("*/migrations/", "cli/database.py"),
    "psycopg": (),
    "fastapi": ("web/",),
    "starlette": ("web/", "cardio/agent/door.py", "cardio/agent/gate.py"),
    "jinja2": ("web/", "cli/", "cardio/agent/door.py"),
    "websockets": ("cli/agent.py",),
    "fpdf": ("web/desk/paper.py",),
    "webauthn": ("web/pages/passkeys.py",),
    "uvicorn": ("cli/",),
    "uvloop": ("cli/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "pydantic_settings": ("cli/settings.py",),
    "tomllib": ("cli/", "ca/ceremony", "verifier/"),
    "httpx": ("verifier/fetch.py", "ca/s3_shelf.py", "cli/"),
    "urllib.request": (),
    "http.client": ("verifier/fetch.py", "cli/"),
    "requests": (),
    # making a signature is another job than judging one; XML is judged by our own reading, made by signxml
    "pyhanko": ("verifier/pdf.py", "cli/card_documents.py"),
    "signxml": ("cli/card_documents.py",),
}

EFFECTS: Mapping[str, tuple[str, ...]] = {
    # chance and environment come in by the door: only cli asks the machine for them
    "secrets": ("cli/",),
    "random": ("cli/",),
    "time": ("cli/", "cardio/"),  # a card reader's deadlines are real time
}

TYPES_ONLY = {"sqlalchemy": ("Connection", "Row"), "fastapi": ("APIRouter",)}
"""A caller's transaction and what a store found in it are handed on; naming their types is not speaking SQL."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service", "core"}


def _sources(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


@cache
def _nodes(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))))


def _imports(file: Path) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Module, imported names (empty for `import module`), line."""
    for node in _nodes(file):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, (), node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{file}:{node.lineno}: relative imports hide the layer"
            yield node.module, tuple(name.name for name in node.names), node.lineno


def _allowed(file: Path, places: tuple[str, ...]) -> bool:
    path = file.relative_to(ROOT)
    for place in places:
        package, _, rest = place.partition("/")
        if package not in ("*", path.parts[0]):
            continue
        if "/".join(path.parts[1:]).startswith(rest):
            return True
    return False


def _packages() -> list[str]:
    return [package for package in MAY_IMPORT if (ROOT / package).is_dir()]


def test_every_package_of_ours_has_its_floor() -> None:
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and any(path.glob("*.py")) and path.name not in ("tests", "fixtures", "bench", "scripts")
    }
    assert folders <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in _sources(package)
        for module, _, line in _imports(file)
        if (top := module.partition(".")[0]) in MAY_IMPORT and top != package and top not in MAY_IMPORT[package]
    ]
    tests = [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in _sources(package)
        for module, _, line in _imports(file)
        if module.partition(".")[0] in ("tests", "fixtures")
    ]
    assert not wrong
    assert not tests, "the program does not stand on its tests"


@pytest.mark.parametrize("library", FOREIGN)
def test_one_file_knows_each_foreign_world(library: str) -> None:
    assert not list(_uses(library, FOREIGN[library]))


@pytest.mark.parametrize("module", EFFECTS)
def test_time_and_chance_come_in_by_the_door(module: str) -> None:
    assert not list(_uses(module, EFFECTS[module]))


def _uses(library: str, places: tuple[str, ...]) -> Iterator[str]:
    for package in _packages():
        for file in _sources(package):
            for module, names, line in _imports(file):
                if module != library and not module.startswith(f"{library}."):
                    continue
                only_types = bool(names) and set(names) <= set(TYPES_ONLY.get(library, ()))
                if not only_types and not _allowed(file, places):
                    yield f"{file.relative_to(ROOT)}:{line} imports {module}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_nobody_below_the_command_asks_the_clock_or_the_environment(package: str) -> None:
    if package == "cli":
        return
    asked = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.environ", "os.getenv", "os.urandom"}
    asked |= {"uuid.uuid1", "uuid.uuid4"}
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}"
        for file in _sources(package)
        for node in _nodes(file)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in asked and not _allowed(file, _ENVIRONMENT)
    ]
    assert not wrong


_ENVIRONMENT = ("cardio/private_pcscd.py", "cardio/pcsc.py")
"""A child gets the environment it needs, and libpcsclite takes its socket's name from nowhere else."""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_file_is_named_for_a_thing(package: str) -> None:
    assert not [str(file.relative_to(ROOT)) for file in _sources(package) if file.stem in FORBIDDEN_NAMES]


def _lines_for_types_only(file: Path) -> set[int]:
    return {
        line
        for node in _nodes(file)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for part in node.body
        for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)
    }


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_import_circle(package: str) -> None:
    """No circle inside a package, not even one hidden inside functions; naming a type of a later file is no import."""
    graph: dict[str, set[str]] = {}
    for file in _sources(package):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = set()
        types_only = _lines_for_types_only(file)
        for module, names, line in _imports(file):
            if line in types_only:
                continue
            graph[name] |= {module} | {f"{module}.{part}" for part in names}
    for name, targets in graph.items():
        graph[name] = {target for target in targets if target in graph and target != name}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path[path.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                walk(target, (*path, name))
            done.add(name)

    for name in graph:
        walk(name, ())
