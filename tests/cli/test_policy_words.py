"""`jitsuin policy` in the reader's language, over files as people write them."""

import subprocess
from pathlib import Path

import pytest

from cli import policy_words
from enrollment.policy import parse_policy
from tests.support.service import command

BEFORE = 'version = "a"\neffective_from = "2026-01-01T00:00:00Z"\nmax_consecutive = 3\nwarn_days = 90\n'
AFTER = BEFORE.replace('"a"', '"b"').replace("= 3", "= 2").replace("= 90", "= 30")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("policy", *map(str, arguments)), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    before, after = tmp_path / "before.toml", tmp_path / "after.toml"
    before.write_text(BEFORE)
    after.write_text(AFTER)
    return before, after


def test_every_field_has_its_words() -> None:
    policy = parse_policy({"version": "a", "effective_from": "2026-01-01T00:00:00Z"})
    assert set(policy_words.FIELDS) == set(policy.body())


@pytest.mark.parametrize(
    ("language", "rule", "change", "none"),
    [
        (
            "ja",
            "回数に数える手続 [consumes]: オンラインの住所変更、",
            "[max_consecutive]: 3 → 2 (厳しくなる)",
            "同じです",
        ),
        (
            "en",
            "procedures that count [consumes]: remote move, ",
            "[max_consecutive]: 3 → 2 (stricter)",
            "are the same",
        ),
    ],
)
def test_in_both_languages(files: tuple[Path, Path], language: str, rule: str, change: str, none: str) -> None:
    before, after = files
    checked = run("check", before, "--lang", language)
    assert (checked.returncode, rule in checked.stdout) == (0, True), checked
    differing = run("diff", before, after, "--lang", language)
    assert (differing.returncode, change in differing.stdout) == (0, True), differing
    assert none in run("diff", before, before, "--lang", language).stdout


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = run("check", tmp_path / "nothing.toml")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("jitsuin: pki.malformed") and ran.stderr.count("\n") == 1
