"""Set-up, demo and test scripts, with a Python that only writes down what it is told."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "scripts" / n for n in ("setup", "demo", "test", "bundle", "bundle_install")]

FAKE = """#!/bin/sh
case "$2" in
    *platform*) echo {version}; exit 0 ;;
    *version_info*) exit {old} ;;
    *ensurepip*) exit {bare} ;;
    *fcntl*) exec "{python}" -c "$2" ;;
    *affinity*) echo 2; exit 0 ;;
esac
case "$*" in
    "-m venv .venv")
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        cat >.venv/bin/varhouse <<'END'
#!/bin/sh
[ "$1" = --version ] || echo "varhouse $*" >>"$CALLS"
[ "$1" != ingest ] || exit "$INGEST"
END
        chmod +x .venv/bin/varhouse ;;
    *install*) echo "$*" >>"$CALLS"; [ ! -e "$CALLS.broken" ] || exit 1 ;;
    *make_demo_data*)
        echo "$*" >>"$CALLS"
        mkdir -p demo/data/hebei demo/data/newcomer
        touch demo/data/hebei/A.g.vcf.gz demo/data/newcomer/B.g.vcf.gz
        echo A >demo/data/samples.tsv
        printf 'columns\nB\n' >demo/data/newcomer/samples.tsv ;;
    *pytest*) echo "$*" >>"$CALLS" ;;
