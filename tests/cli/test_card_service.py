"""Cards of a running deployment: an officer's acts, a PIN set anew through the service, and who holds the keys."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cardio.private_pcscd import PrivatePcscd
from tests.support.service import command, serving

CLERK = "99201-clerk"


def jitsuin(*words: str, said: str = "", env: dict[str, str] | None = None, status: int = 0) -> Any:
    """What it answers as JSON."""
    ran = subprocess.run(
        command(*words, "--json"), capture_output=True, text=True, timeout=120, check=False, input=said,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert ran.returncode == status, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def sampled(_deployment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with people and their cards; each test takes another card."""
    folder = Path(shutil.copytree(_deployment, tmp_path_factory.mktemp("sampled") / "deployment"))
    jitsuin("sample", str(folder))
    return folder


def card_files(deployment: Path) -> list[Path]:
    return sorted((deployment / "cards").glob("*.card"))


@pytest.mark.slow
def test_a_pin_through_the_service_and_the_process_that_has_the_keys(sampled: Path, tmp_path: Path) -> None:
    file = card_files(sampled)[0]
    card = file.stem
    with PrivatePcscd(tmp_path / "p", drivers=1) as pcscd, serving(sampled) as service:
        env = pcscd.client_environment
        started = command("card", "virtual", "start", str(file), "--port", str(pcscd.readers[0].port), "--json")
        playing = subprocess.Popen(started, stdout=subprocess.PIPE, text=True)
        try:
            assert playing.stdout is not None
            playing.stdout.readline()
            until = time.monotonic() + 20
            while not jitsuin("card", "list", env=env)["readers"][0]["card"] and time.monotonic() < until:
                time.sleep(0.1)
            key = ("--key", "signature", "--pin-stdin")
            for _ in range(4):
                jitsuin("card", "verify-pin", *key, said="WRONG99\n", env=env, status=1)
            # The last try is used only by who says so.
            refused = jitsuin("card", "verify-pin", *key, said="WRONG99\n", env=env, status=1)
            assert refused["error"]["code"] == "cardio.last-try"
            refused = jitsuin("card", "verify-pin", *key, "--last-try", said="WRONG99\n", env=env, status=1)
            assert refused["error"]["code"] == "cardio.pin-blocked"
            given = jitsuin("card", "permit-pin", str(sampled), card, "--operator", CLERK, "--key", "signature")
            number = str(given["permission"])
            asked = ("card", "unblock", *key, "--service", service.url, "--permission", number)
            trace = tmp_path / "trace"
            done = jitsuin(*asked, "--trace", str(trace), said="NEWPASS9\n", env=env)
            assert done == {"card": card, "unblocked": True, "set_now": True}
            assert b"NEWPASS9".hex(" ").upper() not in trace.read_text()
            jitsuin("card", "verify-pin", *key, said="NEWPASS9\n", env=env)
            again = jitsuin(*asked, said="STOLEN99\n", env=env, status=1)
            assert again["error"]["fields"]["problem_code"] == "enrollment.pin-permission-used"
            told = jitsuin("card", "history", str(sampled), card)
            assert [one["used_at"] is not None for one in told["permissions"]] == [True]
            keys = service.ready["card_keys"]
            assert keys["pid"] != service.process.pid and keys["network"] is False
        finally:
            playing.terminate()
            assert playing.wait(10) == 0
            assert playing.stdout is not None
            playing.stdout.close()


def test_the_network_facing_process_never_needs_the_master_key(deployment: Path) -> None:
    """With the key's file away the role that speaks with readers comes up; the one process that wants it does not."""
    key = deployment / "secrets" / "card-master-key"
    key.rename(deployment / "away")
    with serving(deployment, "--role", "cards"):
        pass
    ran = subprocess.run(
        command("serve", str(deployment), "--role", "card-keys"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode != 0 and "card-master-key" in ran.stderr


@pytest.mark.slow
def test_what_happens_to_a_card_by_command(sampled: Path) -> None:
    card = card_files(sampled)[1].stem

    def change(event: str, status: int = 0) -> Any:
        return jitsuin("card", "change", str(sampled), card, event, "--operator", CLERK, status=status)

    before = jitsuin("card", "history", str(sampled), card)
    assert before["state"] == "active"
    for one in before["certificates"]:
        done = {talk["operation"] for talk in one["conversations"]}
        assert {"generate", "prove", "install"} <= done and one["ended"] is None
    assert [change(event)["state"] for event in ("suspend", "suspend", "resume")] == ["suspended"] * 2 + ["active"]
    after = jitsuin("card", "history", str(sampled), card)
    # The profile jpki never releases a hold, whatever the setting says: new certificates are applied for.
    assert all(one["ended"] for one in after["certificates"])
    assert [change(event)["state"] for event in ("damage", "return", "end")] == ["damaged", "returned", "ended"]
    assert change("resume", 1)["error"]["code"] == "pki.card-change-refused"
