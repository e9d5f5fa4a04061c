"""`jitsuin doctor` names what is missing and how to get it, in both languages, and tells by its status."""

import json
from pathlib import Path

import pytest

from cli import doctor
from cli.__main__ import run
from cli.language import Language, spoken


def _findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    run(["doctor", "--json", *arguments])
    return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}


def test_this_machine_has_what_the_demo_needs(capsys: pytest.CaptureFixture[str]) -> None:
    found = _findings(capsys)
    needed = {name: finding for name, finding in found.items() if finding["needed"]}
    assert {"python", "python-packages", "pcscd", "vpcd", "room", "loopback"} <= set(needed)
    assert all(finding["ok"] for finding in needed.values()), needed


def test_what_is_missing_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import cardio.private_pcscd as stack

    def nothing() -> Path:
        raise stack.PcscdMissing("pcscd", "pcscd")

    monkeypatch.setattr(stack, "find_pcscd", nothing)
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    assert run(["doctor", "--lang", "en"]) == 1
    english = capsys.readouterr().out
    assert "✗ pcscd, the card reader service: missing" in english
    assert "For the demo:\n  sudo apt-get install --no-install-recommends pcscd\n" in english
    assert "opensc openssl yubico-piv-tool" in english
    assert run(["doctor", "--lang", "ja"]) == 1
    japanese = capsys.readouterr().out
    assert "✗ pcscd(カードリーダーのサービス): ありません" in japanese
    assert "デモに必要なもの" in japanese


def test_only_what_the_demo_needs_makes_the_status_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    assert run(["doctor", "--lang", "en"]) == 0
    assert "– OpenSC: missing" in capsys.readouterr().out


def test_a_deployment_is_looked_at_too(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _findings(capsys, str(deployment))
    assert [found[name]["ok"] for name in ("settings", "secrets", "database")] == [True, True, True]
    (deployment / "secrets" / "authorities-passphrase").chmod(0o644)
    for file in deployment.glob("jitsuin.db*"):
        file.unlink()
    found = _findings(capsys, str(deployment))
    assert [found[name]["ok"] for name in ("settings", "secrets", "database")] == [True, False, False]
    assert "0644" in str(found["secrets"]["found"])
    (deployment / "jitsuin.toml").write_text("[caps]\nmax_years = 0\n")
    found = _findings(capsys, str(deployment))
    assert found["settings"]["ok"] is False
    assert "caps.max_years" in str(found["settings"]["found"])
    assert "database" not in found


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, Language.EN),
        ({"LANG": "ja_JP.UTF-8"}, Language.JA),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, Language.EN),
        ({"LANG": "C", "LC_MESSAGES": "ja_JP"}, Language.JA),
        ({"LANG": "ja_JP", "LC_ALL": ""}, Language.JA),
    ],
)
def test_the_shells_language_is_spoken(
    environment: dict[str, str], language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert spoken(None) is language
    assert spoken(Language.JA) is Language.JA


@pytest.mark.parametrize(
    ("command", "folder", "allowed"), [("true", True, True), ("true", False, True), ("false", False, False)]
)
def test_who_may_start_a_pcscd_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, folder: bool, allowed: bool
) -> None:
    import cardio.private_pcscd as stack

    monkeypatch.setattr(stack.os, "geteuid", lambda: 65534)
    monkeypatch.setattr(stack, "_RUN", tmp_path if folder else tmp_path / "none")
    monkeypatch.setattr(stack, "_RUN_OF_ITS_OWN", (command,))
    finding = next(one for one in doctor._card_stack() if one.name == "pcscd-may-start")
    assert finding.ok is allowed
    assert "/run/pcscd" in finding.remedy_en
