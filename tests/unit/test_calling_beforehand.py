"""What a job or the ingest would tell after a night is told before the first job."""

import gzip
import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import callsteps
import numpy as np
import pysam
import pytest
import yaml

from varhouse.calling import driver, sizing
from varhouse.calling.callers import open_panel
from varhouse.calling.prepare import begin_run, settle, write_panel
from varhouse.calling.run import CallRun
from varhouse.calling.settings import CallConfig, read_call_config
from varhouse.errors import ConfigError, InputError
from varhouse.ingest.driver import Options
from varhouse.reads.index import make_index

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
RECORD = "chr1\t5\t.\tA\tC\t.\t.\t."


@pytest.fixture
def fx_folder(tmp_path: Path) -> Path:
    (tmp_path / "ref.fa").write_text(">1\nACGTACGTAC\n>X\nACGTACGTAC\n")
    for k in (1, 2):
        (tmp_path / f"a_{k}.fq").write_text("@r\nACGTACGTAC\n+\nIIIIIIIIII\n")
    (tmp_path / "reads.tsv").write_text(
        "cohort\tsample\tsex\tfastq_1\tfastq_2\nnorth\tann\tfemale\ta_1.fq\ta_2.fq\n"
    )
    return tmp_path


def _read(folder: Path, calling: str, **more: object) -> CallConfig:
    keys = {"assembly": "toy", "reference": "ref.fa", "reads": "reads.tsv", **more}
    text = yaml.safe_dump(keys) + (f"calling: {calling}\n" if calling else "")
    (folder / "config.yaml").write_text(text)
    return read_call_config(folder / "config.yaml")


def _problems(folder: Path, calling: str, **more: object) -> list[str]:
    with pytest.raises(ConfigError) as error:
        _read(folder, calling, **more)
    return error.value.problems


def _vcf(path: Path, *, index: bool = True) -> Path:
    path.with_suffix("").write_text(f"{HEADER}\n{RECORD}\n")
    pysam.tabix_compress(str(path.with_suffix("")), str(path), force=True)
    if index:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


def test_adapters_of_element_are_known(fx_folder) -> None:
    assert _read(fx_folder, "{adapters: element}").settings.adapters == "element"


def test_known_variants_are_looked_at_before_the_night(fx_folder) -> None:
    (fx_folder / "plain.vcf").write_text(f"{HEADER}\n{RECORD}\n")
    (fx_folder / "bare.bcf").write_bytes(b"BCF\x02\x02")
    _vcf(fx_folder / "bare.vcf.gz", index=False)
    _vcf(fx_folder / "cut.vcf.gz")
    cut = (fx_folder / "cut.vcf.gz").read_bytes()
    (fx_folder / "cut.vcf.gz").write_bytes(cut[:-28])
    for name, words in (
        ("plain.vcf", "is not packed by bgzip"),
        ("reads.tsv", "is no VCF"),
        ("bare.vcf.gz", "has no index; fix: bcftools index -t"),
        ("cut.vcf.gz", "cut off"),
    ):
        said = f"{{base_quality: recalibrate, known_sites: [{name}]}}"
        problems = _problems(fx_folder, said)
        assert [words in p and name in p for p in problems] == [True], problems
    good = _vcf(fx_folder / "good.vcf.gz")
    said = "{base_quality: recalibrate, known_sites: [good.vcf.gz]}"
    assert _read(fx_folder, said).settings.known_sites == [str(good)]
    # They are of no use without, and not looked at.
    assert _read(fx_folder, "{known_sites: [plain.vcf]}").settings.base_quality == "none"


def test_the_advice_for_plain_text_works(fx_folder) -> None:
    if not shutil.which("bcftools"):
        pytest.skip("needs bcftools")
    (fx_folder / "my known.vcf").write_text(f"{HEADER}\n{RECORD}\n")
    said = "{base_quality: recalibrate, known_sites: [my known.vcf]}"
    advice = _problems(fx_folder, said)[0].partition("fix: ")[2]
    subprocess.run(advice, shell=True, check=True, cwd=fx_folder, capture_output=True)
    _read(fx_folder, "{base_quality: recalibrate, known_sites: [my known.sorted.vcf.gz]}")


def test_somebody_with_calls_is_not_called_into_the_same_cohort(fx_folder) -> None:
    (fx_folder / "cohorts.tsv").write_text("cohort\tfiles\nnorth\told.vcf\nsouth\told.vcf\n")
    for name, n in (("ann", 1), ("eve", 0)):
        (fx_folder / "old.vcf").write_text(
            f"{HEADER.replace('#CHROM', GT + '#CHROM')}\tFORMAT\t{name}\n{RECORD}\tGT\t0/1\n"
        )
        (fx_folder / "samples.tsv").write_text(
            f"cohort\tsample\tsex\nnorth\t{name}\tfemale\nsouth\t{name}\tfemale\n"
        )
        more = {"cohorts": "cohorts.tsv", "samples": "samples.tsv"}
        if n:
            assert ["calls of 'ann'" in p for p in _problems(fx_folder, "", **more)] == [True]
        else:
            _read(fx_folder, "", **more)


def _begin(folder: Path, calling: str) -> CallRun:
    config = _read(folder, calling)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return begin_run(config, settle(work, config), work, 1)


