"""The demonstration's folder: cleared when it is one, and only when nobody uses it."""

import fcntl
from pathlib import Path

import pytest

from cli.demo_world import MARK, _clear
from cli.errors import DemoGoesOn, NotADemo


def test_a_folder_in_use_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with (tmp_path / MARK).open("wb") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        with pytest.raises(DemoGoesOn):
            _clear(tmp_path)
        assert (tmp_path / "report.json").exists()
    _clear(tmp_path)
    assert not tmp_path.exists()


def test_a_strangers_folder_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(NotADemo):
        _clear(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"
