"""The fuzz targets on their seeds and on cuts of them: so that they do not rot between two runs of the fuzzer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.card_targets import TARGETS, join, pieces, seeds


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_conversations_are_cut_as_they_were_joined(parts: list[bytes]) -> None:
    assert list(pieces(join(parts))) == parts


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_seeds_break_nothing(name: str) -> None:
    found = seeds(name)
    assert found
    for seed in found[:: max(1, len(found) // 40)]:
        for octets in (seed, seed[: len(seed) // 2], seed[::-1]):
            TARGETS[name](octets)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=300)
@given(octets=st.binary(max_size=600))
def test_chance_breaks_nothing(name: str, octets: bytes) -> None:
    TARGETS[name](octets)


RUNS = 2000


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_fuzzer_breaks_nothing(name: str, tmp_path: Path) -> None:
    """Guided by coverage, from the seeds on; a bounded number of runs. Longer ones are for an evening."""
    here = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.fuzz.run", name, "--corpus", str(tmp_path), f"-runs={RUNS}", "-seed=1"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    covered = [int(one) for one in re.findall(r"cov: (\d+)", done.stderr)]
    assert f"Done {RUNS} runs" in done.stderr and covered and covered[-1] > 10, done.stderr[-1000:]
    assert not list((tmp_path / name).glob("crash-*"))
