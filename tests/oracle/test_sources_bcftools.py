"""Joins with real sources give what bcftools annotate gives."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference, Reference
from varhouse.normalise import Status, normalise_alleles
from varhouse.sources import CompiledSource, Normalise, Target, compile_source, read_spec
from varhouse.tables.schema import SPELT

CALL = """import sys, pysam.bcftools
getattr(pysam.bcftools, sys.argv[1])(*sys.argv[2:], catch_stdout=False)
"""
FOLDER = "annotation/sarek-small-b37"


def bcftools(*args: object) -> None:
    """Run a command of bcftools in a process of its own."""
    command = [sys.executable, "-c", CALL, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def normaliser(reference: Reference) -> Normalise:
    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        done = normalise_alleles(frame, reference)
        return done.with_columns(
            pos=pl.when(pl.col("status") < int(Status.REF_MISMATCH)).then("pos")
        )

    return normalise


@pytest.fixture(scope="module")
def fx_dbsnp(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbSNP 138, split and normalised by bcftools, of what the small reference holds."""
    folder = tmp_path_factory.mktemp("dbsnp")
    packed = data_dir / FOLDER / "human_g1k_v37_decoy.small.fasta.gz"
    with OpenedReference(packed) as reference:
        text = "".join(
            f">{c}\n{reference.sequence(c).tobytes().decode()}\n" for c in reference._entries
        )
    (folder / "ref.fa").write_text(text)
    source = data_dir / FOLDER / "dbsnp_138.b37.small.vcf.gz"
    bcftools(
        "norm",
        "-m-",
        "-cx",
        "-f",
        folder / "ref.fa",
        "-Oz",
        "-o",
        folder / "n.vcf.gz",
        "-t",
        "1:1-190000,2:1-190000,3:1-190000",
        source,
    )
    bcftools("sort", "-Oz", "-o", folder / "norm.vcf.gz", folder / "n.vcf.gz")
    bcftools("index", "-t", folder / "norm.vcf.gz")
    return folder


def test_dbsnp(data_dir: Path, fx_dbsnp: Path) -> None:
    """Every third allele of dbSNP, and as many of other ALTs: the ids and values."""
    query = fx_dbsnp / "all.tsv"
    bcftools(
        "query", "-f", r"%CHROM\t%POS\t%REF\t%ALT\n", "-o", query, fx_dbsnp / "norm.vcf.gz"
    )
    every = pl.read_csv(
        query,
        separator="\t",
        has_header=False,
        new_columns=list(SPELT),
        schema_overrides={"contig": pl.String, "pos": pl.Int32},
    ).unique(maintain_order=True)
    mine = every.gather_every(3)
    others = every.gather_every(3, 1).with_columns(alt=pl.col("alt") + "G")
    mine = pl.concat([mine, others]).unique().sort(SPELT)
    lines = mine.select(pl.format("{}\t{}\t.\t{}\t{}\t.\t.\t.", *SPELT)).to_series()
    text = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={c}>\n" for c in "123")
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "\n".join(lines) + "\n"
    (fx_dbsnp / "mine.vcf").write_text(text)
    bcftools("view", "-Oz", "-o", fx_dbsnp / "mine.vcf.gz", fx_dbsnp / "mine.vcf")
    bcftools("index", "-t", fx_dbsnp / "mine.vcf.gz")
    bcftools(
        "annotate",
        "-a",
        fx_dbsnp / "norm.vcf.gz",
        "-c",
        "ID,INFO/RS,INFO/dbSNPBuildID",
        "-Oz",
        "-o",
        fx_dbsnp / "out.vcf.gz",
        fx_dbsnp / "mine.vcf.gz",
    )
    out = fx_dbsnp / "out.tsv"
    form = r"%CHROM\t%POS\t%REF\t%ALT\t%ID\t%RS\t%dbSNPBuildID\n"
    bcftools("query", "-i", "RS>0", "-f", form, "-o", out, fx_dbsnp / "out.vcf.gz")
    columns = [*SPELT, "id", "RS", "dbSNPBuildID"]
    expected = pl.read_csv(
        out,
        separator="\t",
        has_header=False,
        new_columns=columns,
        schema_overrides={"contig": pl.String, "pos": pl.Int32},
    )
    entry = {
        "name": "dbsnp",
        "path": str(data_dir / FOLDER / "dbsnp_138.b37.small.vcf.gz"),
        "kind": "allele",
        "fields": ["RS", "dbSNPBuildID"],
    }
    spec, problems = read_spec(entry, Path())
    assert problems == []
    contigs = Contigs([Contig(c) for c in ("1", "2", "3", "8", "11", "X")])
    with OpenedReference(fx_dbsnp / "ref.fa", contigs) as reference:
        target = Target(contigs, "b37", reference, partial=True)
        compile_source(spec, target, fx_dbsnp / "compiled", normaliser(reference))
    source = CompiledSource(fx_dbsnp / "compiled", spec)
    # 42 alleles of 22 records, as a plain comparison with the FASTA finds.
    assert source.counts["ref_mismatch"] == 42
    # bcftools takes one of several records of an allele.
    found = source.join(mine).unique(SPELT, keep="first").select(columns)
    several = source.join(mine).filter(pl.struct(SPELT).is_duplicated()).select(SPELT).unique()
    assert several.height < 30
    assert found.height == expected.height > 2500
    alone = found.join(several, on=SPELT, how="anti").sort(SPELT)
    assert alone.rows() == expected.join(several, on=SPELT, how="anti").sort(SPELT).rows()
