"""A full disk and damaged files end as one line that names the place."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from builders import make_small_inputs
from kills import run_steps

from varhouse.cli import main
from varhouse.ingest import driver
from varhouse.store.damage import find_damage


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two cohorts and what it was made of."""
    folder = tmp_path_factory.mktemp("good")
    make_small_inputs(folder)
    with mock.patch.object(driver, "run_snakemake", run_steps):
        given = [
            "-q",
            "ingest",
            str(folder / "store"),
            "--config",
            str(folder / "config.json"),
        ]
        assert main(given) == 0
        assert main(["store", "tag", str(folder / "store"), "first", "--release", "2"]) == 0
    return folder


@pytest.fixture
def here(good: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(good, tmp_path / "copy")
    yield tmp_path / "copy"
    shutil.rmtree(tmp_path / "copy")


def commands(folder: Path) -> list[list[str]]:
    store = str(folder / "store")
    return [
        ["query", store, "--region", "c1:1-900", "--format", "tsv"],
        ["sql", store, "select count(*) from variants, genotypes"],
        ["store", "show", store],
        ["store", "verify", store],
        ["export", store, "--cohort", "a", "-o", str(folder / "o.vcf")],
        ["report", store, "-o", str(folder / "r.html")],
        ["-q", "ingest", store, "--config", str(folder / "config.json")],
        ["store", "drop", store, "--cohort", "a"],
    ]


PLACES = [
    "open/variants/part=c1/*.parquet", "open/frequencies/*/part=c1/*.parquet",
    "controlled/genotypes/cohort=a/*/*.parquet", "controlled/files/*/*.parquet",
    "open/accounts/*.parquet", "_store/store.json", "_store/releases/00000002.json",
    "_store/files/000002-*.json", "_store/tags/first",
    "open/variants/_delta_log/00000000000000000000.json",
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "how"),
    [
        (place, how)
        for place in PLACES
        for how in ("empty", "half", "middle", "other", "gone")
        # A store whose newest release was never made looks as one that has lost its record.
        if not (how == "gone" and "releases" in place)
    ],
)
def test_damaged_file_is_named_in_one_line(
    here: Path, place: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = min((here / "store").glob(place))
    data = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        middle = data[:8] + bytes(max(len(data) - 24, 0)) + data[-16:]
        other = b"[]" if file.suffix != ".parquet" else b"PAR1 PAR1"
        file.write_bytes(
            {"empty": b"", "half": data[: len(data) // 2], "middle": middle, "other": other}[
                how
            ]
        )
    named = 0
    with mock.patch.object(driver, "run_snakemake", run_steps):
        for words in commands(here):
            # These take longest; a half file, which cannot be read either, they meet too.
            if how in ("empty", "other") and words[0] in ("export", "report"):
                continue
            # A traceback would come out here.
            code = main(words)
            out, err = capsys.readouterr()
            if code != 0 and words[:2] != ["store", "verify"]:
                errors = [line for line in err.splitlines() if line.startswith("error: ")]
                assert len(errors) == 1, err
            table = place.split("/")[1]
            named += code != 0 and (file.name in err or file.name in out or table in err + out)
    assert named or "tags" in place, "nobody has noticed"


def test_a_path_that_is_no_utf8_is_refused_and_is_no_damage(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/st\xff"))
    shutil.copytree(good, odd)
    for words in commands(odd):
        assert main(words) == 2
        err = capsys.readouterr().err
        assert "'\\udcff' in the path of a store" in err
        assert "damaged" not in err
        assert "Traceback" not in err
    # Of a store that is refused nothing is called damaged.
    found = find_damage(odd / "store")
    assert found is not None
    assert "in the path of a store" in found.message


def test_damaged_file_of_a_work_folder_is_named(tmp_path: Path) -> None:
    work = tmp_path / "_staging" / "000002-0"
    work.mkdir(parents=True)
    pl.DataFrame({"a": range(10)}).write_parquet(work / "new.parquet")
    (work / "plan.json").write_text("{}")
    (tmp_path / "_store").mkdir()
    (work / "new.parquet").write_bytes(b"PAR1")
    found = find_damage(tmp_path, work)
    assert found is not None
    assert str(work / "new.parquet") in found.message
    (work / "new.parquet").unlink()
    (work / "plan.json").write_text('{"a": ')
    found = find_damage(tmp_path, work)
    assert found is not None
    assert "plan.json: damaged" in found.message


# --- full disk ---

# The system's own limit of a file stands for a full disk: writes fail in the same places.
LIMITED = """
import resource, signal, sys
from pathlib import Path
from unittest import mock
sys.path.insert(0, sys.argv[1])
from kills import run_steps
from varhouse.cli import main
from varhouse.ingest import driver
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
with mock.patch.object(driver, "run_snakemake", run_steps):
    sys.exit(main(sys.argv[3:]))
"""


def limited(size: int, *words: str) -> subprocess.CompletedProcess[str]:
    tests = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", LIMITED, tests, str(size), *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit of file sizes"
)
@pytest.mark.parametrize("size", [0, 200, 3000])
def test_ingest_on_a_full_disk_is_one_line_and_goes_on(tmp_path: Path, size: int) -> None:
    make_small_inputs(tmp_path)
    given = ["ingest", str(tmp_path / "store"), "--config", str(tmp_path / "config.json")]
    done = limited(size, "-q", *given)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "the file is larger than it may be here" in errors[0]
    with mock.patch.object(driver, "run_snakemake", run_steps):
        assert main(["-q", *given]) == 0
        assert main(["store", "verify", str(tmp_path / "store")]) == 0


@pytest.mark.parametrize("words", [
    ["query", "store", "--region", "c1:1-900", "--format", "tsv", "-o", "out.tsv"],
    ["query", "store", "--region", "c1:1-900", "--format", "parquet", "-o", "out.parquet"],
    ["export", "store", "--cohort", "a", "-o", "out.vcf.gz"],
    ["report", "store", "-o", "out.html"],
    ["store", "drop", "store", "--cohort", "a"],
    ["store", "tag", "store", "second"],
    ["store", "init", "new", "--assembly", "x", "--reference", "ref.fa"],
    ["normalise", "a.vcf", "--reference", "ref.fa", "-o", "out.vcf.gz"],
    ["annotate", "a.vcf", "--reference", "ref.fa", "--genes", "genes.gff3", "-o", "out.vcf"],
    ["genes", "genes.gff3", "--reference", "ref.fa", "-o", "model"],
])  # fmt: skip
def test_other_commands_on_a_full_disk(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(here)
    done = limited(0, *words)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr


def test_no_space_is_told_with_the_place(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_given: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("varhouse.query.output.make_writer", full)
    out = str(here / "out.tsv")
    assert main(["query", str(here / "store"), "--gene", "N1", "-o", out]) == 1
    error = capsys.readouterr().err
    assert f"error: {out}: no space left on the disk\n" in error
    assert "fix: free some space" in error
    json.dumps(error)
