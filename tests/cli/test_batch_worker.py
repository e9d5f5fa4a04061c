"""Why the processes of a batch cannot work is told in the words of the error, and not as a pool that broke."""

import secrets
from pathlib import Path

import pytest

from ca.file_key import FileKeyStore
from cli.batch_worker import issuing
from cli.errors import DatabaseOutdated
from cli.settings import FILE, load_settings
from pki.instant import Instant


@pytest.mark.parametrize("processes", [1, 2])
def test_a_database_of_an_older_version_is_named(tmp_path: Path, processes: int) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / FILE).write_text('[database]\nurl = "sqlite:///empty.db"\n')
    settings = load_settings(tmp_path)
    passphrase = settings.path(settings.authorities.passphrase_file)
    passphrase.touch(0o600)
    passphrase.write_text("a passphrase")
    FileKeyStore.lock(settings.path(settings.authorities.keys), b"a passphrase", secrets.token_bytes)
    with (
        pytest.raises(DatabaseOutdated),
        issuing(tmp_path, [[], []], Instant(0), processes) as groups,
    ):
        list(groups)
