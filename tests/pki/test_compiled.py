"""What is compiled is taken exactly while it is of these sources, and judges as its sources do."""

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pki.compiled import PACKAGES, PLACE, SOURCES, digest, folder, modules

SUITES = (
    "tests/pki/test_der.py",
    "tests/pki/test_instant.py",
    "tests/ca/test_ceremony.py",
    "tests/ca/test_journal.py",
    "tests/ca/test_ocsp.py",
    "tests/ca/test_batch.py",
    "tests/ca/test_issuance.py",
    "tests/ca/test_lint.py",
    "tests/ca/test_profiles.py",
    "tests/ca/test_request.py",
    "tests/faults/test_issuance_faults.py",
    "tests/web/test_responder_fast.py",
    "tests/vectors/test_pkits.py",
    "tests/verifier/test_attacks.py",
    "tests/verifier/test_cold_and_warm.py",
    "tests/verifier/test_octets_at_random.py",
)


def hot_modules() -> list[tuple[str, str]]:
    """The list of `scripts/compile.py`: package and module."""
    spec = importlib.util.spec_from_file_location("compile_script", SOURCES / "scripts" / "compile.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    hot: dict[str, tuple[str, ...]] = script.HOT
    return [(package, name) for package, names in hot.items() for name in names]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources that count."""
    for package in PACKAGES:
        shutil.copytree(SOURCES / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def ask(sources: Path, *options: str) -> list[str]:
    """Where a process of its own over `sources` takes `verifier.walk` from, and what it says is compiled."""
    code = "import json, verifier.walk as w, pki.compiled as c; print(json.dumps([w.__file__, *c.modules()]))"
    done = subprocess.run(
        [sys.executable, *options, "-c", code], cwd=sources, capture_output=True, text=True, check=True, timeout=60
    )
    found: list[str] = json.loads(done.stdout)
    return found


def stand_in(sources: Path) -> Path:
    """A folder as the script leaves it, with a module in it that cannot be mistaken for the source."""
    made = sources / PLACE / digest(sources) / "verifier"
    made.mkdir(parents=True)
    (made / "walk.py").write_text((sources / "verifier" / "walk.py").read_text() + "\n# taken\n")
    return made / "walk.py"


def test_the_digest_is_over_every_octet_name_and_file(sources: Path) -> None:
    seen = {digest(sources)}
    changed = sources / "pki" / "oids.py"
    octets = changed.read_bytes()
    changed.write_bytes(octets + b"\n")
    seen.add(digest(sources))
    changed.write_bytes(octets)
    assert digest(sources) in seen
    (sources / "verifier" / "fresh.py").touch()
    seen.add(digest(sources))
    (sources / "verifier" / "fresh.py").rename(sources / "verifier" / "other.py")
    seen.add(digest(sources))
    (sources / "verifier" / "other.py").unlink()
    changed.unlink()
    seen.add(digest(sources))
    assert len(seen) == 5


def test_what_was_compiled_from_these_sources_is_taken(sources: Path) -> None:
    made = stand_in(sources)
    assert Path(ask(sources)[0]).resolve() == made.resolve()


def test_what_was_compiled_from_other_sources_is_not_found(sources: Path) -> None:
    stand_in(sources)
    with (sources / "verifier" / "crl.py").open("a") as file:
        file.write("\n")
    assert folder(sources) is None
    assert Path(ask(sources)[0]).resolve() == (sources / "verifier" / "walk.py").resolve()


def test_the_sources_are_taken_where_that_is_asked_for(sources: Path) -> None:
    stand_in(sources)
    assert ask(sources, "-X", "jitsuin=plain") == [str(sources / "verifier" / "walk.py")]


def test_nothing_that_is_compiled_makes_an_object_without_its_constructor() -> None:
    """`C.__new__(C)` of a compiled class with an `__init__` calls it; a slice object is no index of compiled bytes."""
    for package, module in hot_modules():
        tree = ast.parse((SOURCES / package / f"{module}.py").read_text())
        having = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for part in node.body
            if isinstance(part, ast.FunctionDef) and part.name == "__init__"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "__new__" and isinstance(node.value, ast.Name):
                assert node.value.id not in having, f"{module}:{node.lineno}"
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Call):
                assert ast.unparse(node.slice.func) != "slice", f"{module}:{node.lineno}"


def test_nothing_that_is_not_compiled_inherits_from_what_is() -> None:
    """A class made in C cannot be a base of one that is not, unless it says so at a price."""
    hot = set(hot_modules())
    made = {
        f"{package}.{module}.{node.name}"
        for package, module in hot
        for node in ast.walk(ast.parse((SOURCES / package / f"{module}.py").read_text()))
        if isinstance(node, ast.ClassDef)
    }
    for package in ("pki", "ca", "cardio", "verifier", "transparency", "enrollment", "web", "cli", "tests", "bench"):
        for file in (SOURCES / package).rglob("*.py"):
            if (package, file.stem) in hot and file.parent.name == package:
                continue
            tree = ast.parse(file.read_text())
            known = {
                alias.asname or alias.name: f"{node.module}.{alias.name}"
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            for node in ast.walk(tree):
                for base in node.bases if isinstance(node, ast.ClassDef) else ():
                    first, _, rest = ast.unparse(base).partition(".")
                    named = known.get(first, first) + (f".{rest}" if rest else "")
                    assert named not in made, f"{file.relative_to(SOURCES)}:{node.lineno} {named}"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_compiled_and_plain_pass_the_same_suites(tmp_path: Path) -> None:
    """The vectors and the attacks in the form that this run does not take: plain where it is compiled, or compiled."""
    where, options = SOURCES, ("-X", "jitsuin=plain")
    if not any(modules()):
        where, options = tmp_path / "copy", ()
        left_out = shutil.ignore_patterns("__pycache__", ".*", "var", "build", "clients", "node_modules")
        shutil.copytree(SOURCES, where, ignore=left_out)
        subprocess.run([sys.executable, "scripts/compile.py"], cwd=where, check=True, capture_output=True, timeout=1400)
        libraries = {f"{package}.hot__mypyc" for package, _ in hot_modules()}
        wanted = libraries | {".".join(one) for one in hot_modules()}
        assert set(ask(where)[1:]) == wanted, "each of the list, and a library for each package's"
    done = subprocess.run(
        [sys.executable, *options, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *SUITES],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=1400,
    )
    assert done.returncode == 0, done.stdout[-2000:]
