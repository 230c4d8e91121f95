"""The wheel: it carries `conf/` and all it needs, and trains from any directory."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from small_runs import SMALL, SMALL_NET

ROOT = Path(__file__).parent.parent


def test_the_wheel_trains_two_updates_in_an_empty_environment(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    # The environment needs no pip of its own, and compiles only the modules that it imports.
    venv.create(tmp_path / "empty", with_pip=False)
    scripts = tmp_path / "empty" / "bin"
    install = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet"]
    install += ["--no-compile", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    two_updates = ["training.steps=2", "training.steps_between_dev=1"]
    two_updates += ["problem.edges.order.lead_time=1"]  # its exact optimum takes no time
    done = subprocess.run(
        [scripts / "neuroinv", "train", *SMALL, *SMALL_NET, *two_updates],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": "", "VIRTUAL_ENV": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 updates for each of 1 seeds" in done.stdout
    (run,) = (elsewhere / "results" / "runs").iterdir()
    assert (run / "table.json").exists()
