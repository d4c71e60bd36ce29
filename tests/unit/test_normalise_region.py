"""`varhouse normalise --region`: by the index the same records as by reading everything."""

import logging
import os
import random
import shutil
from pathlib import Path

import polars as pl
import pysam
import pytest
from test_normalise_command import run

SIZE = 120_000
HEADER = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=120000>
##contig=<ID=1,length=120000>
##contig=<ID=chr2,length=120000>
##ALT=<ID=DEL,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""


@pytest.fixture(scope="module")
def fx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repeats, so that alleles move far; long REFs and deletions over many index bins."""
    folder = tmp_path_factory.mktemp("region")
    rnd = random.Random(4)
    sequence = ""
    while len(sequence) < SIZE:
        unit = "".join(rnd.choices("ACGT", k=rnd.randint(1, 30)))
        sequence += unit * rnd.choice([1, 1, 5, 100])
    sequence = sequence[:SIZE]
    (folder / "r.fa").write_text(f">chr1\n{sequence}\n>chr2\n{sequence}\n")
    (folder / "a.tsv").write_text("contig\talias\nchr1\t1\nchr2\t2\n")
    text = [HEADER]
    for contig in ("chr1", "1", "chr2"):
        for at in sorted(rnd.randrange(SIZE - 1) for _ in range(700)):
            size = rnd.choice([1, 1, 1, 2, 5, 40, 3000 if rnd.random() < 0.3 else 7])
            ref = sequence[at : at + size]
            alt = rnd.choice([ref[0], ref + ref, ref[0] + "ACGT"[at % 4], "<DEL>", "*"])
            if alt == ref:
                alt = ref + ref[-1]
            info = f"END={min(at + 1 + rnd.choice([5, 20_000]), SIZE)}"
            # Some have a REF that is not there: they go to the rejects.
            ref = "N" + ref[1:] if rnd.random() < 0.02 else ref
            text.append(f"{contig}\t{at + 1}\t.\t{ref}\t{alt}\t.\t.\t{info}\n")
    (folder / "plain.vcf").write_text("".join(text))
    for kind in ("tbi", "csi"):
        (folder / kind).mkdir()
        vcf = folder / kind / "in.vcf.gz"
        pysam.tabix_compress(str(folder / "plain.vcf"), str(vcf))
        pysam.tabix_index(str(vcf), preset="vcf", csi=kind == "csi")
        assert vcf.with_name(f"in.vcf.gz.{kind}").is_file()
    return folder


def lines(path: Path) -> list[str]:
    return [x for x in path.read_text().splitlines() if x[0] != "#"]


def rejects(path: Path) -> list[list[str]]:
    """Give the rejects without the numbers of their lines."""
    return [x.split("\t")[1:] for x in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_the_index_gives_the_same_records(
    fx_folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rnd = random.Random(5)
    cuts = sorted(rnd.randrange(1, SIZE) for _ in range(9))
    spans = [*zip([1, *cuts], [c - 1 for c in cuts] + [SIZE], strict=True), (16384, 16385)]
    regions = [f"chr{rnd.choice('12')}:{a}-{b}" for a, b in spans]
    found = 0
    for region in [*regions, "chr1", "1:100000-", "chr2:1", f"chr1:{SIZE}"]:
        options = ["--region", region, "--aliases", str(fx_folder / "a.tsv"), "--rejects"]
        sides = []
        for vcf in (fx_folder / kind / "in.vcf.gz", fx_folder / "plain.vcf"):
            caplog.clear()
            held = vcf.parent / "rejects.tsv"
            out = run(vcf, fx_folder / "r.fa", "out.vcf", *options, str(held))
            told = [r.message for r in caplog.records if "whole file" in r.message]
            assert len(told) == (vcf.name == "plain.vcf")
            sides.append((lines(out), rejects(held)))
        assert sides[0] == sides[1], region
        found += len(sides[0][0])
    assert found > 2500


def test_why_the_index_is_not_used_is_told(
    fx_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    vcf = tmp_path / "in.vcf.gz"
    shutil.copy(fx_folder / "tbi" / "in.vcf.gz", vcf)

    def told(out: str = "out.vcf") -> str:
        caplog.clear()
        run(vcf, fx_folder / "r.fa", out, "--region", "chr2:5-900")
        says = [r.message for r in caplog.records if "whole file" in r.message]
        return says[0].removeprefix("the whole file is read for --region: ") if says else ""

    assert told() == "in.vcf.gz has no index beside it (tabix -p vcf in.vcf.gz makes one)"
    index = tmp_path / "in.vcf.gz.tbi"
    shutil.copy(fx_folder / "tbi" / "in.vcf.gz.tbi", index)
    assert told() == ""
    # Ordinals of records are not in an index.
    assert "`record`" in told("out.parquet")
    whole = run(vcf, fx_folder / "r.fa", "all.parquet")
    part = pl.read_parquet(tmp_path / "out.parquet")
    assert part.height
    assert part.join(
        pl.read_parquet(whole), on=part.columns, how="anti", nulls_equal=True
    ).is_empty()
    os.utime(index, (1, 1))
    assert told() == "in.vcf.gz.tbi is older than the file"
    index.write_bytes(b"nothing")
    assert "not an index" in told()


def test_a_contig_without_records(fx_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text((fx_folder / "r.fa").read_text() + ">chr3\nACGT\n")
    vcf = fx_folder / "tbi" / "in.vcf.gz"
    assert lines(run(vcf, tmp_path / "r.fa", "none.vcf", "--region", "chr3")) == []
