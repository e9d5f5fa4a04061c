"""One deployment made by the real command, copied for each test that serves or breaks it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.service import command


@pytest.fixture(scope="session")
def _deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "made"
    made = subprocess.run(command("init", str(folder)), capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def deployment(_deployment: Path, tmp_path: Path) -> Path:
    """The folder of a fresh deployment (SQLite, two authorities, a municipality)."""
    return Path(shutil.copytree(_deployment, tmp_path / "deployment"))
