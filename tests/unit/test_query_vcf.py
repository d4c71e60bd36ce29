"""The overview as VCF: what sources say is in INFO, typed, encoded, and read back."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pysam
import pytest
from builders import add_tables, key, make_contigs, make_small_store

import varhouse
from varhouse.csq import CSQ_FIELDS
from varhouse.query import Answer, Question
from varhouse.query.output import open_output
from varhouse.query.vcf import VcfWriter
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, annotation_table

HIGH, OTHER, DELETION = "chr1-100-A-T", "chr1-200-G-A", "chr1-95-ATTTTTTTTT-A"
ODD = "a;b=c,d e%3B\tf\ng|样本"
FIELDS = {
    "CLNSIG": pl.String, "RS": pl.Int64, "AC": pl.Int64, "AF": pl.Float64,
    "COMMON": pl.Boolean, "odd-name 1": pl.String, "redistribute": pl.Boolean,
}  # fmt: skip
CLINVAR: list[dict[str, Any]] = [
    {
        **key(HIGH),
        "CLNSIG": ODD,
        "RS": 2**31,
        "AC": 7,
        "AF": 1e-07,
        "COMMON": True,
        "odd-name 1": "x",
        "source_version": '2026-11 "new"',
        "licence": "CC0",
        "redistribute": False,
    },
    {**key(HIGH), "CLNSIG": "Benign", "RS": 5, "AC": 8},
    {**key(OTHER), "CLNSIG": "", "COMMON": False, "AF": float("inf")},
]
REGIONS = [{**key(HIGH), "interval_start": 90, "interval_end": 110, "source_version": None}]


def annotations(name: str, fields: dict[str, Any], rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = annotation_table(name, fields).polars_schema
    return pl.DataFrame([{n: r.get(n) for n in schema} for r in rows], schema=schema)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = make_small_store(tmp_path_factory.mktemp("vcf") / "store")
    span = {"interval_start": pl.Int32, "interval_end": pl.Int32}
    tables = {
        "annotations_known": annotations("known", FIELDS, CLINVAR),
        "annotations_panel": annotations("panel", span, REGIONS),
    }
    add_tables(path, tables, make_contigs(), ingest_id="sources")
    return varhouse.open(path)


def write(store: Store, path: Path, *columns: str) -> list[pysam.VariantRecord]:
    answer = Answer(store, Question(columns=columns))
    assert answer.overview is not None
    with open_output(path) as stream:
        writer = VcfWriter(stream, answer.overview, answer.columns if columns else ())
        for frame in answer.frames(writer.columns):
            writer.write(frame)
        writer.close()
    with pysam.VariantFile(str(path)) as file:
        return list(file)


def by_allele(records: list[pysam.VariantRecord]) -> dict[str, pysam.VariantRecord]:
    return {f"{r.chrom}-{r.pos}-{r.ref}-{(r.alts or ())[0]}": r for r in records}


def test_what_sources_say_is_in_info(store: Store, tmp_path: Path) -> None:
    found = by_allele(write(store, tmp_path / "all.vcf"))
    high, other = found[HIGH].info, found[OTHER].info
    # Two records of the source: texts are joined, of numbers the first counts.
    assert unquote(high["known_CLNSIG"][0]) == f"{ODD};Benign"
    assert high["known_RS"] == (str(2**31),)
    assert (high["known_AC"], high["known_COMMON"]) == ((7,), (1,))
    assert high["known_AF"] == (pytest.approx(1e-07),)
    assert high["known_odd_name_1"] == ("x",)
    assert "known_CLNSIG" not in other
    assert other["known_COMMON"] == (0,)
    assert other["known_AF"] == (float("inf"),)
    assert not [k for k in found[DELETION].info if k.startswith("known")]
    assert high["panel_interval_start"] == (90,)
    keys = {k for r in found.values() for k in r.info}
    assert not {k for k in keys if k.endswith(("version", "licence", "redistribute"))}


def test_alleles_have_their_genes_and_names(store: Store, tmp_path: Path) -> None:
    found = by_allele(write(store, tmp_path / "all.vcf"))
    assert found[HIGH].info["gene"] == ("DEMO1", "DEMO2")
    assert found[HIGH].info["hgvs_g"] == ("NC_000001.1:g.100A>T",)
    assert found[DELETION].info["type"] == ("deletion",)
    entry = dict(zip(CSQ_FIELDS, found[HIGH].info["CSQ"][0].split("|"), strict=True))
    assert (entry["Allele"], entry["Feature"], entry["CANONICAL"]) == ("T", "T2", "YES")
    assert "CSQ" not in found[DELETION].info


def test_the_header_is_typed(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.vcf"
    write(store, path)
    with pysam.VariantFile(str(path)) as file:
        info = {n: (m.number, m.type, m.description) for n, m in file.header.info.items()}
    assert info["known_RS"][:2] == ("A", "String")
    assert info["known_AC"][:2] == ("A", "Integer")
    assert info["known_AF"][:2] == ("A", "Float")
    assert info["known_CLNSIG"] == ("A", "String", "CLNSIG of known")
    assert info["gene"][:2] == (".", "String")
    assert info["AN_north"] == (1, "Integer", "Called alleles, cohort north")


def test_chosen_columns_are_all_there_is(store: Store, tmp_path: Path) -> None:
    columns = ("pos", "consequence", "terms", "known.CLNSIG", "af_east-1", "n_het_north")
    found = by_allele(write(store, tmp_path / "some.vcf", *columns))
    info = found[HIGH].info
    assert set(info) == {"consequence", "terms", "known_CLNSIG", "AF_east_1", "n_het_north"}
    assert info["AF_east_1"] == (pytest.approx(0.01),)
    assert info["n_het_north"] == (1,)
    assert info["terms"] == ("0",)


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = make_small_store(tmp_path / "store")
    fields = {"a-b": pl.Int64, "a b": pl.Int64, "A_b": pl.Int64}
    rows = [{**key(HIGH), "a-b": 1, "a b": 2, "A_b": 3}]
    add_tables(path, {"annotations_s": annotations("s", fields, rows)}, make_contigs())
    found = by_allele(write(varhouse.open(path), tmp_path / "all.vcf"))[HIGH].info
    assert (found["s_a_b"], found["s_a_b_2"], found["s_A_b"]) == ((1,), (2,), (3,))


def test_bcftools_is_silent(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.vcf.gz"
    write(store, path)
    code = """if True:
        import sys, pysam.bcftools as b
        b.view("-Ob", "-o", sys.argv[1] + ".bcf", sys.argv[1], catch_stdout=False)
        print(b.query("-f", "%CHROM-%POS-%REF-%ALT %known_CLNSIG %known_RS\\n",
                      sys.argv[1] + ".bcf"))
    """
    made = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert made.stderr == ""
    lines = dict(line.split(" ", 1) for line in made.stdout.splitlines() if line)
    assert unquote(lines[HIGH]) == f"{ODD};Benign {2**31}"
    assert lines[DELETION] == ". ."


def test_a_public_vcf_lacks_what_may_not_leave(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "public.vcf"
    found = by_allele(write(store.public(), path))
    assert "known" not in path.read_text()
    assert found[HIGH].info["panel_interval_start"] == (90,)
    assert list(KEY) == store.key