esac
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def fake_python(path: Path, version: str = "3.12.1", old: int = 0, bare: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(FAKE.format(version=version, old=old, bare=bare, python=sys.executable))
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the scripts and what they read, in a path with a space."""
    folder = tmp_path / "a clone"
    (folder / "scripts").mkdir(parents=True)
    for script in SCRIPTS:
        shutil.copy(script, folder / "scripts")
    for name in ("constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def run(clone: Path, tmp_path: Path) -> Run:
    """Run a script of the clone from another folder; every Python found is a fake."""

    def call(script: str, *args: str, **fake: int | str) -> subprocess.CompletedProcess[str]:
        for name in ("python3.11", "python3.12", "python3.13", "python3"):
            fake_python(tmp_path / "bin" / name, **fake)  # type: ignore[arg-type]
        env = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            "CALLS": str(tmp_path / "calls"),
            "INGEST": os.environ.get("INGEST", "3"),
            "PYTHON": os.environ.get("OWN_PYTHON", ""),
        }
        command = [clone / "scripts" / script, *args]
        return subprocess.run(
            command, cwd="/", env=env, text=True, capture_output=True, check=False, timeout=60
        )

    return call


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_script_is_executable_posix_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", script], check=True)


def test_old_python_is_named_in_one_line(run: Run) -> None:
    done = run("setup", version="3.9.2", old=1)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no Python 3.11 or newer found (found: 3.9.2")
    assert done.stderr.count("\n") == 1


def test_a_python_is_named_from_where_one_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fake_python(tmp_path / "own" / "python")
    monkeypatch.setenv("OWN_PYTHON", str(own).lstrip("/"))
    assert run("setup", version="3.9.2", old=1).returncode == 0


def test_missing_venv_module_is_named_with_the_way_out(run: Run) -> None:
    done = run("setup", bare=1)
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_environment_is_made_once_and_again_after_a_change(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    first = run("setup")
    assert first.returncode == 0, first.stderr
    assert len(calls(tmp_path)) == 2
    assert calls(tmp_path)[-1].endswith("-e .")
    assert all("-c constraints.txt" in c for c in calls(tmp_path))
    again = run("setup")
    assert (again.returncode, again.stderr) == (0, "")
    assert len(calls(tmp_path)) == 2
    with (clone / "constraints.txt").open("a") as out:
        out.write("# changed\n")
    assert "updating" in run("setup").stderr
    assert len(calls(tmp_path)) == 4


def test_code_is_compiled_once_and_again_after_a_change(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    (clone / "src").mkdir()
    (clone / "src" / "a.py").write_text("a = 1\n")
    for _ in range(2):
        assert run("setup").returncode == 0
        assert calls(tmp_path).count("varhouse precompile") == 1
    (clone / "src" / "a.py").write_text("a = 2\n")
    run("setup")
    assert calls(tmp_path).count("varhouse precompile") == 2


def test_tools_of_the_tests_come_on_top_and_serve_the_demo_too(
    run: Run, tmp_path: Path
) -> None:
    run("setup")
    run("setup", "test")
    assert calls(tmp_path)[-1].endswith("-e .[test]")
    run("setup", "run")
    assert len(calls(tmp_path)) == 4


def test_what_calls_from_reads_comes_on_top_once(run: Run, tmp_path: Path) -> None:
    run("setup")
    run("setup", "reads")
    assert calls(tmp_path)[-1].endswith("-e .[reads]")
    for level in ("run", "reads"):
        run("setup", level)
    assert len(calls(tmp_path)) == 4
    run("setup", "test")
    run("setup", "reads")
    assert len(calls(tmp_path)) == 6


@pytest.mark.parametrize("left", ["marked", "broken", "empty", "moved"])
def test_half_made_environment_is_made_anew(run: Run, clone: Path, left: str) -> None:
    venv = clone / ".venv"
    if left == "empty":
        venv.mkdir()
    else:
        run("setup")
    (venv / "leftover").touch()
    if left == "marked":
        (venv / "varhouse.making").touch()
    elif left == "broken":
        (venv / "bin" / "python").unlink()
    elif left == "moved":
        # Its programs hold the old path, but its Python works: packages are put in again.
        stamp = venv / "varhouse.stamp"
        stamp.write_text(stamp.read_text().replace(str(clone), "/elsewhere"))
    done = run("setup")
    assert done.returncode == 0, done.stderr
    assert (venv / "varhouse.stamp").exists()
    assert not (venv / "varhouse.making").exists()
    assert (venv / "leftover").exists() == (left == "moved")
    assert ("updating" in done.stderr) == (left == "moved")


def test_failed_installation_says_where_the_log_is(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    (tmp_path / "calls.broken").touch()
    done = run("setup")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the environment could not be made")
    assert not (clone / ".venv" / "varhouse.stamp").exists()
    (tmp_path / "calls.broken").unlink()
    assert run("setup").returncode == 0


def test_arguments_of_the_test_script_reach_pytest(run: Run, tmp_path: Path) -> None:
    done = run("test", "-k", "two words")
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path)[-1] == "-m pytest -n 2 --dist worksteal -k two words"


@pytest.mark.parametrize(("code", "right"), [(3, True), (0, False), (1, False)])
def test_demo_wants_the_damaged_file_held_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, right: bool
) -> None:
    monkeypatch.setenv("INGEST", str(code))
    done = run("demo")
    assert done.returncode == (0 if right else 1), done.stderr
    words = [c.split()[:2] for c in calls(tmp_path)]
    assert ["varhouse", "ingest"] in words
    assert (["varhouse", "query"] in words) == right
    assert ("error:" in done.stderr) == (not right)


def test_demo_adds_a_person_to_the_cohort_of_gvcfs_and_starts_afresh(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    for n in (1, 2):
        done = run("demo")
        assert done.returncode == 0, done.stderr
        ingests = [c for c in calls(tmp_path) if c.startswith("varhouse ingest")]
        assert len(ingests) == 2 * n
        files = sorted(p.name for p in (clone / "demo/data/hebei").iterdir())
        assert files == ["A.g.vcf.gz", "B.g.vcf.gz"]
        assert (clone / "demo/data/samples.tsv").read_text() == "A\nB\n"
        (clone / "demo/data/hebei/left.over").touch()


def test_every_direct_dependency_is_pinned_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(ln.split("==") for ln in lines if ln and ln[0] != "#")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    versions = {re.sub(r"[-_.]+", "-", n).lower(): v for n, v in pins.items()}
    for requirement in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(versions[name]), requirement


def test_no_index_address_stands_in_what_installs() -> None:
    for path in [
        *SCRIPTS,
        ROOT / "constraints.txt",
        ROOT / ".ci" / "run",
        ROOT / "pyproject.toml",
    ]:
        # What a bundle brings along is no index.
        text = path.read_text().replace('--no-index --find-links "$here/wheels"', "")
        assert not re.search(r"https?://|--index|--find-links|^-", text, re.M), path.name


# --- bundles ---

BUNDLING = """#!/bin/sh
case "$*" in
    "-m pip wheel"*)
        for last; do :; done
        [ -d "${{last%%\\[*}}/src" ] || exit 1
        while [ "$1" != --wheel-dir ]; do shift; done
        touch "$2/varhouse-0-py3-none-any.whl" ;;
    *make_demo_data*) for last; do :; done; mkdir -p "$last"; touch "$last/config.yaml" ;;
    *) exec "{python}" "$@" ;;
