"""One deployment with officers enough, made once for each worker and copied for each test."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.peers.world import FRIDAY, World, add_officers
from tests.support.service import command


@pytest.fixture(scope="session")
def _peered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peered") / "made"
    line = command("init", str(folder), "--clock", "2026-11-19T00:00:00Z")
    made = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    add_officers(folder, FRIDAY + timedelta(hours=-1))
    return folder


@pytest.fixture
def world(_peered: Path, tmp_path: Path) -> "World":
    """A fresh deployment, not yet served."""
    one = World(Path(shutil.copytree(_peered, tmp_path / "deployment")))
    one.register_town()
    yield one
    one.database.close()
