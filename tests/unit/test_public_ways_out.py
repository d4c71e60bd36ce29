"""A real ingest in which all that is private is marked, and every way out of it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.cli import main

M = "Qzprivate"
"""Stands in sample names, paths, header lines, INFO, permits and what is withheld."""

GENES = """##gff-version 3
c1\tt\tgene\t101\t400\t.\t+\t.\tID=gene:G1;Name=TOY1;biotype=protein_coding
c1\tt\tmRNA\t101\t400\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
c1\tt\texon\t101\t400\t.\t+\t.\tParent=transcript:T1
c1\tt\tCDS\t131\t370\t.\t+\t0\tParent=transcript:T1
"""
HEAD = f"""##fileformat=VCFv4.3
##contig=<ID=c1,length=1000>
##bcftools_viewCommand=view /data/{M}/x.bcf
##reference=file:///data/{M}.fa
##INFO=<ID=T,Number=1,Type=String,Description="{M}">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{M}1\t{M}2
"""
RECORDS = [
    f"c1\t11\t{M}id\tA\tC\t.\tPASS\tT={M}\tGT\t0/1\t0/0",
    "c1\t205\trs5\tT\tG\t.\tPASS\t.\tGT\t0/1\t1/1",
    f"c1\t206\t.\tA\tG\t.\tPASS\tT={M}\tGT\t0/1\t./.",
]
SOURCE = f"""##fileformat=VCFv4.3
##contig=<ID=c1,length=1000>
##INFO=<ID=T,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
c1\t11\trs77\tA\tC\t.\t.\tT={M}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / M
    folder.mkdir()
    bad = [RECORDS[1], RECORDS[0]]
    files = {
        f"{M}.fa": f">c1\n{'ACGTTGCAAC' * 100}\n",
        f"{M}.gff3": GENES,
        f"{M}.vcf": SOURCE,
        "good.vcf": HEAD + "\n".join(RECORDS) + "\n",
        f"{M}bad.vcf": HEAD + "\n".join(bad) + "\n",
        "cohorts.tsv": "cohort\tfiles\tpermit_number\tethics_approval\textra\n"
        f"good\tgood.vcf\t{M}\t{M}\t{M}\nbad\t{M}bad.vcf\t{M}\t{M}\t{M}\n",
        "samples.tsv": "cohort\tsample\tsex\tpopulation\tnote\n"
        f"good\t{M}1\tfemale\tP\t{M}\ngood\t{M}2\tmale\tP\t{M}\n"
        f"bad\t{M}1\tfemale\tP\t{M}\nbad\t{M}2\tmale\tP\t{M}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    config = {
        "assembly": {"name": "toy", "reference": f"{M}.fa"},
        "genes": f"{M}.gff3",
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "sources": [
            {
                "name": "freq",
                "path": f"{M}.vcf",
                "kind": "allele",
                "licence": M,
                "redistribute": False,
                "version": M,
            }
        ],
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    account = ingest_here(folder / "store", folder / "config.yaml")
    assert [h["cohort"] for h in account["held_back"]] == ["bad"]
    return folder / "store"


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    yield
    logging.getLogger("varhouse").handlers.clear()
    logging.getLogger("varhouse").propagate = True


def told_by(args: list[str], out: Path | None, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command and give all it tells, without the paths it was given."""
    where = ["-o", str(out)] if out else []
    assert main([*args, *where]) == 0, args
    said = capfd.readouterr()
    text = said.out + said.err
    if out is not None:
        if out.suffix == ".parquet":
            text += str(pq.read_table(out).to_pylist()) + str(pq.read_metadata(out).metadata)
            text += str(pq.read_schema(out).metadata)
        else:
            text += out.read_text()
    for given in (*args, str(out)):
        text = text.replace(given, "")
    return text


def test_no_way_out_for_anybody_tells_what_is_private(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    s, told = str(store), {}
    public = varhouse.open(store, audience="public")
    for form in ("tsv", "csv", "json", "parquet", "vcf", "txt"):
        out = tmp_path / f"x.{form}"
        told[form] = told_by(["query", s, "--public"], out, capfd)
        told[f"{form} of a gene"] = told_by(
            ["query", s, "--public", "--gene", "TOY1"], out, capfd
        )
    for name in public.tables:
        for form in ("json", "parquet"):
            out = tmp_path / f"x.{form}"
            told[f"{name} {form}"] = told_by(
                ["query", s, "--public", "--table", name], out, capfd
            )
            query = f'SELECT * FROM "{name}"'
            told[f"sql {name} {form}"] = told_by(["sql", s, query, "--public"], out, capfd)
    told["page"] = told_by(["report", s, "--open"], tmp_path / "x.html", capfd)
    told["diff"] = told_by(
        ["store", "diff", s, "1", "2", "--public"], tmp_path / "x.tsv", capfd
    )
    for name in public.tables:
        told[f"python {name}"] = str(public.scan(name).collect().rows())
        told[f"schema {name}"] = str(public.schema(name).rows())
    told["python"] = (
        repr(public) + json.dumps(public.meta) + json.dumps(public.record.to_json())
    )
    for way, text in told.items():
        assert M not in text, way
        assert "rs77" not in text, way
    assert len(told) > 60
    # What may be told is: the cohorts, why one was held back, the counts.
    assert "VH-B-002" in told["page"]
    assert ">good<" in told["page"]
    assert "rs5" in told["tsv"]


def test_the_same_ways_tell_it_to_its_owner(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """So the marks are where they should be, and the test above can fail."""
    s = str(store)
    own = varhouse.open(store)
    for table in (
        "samples",
        "files",
        "sites",
        "ingests",
        "held_back",
        "cohorts",
        "ids",
        "annotations_freq",
    ):
        told = told_by(["query", s, "--table", table], tmp_path / "x.json", capfd)
        assert M in told, table
        assert M in str(own.scan(table).collect().rows())
    assert M in told_by(["report", s], tmp_path / "x.html", capfd)
    people = ("sample_qc", "related", "ancestry", "same_people", "people_made")
    for table in ("samples", "files", "ingests", "held_back", "rejects", "sites", *people):
        args = ["query", s, "--table", table, "--public", "-o", str(tmp_path / "y.tsv")]
        assert main(args) == 1
        err = capfd.readouterr().err.replace(s, "")
        assert "is not public" in err
        assert M not in err
    assert not (tmp_path / "y.tsv").exists()
    assert own.scan("accounts").collect().filter(pl.col("operation") == "ingest").height == 1