def test_an_index_of_another_fasta_is_told_before_the_first_job(fx_folder) -> None:
    index = Path(_begin(fx_folder, "").index)
    make_index(fx_folder / "ref.fa", index, aligner=None)
    _begin(fx_folder, "")
    text = (fx_folder / "ref.fa").read_text()
    # Written again it is the same one; with another base it is not.
    (fx_folder / "ref.fa").write_text(text)
    _begin(fx_folder, "")
    (fx_folder / "ref.fa").write_text(text.replace("ACGTACGTAC\n>X", "ACGTTCGTAC\n>X"))
    with pytest.raises(ConfigError, match="is the index of another FASTA"):
        _begin(fx_folder, "")
    shutil.rmtree(index)
    _begin(fx_folder, "")


def test_known_variants_of_other_contigs_are_told_before_the_night(fx_folder) -> None:
    _vcf(fx_folder / "known.vcf.gz")
    said = "{base_quality: recalibrate, known_sites: [known.vcf.gz]}"
    with pytest.raises(ConfigError, match=r"known.vcf.gz: no variant on a contig.*chr1.*1, X"):
        _begin(fx_folder, said)
    text = (fx_folder / "ref.fa").read_text()
    (fx_folder / "ref.fa").write_text(text.replace(">1", ">chr1"))
    _begin(fx_folder, said)


@pytest.mark.parametrize(("depth", "keep", "packed"), [(0.2, "bam", False), (4, "none", True)])
def test_the_disk_that_is_said_is_never_exceeded(
    tmp_path, monkeypatch, depth: float, keep: str, packed: bool
) -> None:
    pytest.importorskip("pybwa", reason="needs the extra reads")
    # What is there in any case would hide what grows with reads and reference.
    monkeypatch.setattr(sizing, "_FIXED_BYTES", 1 << 19)
    monkeypatch.setattr(sizing, "_PERSON_BYTES", 1 << 17)
    monkeypatch.setattr(
        callsteps, "GENOME", {"chr1": 300_000, "chrX": 60_000, "chrY": 40_000, "chrM": 16_000}
    )
    config = callsteps.make_reads(tmp_path, depth)
    said = {**json.loads(config.read_text()), "calling": {"keep": keep}}
    if packed:
        with gzip.open(tmp_path / "ref.fa.gz", "wb") as file:
            file.write((tmp_path / "ref.fa").read_bytes())
        said["reference"] = "ref.fa.gz"
    config.write_text(json.dumps(said))
    # As a run leaves it that was killed at once.
    (tmp_path / f"{said['reference']}.varhouse-index").mkdir()
    inputs = set(tmp_path.rglob("*"))
    _, told = driver.call(config, Options(cores=1, dry_run=True))
    number, unit = told["needs"].split()[:2]
    assert unit == "MiB"

    def held() -> int:
        found = {}
        # Unlike rglob it passes over folders that go meanwhile.
        for folder, _, names in os.walk(tmp_path):
            for path in {Path(folder) / name for name in names} - inputs:
                with suppress(FileNotFoundError):
                    state = path.lstat()
                    found[state.st_ino] = state.st_size
        return sum(found.values())

    most, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most.append(held())

    watcher = Thread(target=watch)
    watcher.start()
    try:
        callsteps.call_here(config, cores=1)
    finally:
        ended.set()
        watcher.join()
    # And it is no figure out of the air.
    assert float(number) * 2**20 / 3 < max(most) < float(number) * 2**20


def _panel(path: Path, text: dict[str, str], *, shift: int) -> None:
    """Write common SNVs of which REF is the base `shift` before."""
    rows = [
        f"{name.removeprefix('chr')}\t{at}\t.\t{ref}\t{'CA'[ref != 'A']}\t.\t.\tAF=0.4"
        for name, bases in text.items()
        for at in range(1000, len(bases), 1000)
        if (ref := bases[at - 1 - shift])
    ]
    info = '##INFO=<ID=AF,Number=A,Type=Float,Description="f">'
    head = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    path.write_text("\n".join(["##fileformat=VCFv4.2", info, head, *rows]) + "\n")


def test_a_panel_of_another_assembly_is_refused_before_the_first_job(fx_folder) -> None:
    bases = "".join(np.random.default_rng(3).choice(list("ACGT"), 30_000))
    (fx_folder / "ref.fa").write_text(f">chr1\n{bases}\n>chrX\n{bases[::-1]}\n")
    said = "{contamination: {sites: panel.vcf}}"
    _panel(fx_folder / "panel.vcf", {"chr1": bases}, shift=0)
    run = _begin(fx_folder, said)
    write_panel(run)
    assert open_panel(run).height == 29
    assert set(open_panel(run)["contig"]) == {"chr1"}
    _panel(fx_folder / "panel.vcf", {"chr1": bases}, shift=7)
    with pytest.raises(InputError, match="REF is not the reference's base"):
        write_panel(_begin(fx_folder, said))


def test_regions_that_stand_on_x_and_y_are_told_at_the_start(fx_folder) -> None:
    bases = "".join(np.random.default_rng(3).choice(list("ACGT"), 9_000))
    (fx_folder / "par.bed").write_text("chrX\t0\t3000\nchrY\t0\t3000\n")
    for masked in (False, True):
        y = ("N" * 3000 if masked else bases[:3000]) + bases[:2999:-1]
        (fx_folder / "ref.fa").write_text(f">1\n{bases}\n>X\n{bases}\n>Y\n{y}\n")
        text = {"name": "toy", "reference": "ref.fa", "par": "par.bed"}
        config = {"assembly": text, "reads": "reads.tsv"}
        (fx_folder / "config.yaml").write_text(json.dumps(config))
        checked = read_call_config(fx_folder / "config.yaml")
        run = begin_run(checked, settle(fx_folder, checked), fx_folder, 1)
        assert any("Y:1-3000" in note for note in run.notes) is not masked, run.notes
