"""The command `jitsuin`: quick help, commands that break alone, errors as one line or as JSON."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cli.__main__ as command
from cli.errors import PortTaken


def _run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_lists_the_commands_without_importing_them() -> None:
    program = (
        "import sys, cli.__main__ as c; status = c.run(['--help']); "
        "heavy = {'sqlalchemy', 'fastapi', 'cryptography', 'smartcard', 'pydantic', 'uvicorn'} & set(sys.modules); "
        "sys.exit(f'{heavy}' if heavy else status)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    for name in ("doctor", "init", "serve"):
        assert name in ran.stdout


def test_a_terminal_without_japanese_letters_gets_escapes() -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii"}
    ran = _run("doctor", "--lang", "ja", env=environment)
    assert ran.stderr == ""
    assert "\\u30c7\\u30a3\\u30b9\\u30af\\u306e\\u7a7a\\u304d" in ran.stdout  # the disk's room
    told = _run("doctor", "--json", env=environment)
    remedies = [finding["remedy"]["ja"] for finding in json.loads(told.stdout)["findings"]]
    assert any("ループバック" in remedy for remedy in remedies)


@pytest.mark.parametrize("name", sorted(command.COMMANDS))
def test_every_announced_command_has_help(name: str) -> None:
    ran = _run(name, "--help", env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"})
    assert ran.returncode == 0, ran.stderr
    assert "Usage: jitsuin" in ran.stdout
    assert "completion" not in ran.stdout


def test_every_command_of_ours_is_announced() -> None:
    folder = Path(command.__file__).parent
    texts = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.py") if file.stem != "__main__"}
    with_app = {name for name, text in texts.items() if "\napp = typer.Typer(" in text}
    mounted = {name for name in with_app if any(_mounts(text, name) for text in texts.values())}
    assert with_app - mounted == {one.module.removeprefix("cli.") for one in command.COMMANDS.values()}


def _mounts(text: str, name: str) -> bool:
    """Does a command's module take in what `cli.{name}` offers as its own?"""
    imports = rf"^(from cli import .*\b{name}\b|from cli\.{name} import|import cli\.{name}\b)"
    return re.search(imports, text, re.MULTILINE) is not None


def test_an_unknown_command_is_not_understood_and_the_nearest_is_offered() -> None:
    ran = _run("docter")
    assert ran.returncode == 2
    assert "doctor" in ran.stderr


def test_the_version_is_told() -> None:
    assert _run("--version").stdout.startswith("jitsuin 0.")


def test_a_named_error_is_one_line_or_one_document(tmp_path: Path) -> None:
    said = _run("serve", str(tmp_path))
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr == (
        f"jitsuin: cli.settings-missing: {tmp_path} is not a deployment: it has no jitsuin.toml. "
        "Name a deployment's folder, or make one with `jitsuin init DIR`.\n"
    )
    as_json = _run("serve", str(tmp_path), "--json")
    assert as_json.returncode == 1
    assert as_json.stderr == ""
    assert json.loads(as_json.stdout)["error"]["code"] == "cli.settings-missing"
    assert json.loads(as_json.stdout)["error"]["fields"] == {"folder": str(tmp_path)}


def test_a_command_that_cannot_be_loaded_breaks_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken_command.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    announced = command._Announced("broken_command", "To begin", "It is broken.")
    monkeypatch.setitem(command.COMMANDS, "broken", announced)
    assert command.run(["--help"]) == 0
    assert "It is broken." in capsys.readouterr().out
    assert command.run(["broken"]) == 1
    assert "a_module_that_is_not_there" in capsys.readouterr().err


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        Path("/dev/full").write_text("x" * 100_000)

    monkeypatch.setattr(command.typer.main, "get_command", lambda _: type("Full", (), {"main": full})())
    assert command.run(["anything"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("jitsuin: cli.disk-full: ")


def test_a_missing_or_forbidden_file_is_named() -> None:
    assert command.named(FileNotFoundError(2, "x", "people.csv")).fields() == {
        "file": "people.csv",
        "what": "No such file or directory",
    }


def test_fields_reach_json_as_text_and_numbers() -> None:
    assert command.describe(PortTaken("127.0.0.1:80"))["error"] == {
        "code": "cli.port-taken",
        "why": "another program already listens on 127.0.0.1:80",
        "todo": "Stop that program, or choose another port with --listen.",
        "fields": {"address": "127.0.0.1:80"},
    }


def test_a_reader_who_had_enough_is_no_traceback() -> None:
    """`jitsuin … | head -1`: the pipe is closed before everything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "cli", "ledger", "show", "nowhere", "nobody", "--json"]
    ran = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, "")
