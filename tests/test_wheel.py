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
    venv.create(tmp_path / "empty", with_pip=True)
    scripts = tmp_path / "empty" / "bin"
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run(
        [scripts / "python", "-m", "pip", "install", "--quiet", *constraints, str(wheel)],
        check=True,
        capture_output=True,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    two_updates = ["training.steps=2", "training.steps_between_dev=1"]
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