esac
"""
"""A Python that makes no wheels and no demo."""


def test_a_bundle_has_what_is_committed(clone: Path, tmp_path: Path) -> None:
    """Clone, folder of temporary files and archive lie in paths with blanks."""
    for name in ("docs/slurm.md", "workflow/profiles/slurm/profile.yaml", "src/varhouse/a.py"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("committed")
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (["init", "-q"], ["add", "."], [*names, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *words], cwd=clone, check=True)
    (clone / "docs" / "draft.md").touch()
    (clone / "docs" / "slurm.md").write_text("not committed")
    python, tmp = tmp_path / "bin" / "python", tmp_path / "of a while"
    for folder in (python.parent, tmp, tmp_path / "away"):
        folder.mkdir()
    python.write_text(BUNDLING.format(python=sys.executable))
    python.chmod(0o755)
    done = subprocess.run(
        [clone / "scripts/bundle", "--no-check", "to carry/b 1.tar.gz"],
        cwd=tmp_path, env={**os.environ, "PYTHON": "bin/python", "TMPDIR": str(tmp)},
        text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "changes that are not committed are left out" in done.stderr
    assert "1 wheels" in done.stderr
    assert not list(tmp.iterdir())
    # Python 3.11.2, that of Debian 12, has no `filter` yet.
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    shutil.unpack_archive(tmp_path / "to carry" / "b 1.tar.gz", tmp_path / "away", **safe)
    (made,) = (tmp_path / "away").iterdir()
    assert (made / "docs/slurm.md").read_text() == "committed"
    files = {str(f.relative_to(made)) for f in made.rglob("*") if f.is_file()}
    assert {
        "install", "constraints.txt", "workflow/profiles/slurm/profile.yaml", "platform",
        "wheels/varhouse-0-py3-none-any.whl", "demo/data/config.yaml", "src/varhouse/a.py",
    } <= files  # fmt: skip
    assert "docs/draft.md" not in files
    assert (made / "platform").read_text() == f"{own_platform()}\n"
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=made, check=True)
    sums = (made / "SHA256SUMS").read_text()
    assert sums.count("\n") == len(files) - 1


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """What is unpacked, for another platform, without its wheels."""
    folder = tmp_path / "a bundle"
    folder.mkdir()
    shutil.copy(ROOT / "scripts" / "bundle_install", folder / "install")
    (folder / "platform").write_text("cp399_linux_other\n")
    (folder / "extras").write_text("slurm\n")
    return folder


def install(bundle: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bundle / "install", *args], cwd=bundle.parent, text=True, capture_output=True,
        env={**os.environ, **env}, check=False, timeout=120,
    )  # fmt: skip


def own_platform() -> str:
    major, minor = sys.version_info[:2]
    return f"cp{major}{minor}_{sysconfig.get_platform()}".replace("-", "_")


def test_a_bundle_for_another_python_says_so(bundle: Path) -> None:
    done = install(bundle, PYTHON=sys.executable)
    assert done.returncode == 1
    first, fix = done.stderr.splitlines()
    assert first.startswith("error: this bundle is for cp399_linux_other, and no such Python")
    assert own_platform() in first
    assert "set PYTHON" in fix


def test_a_damaged_bundle_says_which_file(bundle: Path) -> None:
    (bundle / "platform").write_text(own_platform())
    files = ["./platform", "./extras"]
    done = subprocess.run(["sha256sum", *files], cwd=bundle, capture_output=True, check=True)
    (bundle / "SHA256SUMS").write_bytes(done.stdout)
    (bundle / "extras").write_text("sl")
    done = install(bundle, "env", PYTHON=sys.executable)
    assert done.returncode == 1
    assert "./extras: FAILED" in done.stdout + done.stderr
    assert "error: files of the bundle are damaged or missing" in done.stderr
    assert not (bundle.parent / "env").exists()


def test_half_an_environment_does_not_stay(bundle: Path) -> None:
    (bundle / "platform").write_text(own_platform())
    done = subprocess.run(
        ["sha256sum", "./platform"], cwd=bundle, capture_output=True, check=True
    )
    (bundle / "SHA256SUMS").write_bytes(done.stdout)
    fake = fake_python(bundle / "bin" / "python")
    fake.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] || exec {shlex.quote(sys.executable)} "$@"\n'
        'mkdir -p "$3/bin"; echo no room; exit 1\n'
    )
    done = install(bundle, "env", PYTHON=str(fake))
    assert done.returncode == 1
    assert "no room" in done.stderr
    assert "error: the environment could not be made" in done.stderr
    assert not (bundle.parent / "env").exists()
    (bundle.parent / "env").mkdir()
    done = install(bundle, "env", PYTHON=str(fake))
    assert "is there already" in done.stderr
    assert (bundle.parent / "env").is_dir()


def test_what_is_no_bundle_is_told(bundle: Path) -> None:
    (bundle / "platform").unlink()
    assert "is no bundle" in install(bundle).stderr
    done = install(bundle, "--help")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
