"""A loop that waits is stopped by a signal wherever it is, every time."""

import subprocess
import sys

LOOPS = """
import os, random, signal, sys
from cli.stopping import Stop
for _ in range(3000):
    stop = Stop()
    signal.signal(signal.SIGALRM, stop._tell)
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.0003))
    while not stop.is_set():
        stop.wait(0.00001)
    assert stop.wait(60), "at once, however long"
    os.close(stop._read), os.close(stop._write)
print("stopped", flush=True)
last = Stop()
os.kill(os.getpid(), signal.SIGTERM)
for _ in range(100_000 if last.is_set() else 0):
    last._tell()
sys.exit(0 if last.wait(60) else 3)
"""


def test_a_signal_at_any_moment_stops_the_loop() -> None:
    ran = subprocess.run([sys.executable, "-c", LOOPS], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "stopped\n"), ran.stderr
