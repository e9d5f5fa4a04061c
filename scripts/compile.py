"""Compiles the modules of the hot paths with mypyc, which comes with mypy; without it everything works, more slowly.

    .venv/bin/python scripts/compile.py          where they are missing or of other sources
    .venv/bin/python scripts/compile.py --check  exit status 1 where they are

The sources stay as they are: plain Python, the same types that `mypy --strict` checks. What is made goes to
`build/compiled/DIGEST` in one step, and is found by exactly the sources it was made from (`pki/compiled.py`).

On the list are modules that whole requests pass through thousands of times a second. They call one another directly
once they are compiled, so a test cannot put something else in the place of a function inside them.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pki.compiled import PLACE, digest  # noqa: E402 - after the path is set

HOT = {
    "pki": ("algorithms", "der", "instant", "names"),
    "ca": (
        "authority",
        "batch",
        "findings",
        "intents",
        "journal",
        "key_policy",
        "lint",
        "lint_extensions",
        "lint_fields",
        "lint_profile",
        "lint_rule",
        "ocsp_answers",
        "ocsp_request",
        "ocsp_response",
        "planning",
        "points",
        "reading",
        "request",
        "template",
        "validity",
    ),
    "verifier": (
        "algorithms",
        "anchors",
        "budget",
        "cades",
        "certificate",
        "cms",
        "crl",
        "crl_checking",
        "crl_scope",
        "engine_cache",
        "evidence",
        "extensions",
        "inputs",
        "kept",
        "keys",
        "lasting",
        "name_constraints",
        "name_preparation",
        "ocsp",
        "ocsp_checking",
        "path",
        "path_building",
        "path_search",
        "path_state",
        "path_steps",
        "policy_graph",
        "schemes",
        "signature",
        "signature_cache",
        "sources",
        "status",
        "validator",
        "walk",
    ),
    "web": ("responder_connection", "responder_fast", "responder_http"),
}
"""The modules that are compiled, by package: the only list of them. Each package's share one library, `hot__mypyc`."""

_SETUP = """
import sys
from setuptools import setup
from mypyc.build import mypycify

work, *files = sys.argv[1:]
sys.argv[1:] = ["-q", "build_ext", "--build-lib", f"{work}/lib", "--build-temp", f"{work}/objects", "--parallel", "2"]
groups = {}
for file in files:
    groups.setdefault(file.partition("/")[0], []).append(file)
made = mypycify(
    ["--strict", f"--cache-dir={work}/cache", *files],
    opt_level="3",
    debug_level="0",
    separate=[(mine, f"{package}.hot") for package, mine in groups.items()],
    target_dir=f"{work}/c",
)
setup(name="compiled", packages=[], py_modules=[], ext_modules=made)
"""


def main(arguments: list[str]) -> int:
    """Compile what is missing; the exit status."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        print("compile: not for an interpreter without its lock")
        return 0
    target = ROOT / PLACE / digest()
    if target.is_dir():
        print("compile: there, of these sources")
        return 0
    if "--check" in arguments:
        print("compile: missing, or of other sources")
        return 1
    files = [f"{package}/{module}.py" for package, modules in HOT.items() for module in modules]
    print(f"compile: {len(files)} modules (a minute or two)", flush=True)
    place = ROOT / PLACE
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".") as work:
        done = subprocess.run(
            [sys.executable, "-X", "jitsuin=plain", "-c", _SETUP, work, *files],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MYPYPATH": str(ROOT)},
        )
        if done.returncode:
            sys.stderr.write((done.stdout + done.stderr)[-4000:])
            print("compile: failed; everything works without, more slowly")
            return 1
        if target != place / digest():
            print("compile: the sources changed meanwhile; once more, please")
            return 1
        try:
            (Path(work) / "lib").rename(target)
        except OSError:
            print("compile: somebody else was quicker")
    # whoever runs on them has loaded them; a library in use outlives its name
    for old in place.iterdir():
        if old != target and not old.name.startswith("."):
            shutil.rmtree(old, ignore_errors=True)
    print(f"compile: done, {sum(1 for _ in target.rglob('*'))} files in {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
