"""What somebody gets wrong who ingests for the first time: the error says the way out."""

from pathlib import Path

import pytest
from builders import make_fasta

from varhouse.cli import main

CONFIG = "assembly: {name: toy, reference: r.fa}\ncohorts: cohorts.tsv\n"
VCF = (
    "##fileformat=VCFv4.3\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\n"
    "1\t1\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration of one file, in a path with a blank."""
    out = tmp_path / "my data"
    out.mkdir()
    make_fasta(out / "r.fa", {"1": "ACGT"})
    (out / "a.vcf").write_text(VCF)
    (out / "config.yaml").write_text(CONFIG)
    (out / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    return out


def said(folder: Path, capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    assert main(["ingest", str(folder / "s"), "--config", str(folder / "config.yaml")]) == code
    out, err = capsys.readouterr()
    return out + err


def test_a_column_that_is_not_there_is_told_with_those_that_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cohorts.tsv").write_text("cohort\tpath of files\na\ta.vcf\n")
    assert "no column 'files' (it has 'cohort', 'path of files')" in said(folder, capsys)


def test_people_without_a_sheet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(folder, capsys, 1)
    assert "1 sample(s) have no row in the sample sheet (P1)" in told
    assert "fix: name a sheet (samples: samples.tsv, columns cohort, sample, sex), or" in told
    (folder / "config.yaml").write_text(CONFIG + "samples: samples.tsv\n")
    (folder / "samples.tsv").write_text("cohort\tsample\n")
    assert "no row in the sample sheet" in said(folder, capsys, 1)


def test_files_and_a_configuration_or_neither(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(folder / "config.yaml")]
    assert main(["ingest", str(folder / "s"), "a.vcf", "b.vcf", *config]) == 2
    assert "a.vcf: files beside --config" in capsys.readouterr().err
    assert main(["ingest", str(folder / "s"), "--genes", "g.gff3", *config]) == 2
    assert "--genes beside --config" in capsys.readouterr().err
    assert main(["ingest", str(folder / "s")]) == 2
    assert "neither files nor --config" in capsys.readouterr().err
    assert not (folder / "s").exists()


def test_the_least_configuration_of_the_help_works(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["ingest", "--help"])
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, x in enumerate(lines) if x.startswith("  config.yaml"))
    name = ""
    for line in lines[first : first + 8]:
        name = line[:14].strip() or name
        text = line[16:] if name == "config.yaml" else "\t".join(line[16:].split())
        text = text.replace("GRCh38.fa", "r.fa").replace("gvcfs/*.g.vcf.gz", "*.vcf")
        new = bool(line[:14].strip())
        with (folder / name).open("w" if new else "a") as out:
            out.write(text.replace("HB001", "P1") + "\n")
    assert "ingested" in said(folder, capsys, 0)
