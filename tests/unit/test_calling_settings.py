"""Configurations of `varhouse call`: what is refused before any work, and who has what sex."""

import json
import os
from pathlib import Path

import pysam
import pytest

from varhouse.calling.byhand import example_run
from varhouse.calling.machine import memory_arguments, memory_here, memory_notes
from varhouse.calling.places import WRITTEN
from varhouse.calling.resultsheets import restart_rows, sample_rows
from varhouse.calling.run import load_call_run
from varhouse.calling.settings import read_call_config
from varhouse.errors import ConfigError
from varhouse.ingest.profiles import Profile


@pytest.fixture
def fx_config(tmp_path: Path):
    """Gives what writes a configuration, and reads it; the folder is `project`."""
    folder = tmp_path / "project"
    (folder / "fq").mkdir(parents=True)
    (folder / "ref").mkdir()
    (folder / "ref" / "ref.fa").write_text(">chr1\nACGT\n")
    for name in ("a_1", "a_2"):
        (folder / "fq" / f"{name}.fastq").write_text("@r\nACGT\n+\nIIII\n")
    sheet("reads.tsv", folder, "cohort sample sex fastq_1 fastq_2",
          "north ann - fq/a_1.fastq fq/a_2.fastq")  # fmt: skip

    def read(calling=None, **keys):
        said = {"assembly": "toy", "reference": "ref/ref.fa", "reads": "reads.tsv", **keys}
        path = folder / "config.yaml"
        path.write_text(json.dumps({**said, "calling": calling or {}}))
        return read_call_config(path)

    read.folder = folder
    return read


def sheet(name: str, folder: Path, *rows: str) -> None:
    lines = ["\t".join("" if c == "-" else c for c in row.split()) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n")


def refused(read, *args, **keys) -> str:
    with pytest.raises(ConfigError) as error:
        read(*args, **keys)
    return "\n".join(error.value.problems)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"folder": "."}, "project holds other files"),
        ({"folder": ".."}, "holds config.yaml (the configuration)"),
        ({"folder": "fq"}, "fq holds other files (a_1.fastq, a_2.fastq)"),
        ({"folder": "reads.tsv"}, "reads.tsv is a file"),
        ({"folder": "reads.tsv/calls"}, "reads.tsv, which is a file"),
        ({"index": "reads.tsv"}, "calling.index: "),
        ({"index": "."}, "calling.index: "),
        ({"index": "ref"}, "holds ref.fa (the reference)"),
        ({"index": "fq"}, "calling.index: "),
        ({"index": "calls"}, "holds the folder of results"),
    ],
)
def test_nothing_of_others_is_written_over(fx_config, said, place: str) -> None:
    before = sorted(fx_config.folder.rglob("*"))
    text = refused(fx_config, said)
    assert place in text
    assert "fix: name" in text
    assert [
        f for f in sorted(fx_config.folder.rglob("*")) if f.name != "config.yaml"
    ] == before


def test_folders_of_ones_own_are_taken(fx_config) -> None:
    folder = fx_config.folder
    assert fx_config().folder == folder / "calls"
    assert fx_config().index == folder / "ref" / "ref.fa.varhouse-index"
    # Empty, of a call that was killed, of one whose work folder was removed.
    (folder / "calls").mkdir()
    (folder / "calls" / ".DS_Store").touch()
    fx_config()
    (folder / "calls" / "gvcf").mkdir()
    assert "holds other files (gvcf)" in refused(fx_config)
    (folder / "calls" / "config.yaml").write_text(f"{WRITTEN} Use: ...\n")
    fx_config()
    (folder / "calls" / "config.yaml").unlink()
    (folder / "calls" / "_work").mkdir()
    (folder / "calls" / "_work" / "began").touch()
    fx_config()
    # An index that was begun, and one that is whole.
    (folder / "own").mkdir()
    (folder / "own" / "ref.fa.fai").touch()
    fx_config({"index": "own"})
    (folder / "own" / "notes.json").touch()
    assert "holds other files (notes.json)" in refused(fx_config, {"index": "own"})
    (folder / "own" / "index.json").write_text('{"sha256": "0"}')
    fx_config({"index": "own"})


def test_a_call_does_not_start_at_its_own_results(fx_config) -> None:
    restart = fx_config.folder / "calls" / "restart"
    (restart.parent / "_work").mkdir(parents=True)
    (restart.parent / "_work" / "began").touch()
    restart.mkdir()
    sheet("gvcfs.tsv", restart, "cohort sample sex gvcf", "north ann female ../ann.g.vcf.gz")
    with pysam.BGZFile(str(restart.parent / "ann.g.vcf.gz"), "w") as file:
        file.write(b"##fileformat=VCFv4.2\n")
    text = refused(fx_config, reads="calls/restart/gvcfs.tsv")
    assert "holds gvcfs.tsv (a sheet)" in text
    assert "holds ann.g.vcf.gz (reads)" in text
    fx_config({"folder": "again"}, reads="calls/restart/gvcfs.tsv")
    # Nor by a link from elsewhere.
    (fx_config.folder / "linked.g.vcf.gz").symlink_to("calls/ann.g.vcf.gz")
    sheet(
        *("own.tsv", fx_config.folder, "cohort sample sex gvcf"),
        "north ann female linked.g.vcf.gz",
    )
    assert "holds linked.g.vcf.gz (reads)" in refused(fx_config, reads="own.tsv")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_folder_without_permission_is_told(fx_config) -> None:
    (fx_config.folder / "closed").mkdir(mode=0o500)
    assert "no permission to write" in refused(fx_config, {"folder": "closed/calls"})


