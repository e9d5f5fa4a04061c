"""What the documents say holds: links lead somewhere, commands exist, examples run."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.__main__ import COMMANDS
from tests.support.service import command

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def _blocks(path: Path) -> list[str]:
    """The shell examples of a document."""
    return re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def _code(path: Path) -> str:
    """Everything that is set as code."""
    text = path.read_text(encoding="utf-8")
    return "\n".join([*_blocks(path), *re.findall(r"`([^`\n]+)`", text)])


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_targets_that_are_named_exist(name: str) -> None:
    code = _code(ROOT / name)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|\s)make ([a-z-]+)", code)) <= targets
    named = set(re.findall(r"(?:^|[\s/])jitsuin ([a-z][a-z-]*)(?=[ \n]|$)", code))
    there = {name for name, announced in COMMANDS.items() if find_spec(announced.module) is not None}
    assert named <= there, named - there
    for script in re.findall(r"(?:^|\s)(scripts/[a-z_.-]+)", code):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist(name: str) -> None:
    """`tests/…`, `docs/…`, `web/problems.py`: a path in code style with a folder of ours before it."""
    folders = "pki|cardio|ca|verifier|transparency|enrollment|web|cli|tests|docs"
    for found in re.findall(rf"`((?:{folders})/[\w./-]+)`", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / found).exists(), found


def test_the_readmes_tell_the_same() -> None:
    english, japanese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md"))
    assert re.findall(r"^(#+) ", english, re.MULTILINE) == re.findall(r"^(#+) ", japanese, re.MULTILINE)
    assert _shape(english) == _shape(japanese)


def _shape(text: str) -> list[list[str]]:
    """The commands of each example, without what is between angle brackets."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"<[^>(]*>", "<>", block).splitlines() for block in blocks]


def test_the_pictures_are_what_the_script_draws() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import flow_picture
    finally:
        sys.path.pop(0)
    for file, language in (("flow.svg", "en"), ("flow.ja.svg", "ja")):
        drawn = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert drawn == flow_picture.draw(language)
        ET.fromstring(drawn)


def test_every_line_of_the_spec_map_names_files_that_exist() -> None:
    wrong = []
    for line in (ROOT / "docs" / "spec-map.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or cells[0] in ("clause", "---", ""):
            continue
        for cell in cells[1:]:
            named = re.findall(r"[\w./-]+\.py", cell)
            wrong += [f"{cells[0]}: {found}" for found in named if not (ROOT / found).exists()]
    assert not wrong


def test_make_alone_explains_itself() -> None:
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "test", "check", "bench", "serve", "help"):
        assert f"make {target}" in told


def test_the_list_of_packages_is_told_without_root() -> None:
    listed = subprocess.run(["scripts/setup", "--list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pcscd" in listed
    assert "vsmartcard-vpcd" in listed


def test_the_lock_file_has_hashes_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    pinned = re.split(r"\n(?=\S)", lock.strip())
    assert len(pinned) > 80
    assert all("--hash=sha256:" in entry and "==" in entry for entry in pinned)


def test_every_dependency_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = {re.sub(r"[-_.]+", "-", name.lower()) for name in re.findall(r"^([\w.-]+)==", _lock(), re.MULTILINE)}
    for one in wanted:
        name = re.match(r"[\w.-]+", one)
        assert name is not None
        assert re.sub(r"[-_.]+", "-", name[0].lower()) in locked, one


def _lock() -> str:
    return (ROOT / "requirements.lock").read_text()


@pytest.mark.slow
def test_the_readmes_openssl_lines_hold_on_what_the_demo_leaves(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    told = subprocess.run(command("demo", "--out", str(out)), capture_output=True, text=True, timeout=280, check=False)
    assert told.returncode == 0, told.stderr
    lines = [block for block in _blocks(ROOT / "README.md") if "openssl" in block]
    assert lines
    for block in lines:
        script = block.replace("var/demo", str(out))
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert ": OK" in ran.stdout
        assert "Serial Number" in ran.stdout, "the CRL lists what was revoked"
