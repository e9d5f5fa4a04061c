"""The disk fills up under a running service: the refusal is named, nothing is half-done, and repeating finishes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_move_on_a_full_disk_changes_nothing_and_its_repetition_finishes(tmp_path: Path) -> None:
    """On a file system of six megabytes that only these processes see."""
    place, holders = tmp_path / "small", tmp_path / "holders"
    place.mkdir()
    holders.mkdir()
    script = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" -m tests.faults.disk_full_driver "$1" "$3"'
    alone = [
        "unshare",
        "--mount",
        "--map-root-user",
        "sh",
        "-c",
        script,
        "sh",
        str(place),
        sys.executable,
        str(holders),
    ]
    ran = subprocess.run(alone, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "refused": "cli.database-full",
        "kept": 404,
        "ready": 200,
        "card_unchanged": True,
        "used": 1,
        "card_renewed": True,
    }