@pytest.mark.parametrize(
    ("in_reads", "in_samples", "sex"),
    [("-", "male", "male"), ("unknown", "F", "female"), ("male", "-", "male"),
     ("female", "2", "female"), ("-", "-", "unknown")],
)  # fmt: skip
def test_the_sex_of_either_sheet_is_called_by(fx_config, in_reads, in_samples, sex) -> None:
    folder = fx_config.folder
    sheet("reads.tsv", folder, "cohort sample sex fastq_1 fastq_2",
          f"north ann {in_reads} fq/a_1.fastq fq/a_2.fastq")  # fmt: skip
    # Others may stand there, too, and somebody of the same name in another cohort.
    sheet("samples.tsv", folder, "cohort sample sex", "east zoe male",
          "south ann male" if sex == "female" else "south ann female",
          f"north ann {in_samples}")  # fmt: skip
    found = fx_config(samples="samples.tsv")
    assert [p.sex for p in found.people] == [sex]
    assert [row["sex"] for row in found.carried] == [sex]


def test_sexes_that_differ_are_refused_by_line(fx_config) -> None:
    folder = fx_config.folder
    sheet("reads.tsv", folder, "cohort sample sex fastq_1 fastq_2",
          "north ann male fq/a_1.fastq fq/a_2.fastq")  # fmt: skip
    sheet("samples.tsv", folder, "cohort sample sex", "north zoe male", "north ann female")
    text = refused(fx_config, samples="samples.tsv")
    assert "line 2 of the reads sheet: sample 'ann' of cohort 'north' is male" in text
    assert "line 3 of samples.tsv says female" in text


def test_numbers_are_names_and_sequences_may_be_lower_case(fx_config) -> None:
    adapters = {"r1": "agatcggaagag"}
    found = fx_config({"contigs": [1, 2, "X"], "adapters": adapters, "cohort": 7})
    assert found.settings.contigs == ["1", "2", "X"]
    assert found.settings.adapters == adapters
    for wrong in ({"r1": "ACG"}, "truseq", {"r2": "ACGTACGT"}):
        text = refused(fx_config, {"adapters": wrong})
        assert "calling.adapters: " in text
        assert "is none of these: auto, illumina, mgi, element, none, {r1: SEQUENCE" in text


def test_adapters_that_the_trimmer_does_not_take_are_told(fx_config) -> None:
    adapters = {"r1": "AGATCGGAAGNNAC", "r2": "agatcggaagag"}
    fx_config({"adapters": adapters, "trim": "cutadapt"})
    text = refused(fx_config, {"adapters": adapters, "trim": "fastp"})
    assert "fastp takes A, C, G and T, not N" in text


def test_an_empty_cell_takes_nothing_from_the_sample_sheet(tmp_path: Path) -> None:
    run = load_call_run(example_run(tmp_path))
    sheet("samples.tsv", tmp_path, "cohort sample sex population age", "north ann - Han 40",
          "east zoe male Zhuang 50")  # fmt: skip
    run.raw = {"samples": "samples.tsv"}
    run.carried = [
        {
            "cohort": "north",
            "sample": "ann",
            "sex": "female",
            "population": None,
            "site": None,
        },
        {
            "cohort": "north",
            "sample": "bob",
            "sex": "unknown",
            "population": "Yi",
            "site": "N",
        },
    ]
    rows = {row["sample"]: row for row in sample_rows(run).to_dicts()}
    assert rows["ann"]["population"] == "Han"
    assert rows["ann"]["sex"] == "female"
    assert rows["ann"]["age"] == "40"
    assert rows["zoe"]["population"] == "Zhuang"
    assert (rows["bob"]["population"], rows["bob"]["site"]) == ("Yi", "N")
    again = restart_rows(run, "bam")
    assert again.columns == ["cohort", "sample", "sex", "bam", "population", "site"]
    assert again["population"].to_list() == [None, "Yi"]


def test_memory_is_the_least_that_a_group_allows(tmp_path: Path) -> None:
    here = memory_here(tmp_path)
    assert here is not None
    assert here > 100
    group = tmp_path / "sys/fs/cgroup/batch.slice/job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/batch.slice/job\n")
    (group / "memory.max").write_text("max\n")
    assert memory_here(tmp_path) == here
    (group.parent / "memory.max").write_text(f"{50 << 20}\n")
    assert memory_here(tmp_path) == 50
    old = tmp_path / "sys/fs/cgroup/memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text(f"{40 << 20}\n")
    assert memory_here(tmp_path) == 50
    # A container is told the path that its group has outside.
    (tmp_path / "proc/self/cgroup").write_text("5:cpu,memory:/docker/0a\n0::/\n")
    assert memory_here(tmp_path) == 40


def test_memory_bounds_jobs_of_this_machine(tmp_path: Path) -> None:
    assert memory_arguments(Profile(), 8000) == ["--resources", "mem_mb=8000"]
    local = Profile(tmp_path, 4, bounded=frozenset({"store_writer"}))
    assert memory_arguments(local, 8000) == ["--resources", "mem_mb=8000"]
    assert memory_arguments(Profile(tmp_path, 4, "slurm"), 8000) == []
    # Whoever says how much there is knows better.
    said = Profile(tmp_path, 4, bounded=frozenset({"mem_mb"}))
    assert memory_arguments(said, 8000) == []
    run = load_call_run(example_run(tmp_path))
    assert memory_notes(run, Profile(), 100_000) == []
    run.jobs.mem_mb["reads_align"] = 200_000
    (note,) = memory_notes(run, Profile(), 100_000)
    assert "reads_align may take 200,000 MB of memory, 100,000 MB are here" in note
    assert memory_notes(run, said, 100_000) == []
