"""`jitsuin witness` as processes: somebody else's witness, asked by a deployment, believed by an auditor."""

import subprocess
from pathlib import Path

from tests.support.service import command


def test_the_program_as_a_stranger_runs_it(deployment: Path, tmp_path: Path) -> None:
    """A witness of its own, asked by a deployment over HTTP, and an auditor who wants its cosignature."""
    home = tmp_path / "witness"
    made = subprocess.run(
        command("witness", "new", str(home), "--name", "w.example/1"), check=True, capture_output=True
    )
    assert oct((home / "secret").stat().st_mode & 0o777) == "0o600"
    (published,) = (deployment / "log").iterdir()
    subprocess.run(command("witness", "follow", str(home), str(published / "key")), check=True, capture_output=True)
    line = command("witness", "serve", str(home), "--listen", "127.0.0.1:0", "--json")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split('"url": "')[1].split('"')[0]
            settings = deployment / "jitsuin.toml"
            text = settings.read_text("utf-8")
            assert "witnesses = []" in text
            settings.write_text(text.replace("witnesses = []", f'witnesses = ["{url} {made.stdout.decode().strip()}"]'))
            ca = command("serve", str(deployment), "--role", "ca")
            with subprocess.Popen(ca, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as signing:
                assert signing.stdout is not None
                signing.stdout.readline()
                while not (published / "checkpoint").exists():
                    assert signing.poll() is None
                signing.terminate()
            collected = subprocess.run(command("witness", "collect", str(deployment), "--json"), capture_output=True)
            assert collected.returncode == 0, collected.stdout
            audited = command("audit", "verify", str(deployment / "log"), "--witness", str(home / "key"))
            assert subprocess.run(audited, capture_output=True).returncode == 0
        finally:
            process.terminate()
    silent = subprocess.run(command("witness", "collect", str(deployment)), capture_output=True, text=True)
    assert silent.returncode == 0, "what is cosigned needs nobody"
