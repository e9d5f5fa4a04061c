"""A deployment whose settings say so publishes its CRLs in a bucket."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from ca.crl import CrlPolicy
from ca.ocsp import OpenAccess
from ca.s3_shelf import S3Shelf
from cli.__main__ import run
from cli.publishing import crl_policy, keep_crls, open_shelf
from cli.secrets import write_secret
from cli.settings import load_settings, make_settings
from cli.status_plane import access_of, answer_policy
from tests.support.bucket import NAME, REGION, Store, running_store
from tests.support.service import serving


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


def with_bucket(deployment: Path, store: Store) -> None:
    file = deployment / "jitsuin.toml"
    text = file.read_text("utf-8")
    before, table, after = text.partition("[bucket]\n")
    after = after.replace('name = "crl"', f'name = "{NAME}"', 1).replace('"us-east-1"', f'"{REGION}"', 1)
    file.write_text(f'{before}{table}endpoint = "{store.endpoint}"\n{after}', "utf-8")
    write_secret(deployment / "secrets" / "bucket-access-key", f"{store.key_id}\n{store.secret}\n".encode())


def test_crls_go_to_the_bucket_and_are_served_and_replayed_from_there(
    deployment: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    with_bucket(deployment, store)
    assert run(["ca", "crl", str(deployment), "--json"]) == 0
    assert run(["ca", "crl", str(deployment), "--delta", "--json"]) == 0
    capsys.readouterr()
    listed = store.client().list_objects_v2(Bucket=NAME)["Contents"]
    assert {one["Key"] for one in listed} == {
        f"{purpose}-1/{name}.crl"
        for purpose in ("signature", "authentication")
        for name in ("full", "full-1", "delta", "delta-2")
    }
    assert not (deployment / "crls").exists()
    assert isinstance(open_shelf(load_settings(deployment)), S3Shelf)
    with serving(deployment, "--role", "status") as service:
        got = httpx.get(f"{service.url}/crl/signature-1.crl")
        assert x509.load_der_x509_crl(got.content).signature
        again = httpx.get(f"{service.url}/crl/signature-1.crl", headers={"if-none-match": got.headers["etag"]})
        assert (got.status_code, again.status_code) == (200, 304)
    assert run(["replay", str(deployment)]) == 0
    store.client().delete_object(Bucket=NAME, Key="signature-1/full-1.crl")
    assert run(["replay", str(deployment), "--json"]) == 1
    assert "crl.missing" in capsys.readouterr().out


def test_a_bucket_without_its_access_key_is_named(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = deployment / "jitsuin.toml"
    file.write_text(
        file.read_text("utf-8").replace("[bucket]\n", '[bucket]\nendpoint = "http://127.0.0.1:9"\n'), "utf-8"
    )
    assert run(["ca", "crl", str(deployment), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "cli.secret-missing"
    write_secret(deployment / "secrets" / "bucket-access-key", b"only-one-line\n")
    assert run(["ca", "crl", str(deployment), "--json"]) == 1
    assert "two lines" in capsys.readouterr().out
    (deployment / "secrets" / "bucket-access-key").unlink()
    write_secret(deployment / "secrets" / "bucket-access-key", b"id\nhunter2secret\n")
    assert run(["ca", "crl", str(deployment), "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "ca.shelf-unavailable"
    assert "hunter2secret" not in said.out + said.err


def test_what_the_settings_mean() -> None:
    plain = make_settings({})
    assert crl_policy(plain) == CrlPolicy()
    assert answer_policy(plain).archive_cutoff is None
    assert isinstance(access_of(plain, None, "signature-1", bytes), OpenAccess)  # type: ignore[arg-type]
    table = {"delta_minutes": 0, "crl_hours": 4, "crl_keep_days": 0, "ocsp_archive_days": 10, "presign_hours": 2}
    odd = make_settings({"status": table})
    assert crl_policy(odd).full_every.total_seconds() == 2 * 3600
    assert keep_crls(odd) is None
    days = answer_policy(odd).archive_cutoff
    assert days is not None
    assert days.days == 10
    assert answer_policy(odd).presigned_validity.total_seconds() == 2 * 3600
