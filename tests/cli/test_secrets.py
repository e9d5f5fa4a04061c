"""Files that only their owner may read: anything else is refused by name, before its content is used."""

import os
import stat
from pathlib import Path

import pytest

from cli.errors import SecretMissing
from cli.keys import card_master_keys
from cli.secrets import read_secret, write_secret
from cli.settings import load_settings


def test_what_is_written_is_read_back_and_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    before = os.umask(0)
    try:
        write_secret(file, b"correct horse\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_secret(file) == b"correct horse"
    with pytest.raises(FileExistsError):
        write_secret(file, b"another")
    assert read_secret(file) == b"correct horse"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o700 | 0o010])
def test_a_secret_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    write_secret(file, b"x")
    file.chmod(mode)
    with pytest.raises(SecretMissing, match=f"{mode:04o}"):
        read_secret(file)


def test_an_absent_an_empty_and_an_odd_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="No such file"):
        read_secret(tmp_path / "nothing")
    write_secret(tmp_path / "empty", b"\n")
    with pytest.raises(SecretMissing, match="empty"):
        read_secret(tmp_path / "empty")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(SecretMissing):
        read_secret(tmp_path / "folder")


@pytest.mark.parametrize("content", [b"zz", b"00" * 15, b"00" * 17, "ü".encode() * 32])
def test_a_master_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jitsuin.toml").write_text("")
    (tmp_path / "secrets").mkdir()
    write_secret(tmp_path / "secrets" / "card-master-key", content)
    with pytest.raises(SecretMissing) as raised:
        card_master_keys(load_settings(tmp_path))
    assert content.decode() not in str(raised.value)
