"""The image of the jobs' environment is built where there is a tool for it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = shutil.which("apptainer") or shutil.which("singularity")


@pytest.mark.slow
@pytest.mark.skipif(TOOL is None, reason="needs apptainer")
def test_the_image_is_built_and_has_the_command(tmp_path: Path) -> None:
    image = tmp_path / "varhouse.sif"
    build = [TOOL, "build", "--fakeroot", image, "workflow/envs/varhouse.def"]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    if done.returncode and ("dial tcp" in done.stderr or "no such host" in done.stderr):
        pytest.skip("needs network: the base image is on a registry")
    assert done.returncode == 0, done.stderr[-2000:]
    said = subprocess.run(
        [TOOL, "exec", image, "varhouse", "--version"], capture_output=True, text=True
    )
    assert said.stdout.startswith("varhouse ")
