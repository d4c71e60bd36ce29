"""Sources: typed fields, split records, joins by equality of the allele."""

import gzip
import tempfile
from pathlib import Path

import polars as pl
import pytest

from varhouse.errors import InputError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference, Reference
from varhouse.sources import (
    CompiledSource,
    Normalise,
    SourceSpec,
    Target,
    compile_source,
    read_spec,
)
from varhouse.sources.merged import read_merges
from varhouse.tables.schema import KEY, KEY_SCHEMA, check_table

HEADER = """##fileformat=VCFv4.2
##fileDate=2026-01-02
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=AD,Number=R,Type=Integer,Description="x">
##INFO=<ID=DP,Number=1,Type=Integer,Description="x">
##INFO=<ID=SIG,Number=.,Type=String,Description="x">
##INFO=<ID=PL,Number=G,Type=Integer,Description="x">
##INFO=<ID=DB,Number=0,Type=Flag,Description="x">
##INFO=<ID=alt,Number=1,Type=String,Description="a name that the key has">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
BODY = """1\t5\trs1;rs2\tA\tC,G\t.\t.\tAF=0.1,.;AD=3,4,5;DP=7;SIG=a|b,c;DB;PL=1,2,3,4,5,6;alt=z
chr1\t5\t.\tA\tT\t.\t.\tDP=.;XDB;AF=2e-3
1\t9\tx\tC\t<DEL>,*,CA\t.\t.\tAF=0.1,0.2,0.3
zz\t9\t.\tC\tA\t.\t.\tDP=1
"""
CONTIGS = Contigs([Contig("chr1", ["1"])])


def read_source(
    path: Path,
    name: str,
    fields: list[str] | None,
    contigs: Contigs,
    reference: Reference | None = None,
    normalise: Normalise | None = None,
    merges: Path | None = None,
    **more: object,
) -> CompiledSource:
    entry = {"name": name, "path": str(path), "kind": "allele", "fields": fields, **more}
    spec, problems = read_spec(entry, Path())
    assert problems == []
    spec.merged = str(merges) if merges else None
    return compiled(spec, Target(contigs, more.get("store"), reference), normalise)


def compiled(
    spec: SourceSpec, target: Target, normalise: Normalise | None = None
) -> CompiledSource:
    folder = Path(tempfile.mkdtemp(dir=Path(spec.path).parent)) / "compiled"
    compile_source(spec, target, folder, normalise)
    assert [p.name for p in folder.parent.iterdir()] == ["compiled"]
    return CompiledSource(folder, spec)


def rows_of(source: CompiledSource) -> pl.DataFrame:
    """All rows, in the order of the file that each partition has."""
    files = sorted(source.folder.glob("rows-*.parquet"))
    rows = pl.concat([pl.read_parquet(f) for f in files], how="vertical_relaxed")
    if "rs" in rows.columns:
        number = pl.lit("rs") + pl.col("rs").cast(pl.String)
        rows = rows.with_columns(id=pl.coalesce("id", number)).drop("rs", "long")
    return rows


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    path = tmp_path / "s.vcf"
    path.write_text(HEADER + BODY)
    return path


def test_fields_are_typed_by_the_header(vcf: Path) -> None:
    source = read_source(vcf, "s", None, CONTIGS)
    assert source.fields == {
        "AF": pl.Float64,
        "AD": pl.Int64,
        "DP": pl.Int64,
        "SIG": pl.String,
        "PL": pl.String,
        "DB": pl.Boolean,
        "info_alt": pl.String,
    }
    assert rows_of(source).drop("key").rows() == [
        ("chr1", 5, "A", "C", "", 0.1, 4, 7, "a|b,c", "1,2,3", True, "z", "rs1;rs2"),
        ("chr1", 5, "A", "G", "", None, 5, 7, "a|b,c", "1,4,6", True, "z", "rs1;rs2"),
        ("chr1", 5, "A", "T", "", 0.002, None, None, None, None, False, None, None),
        ("chr1", 9, "C", "CA", "", 0.3, None, None, None, None, False, None, "x"),
        ("chr1", 9, "C", "<DEL>", ".", 0.1, None, None, None, None, False, None, "x"),
    ]
    assert source.version == "2026-01-02"
    assert source.counts == {
        "records": 4,
        "unknown_contig": 1,
        "not_an_allele": 1,
        "not_an_interval": 0,
        "ref_mismatch": 0,
        "not_normalised": 0,
        "unreadable": 0,
    }


def test_join_is_by_the_whole_allele_and_fits_the_table(vcf: Path) -> None:
    source = read_source(vcf, "s", ["DP", "AF"], CONTIGS)
    mine = pl.DataFrame(
        {"contig": "chr1", "pos": [5, 5, 9], "ref": ["A", "A", "C"], "alt": ["G", "AT", "CA"]},
        schema_overrides={"pos": pl.Int32},
    )
    found = source.join(mine)
    assert found.select(*KEY, "DP", "AF").rows() == [
        ("chr1", 5, "A", "G", "", 7, None),
        ("chr1", 9, "C", "CA", "", None, 0.3),
    ]
    ready = source.labelled(found).with_columns(part=pl.lit("chr1"))
    check_table(ready, source.table)


def test_ids_are_split(vcf: Path) -> None:
    source = read_source(vcf, "s", [], CONTIGS)
    ids = source.ids(source.join(rows_of(source)))
    assert ids.select("id", "kind", "alt").rows() == [
        ("rs1", "rs", "C"),
        ("rs2", "rs", "C"),
        ("rs1", "rs", "G"),
        ("rs2", "rs", "G"),
        ("x", "other", "CA"),
        ("x", "other", "<DEL>"),
    ]
    assert set(ids["source"]) == {"source:s"}


@pytest.mark.parametrize("packed", [False, True])
def test_merged_ids_are_followed(vcf: Path, tmp_path: Path, packed: bool) -> None:
    # 11 -> 10 -> 1; 12 -> 10; rings; 30 leads to no id of the source.
    text = "old\tnew\tbuild\nrs10\trs1\t150\n11\t10\n12\t10\tx\ty\n1\t12\n30\t31\n"
    text += "RS20\t2\n\n20\t2\n"
    table = tmp_path / "merged.tsv"
    table.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    source = read_source(vcf, "s", [], CONTIGS, merges=table)
    everything = source.join(rows_of(source))
    ids = source.ids(everything).filter(pl.col("alt") == "C")
    assert sorted(ids.select("id", "kind", "source").rows()) == [
        ("rs1", "rs", "source:s"),
        ("rs10", "rs", "merged:s"),
        ("rs11", "rs", "merged:s"),
        ("rs12", "rs", "merged:s"),
        ("rs2", "rs", "source:s"),
        ("rs20", "rs", "merged:s"),
    ]
    one = source.ids(everything.filter(pl.col("alt") == "CA"))
    assert one["id"].to_list() == ["x"]


def test_the_columns_of_dbsnp(tmp_path: Path) -> None:
    """A row of RsMergeArch.bcp: rsHigh, rsLow, build_id, orien, times, rsCurrent, ..."""
    table = tmp_path / "RsMergeArch.bcp"
    row = "386833980\t80338944\t137\t0\t2012-05-03\t2012-05-03\t80338944\t1\t\n"
    table.write_text(row)
    assert read_merges(table).rows() == [(386833980, 80338944)]
    (tmp_path / "empty").write_text("")
    assert read_merges(tmp_path / "empty").height == 0
    for bad in ("rs1 rs2\n", "rs1\n", "rs1\tx\n", "12\t99999999999999999999\n"):
        table.write_text(row + bad)
        with pytest.raises(InputError, match=r"line 2: .* is no pair of rs ids"):
            read_merges(table)
    table.write_bytes(gzip.compress(row.encode())[:-9])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_merges(table)


def test_ref_is_checked_when_a_reference_is_given(vcf: Path, tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(">1\nACGTACGTGTT\n")
    with OpenedReference(tmp_path / "r.fa", CONTIGS) as reference:
        source = read_source(vcf, "s", [], CONTIGS, reference)
    assert rows_of(source)["pos"].to_list() == [5, 5, 5]
    assert source.counts["ref_mismatch"] == 2


def test_alleles_go_through_the_normaliser(vcf: Path) -> None:
    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        moved = pl.when(pl.col("alt") != "T").then(pl.col("pos") - 1)
        return frame.with_columns(pos=moved)

    source = read_source(vcf, "s", ["DP"], CONTIGS, None, normalise)
    assert rows_of(source).select("pos", "alt").rows() == [
        (4, "C"),
        (4, "G"),
        (8, "CA"),
        (8, "<DEL>"),
    ]
    assert source.counts["not_normalised"] == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n\n"])
def test_line_ends_and_gzip(vcf: Path, tmp_path: Path, ending: str) -> None:
    text = (HEADER + BODY).rstrip("\n")
    if "\r" in ending:
        text = text.replace("\n", ending)
    other = tmp_path / "s.vcf.gz"
    other.write_bytes(gzip.compress((text + ending).encode()))
    expected = read_source(vcf, "s", None, CONTIGS)
    assert rows_of(read_source(other, "s", None, CONTIGS)).equals(rows_of(expected))


def test_faults_are_said(vcf: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no INFO field 'AFF'.*nearest: AF"):
        read_source(vcf, "s", ["AFF"], CONTIGS)
    bad = tmp_path / "bad.vcf"
    for text, message in (
        (HEADER + "1\t5\t.\tA\n", "fewer than 8 columns"),
        (HEADER + BODY.replace("\t5\t", "\tfive\t"), "POS 'five'"),
        ("1\t5\t.\tA\tC\t.\t.\t.\n", "no #CHROM line"),
        ("##x\n", "no #CHROM line"),
        ("", "no #CHROM line"),
    ):
        bad.write_text(text)
        with pytest.raises(InputError, match=message):
            read_source(bad, "s", None, CONTIGS)
    bad.write_bytes(gzip.compress((HEADER + BODY).encode())[:-10])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_source(bad, "s", None, CONTIGS)


def test_clinvar_against_a_plain_reader(data_dir: Path, tmp_path: Path) -> None:
    """2,000 ClinVar records: each value equals what a line-by-line reader finds."""
    path = data_dir / "annotation" / "exomiser" / "clinvar-test.vcf.gz"
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    source = read_source(copy, "clinvar", ["CLNSIG", "ALLELEID", "RS"], CONTIGS)
    expected = []
    with gzip.open(path, "rt") as f:
        for line in f:
            if line[0] == "#":
                continue
            c = line.rstrip("\n").split("\t")
            info = dict(x.partition("=")[::2] for x in c[7].split(";"))
            for alt in c[4].split(","):
                if set(alt) <= set("ACGTN"):
                    allele = (
                        int(c[1]),
                        c[3],
                        alt,
                        info.get("CLNSIG"),
                        int(info["ALLELEID"]),
                        c[2],
                    )
                    expected.append(allele)
    got = rows_of(source).select("pos", "ref", "alt", "CLNSIG", "ALLELEID", "id").rows()
    assert len(got) > 1900
    assert sorted(got, key=str) == sorted(expected, key=str)
    ids = source.ids(source.join(rows_of(source)))
    assert ids.filter(pl.col("kind") == "rs").height > 500


def test_symbolic_alleles_and_breakends_are_joined_by_the_whole_key(tmp_path: Path) -> None:
    """Lengths are told by END or SVLEN, mates by any name of their contig."""
    head = HEADER.replace(
        "#CHROM", '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">\n#CHROM'
    )
    lines = ["9 a C <DEL> . . END=12;AF=0.1", "9 b C <DEL> . . SVLEN=-11;AF=0.2",
             "9 c C <DEL> . . AF=0.3", "9 d C C[1:30[ . . AF=0.4", "9 e C <*> . . AF=0.5",
             "9 f C <DUP> . . SVLEN=11;AF=0.6"]  # fmt: skip
    path = tmp_path / "s.vcf"
    path.write_text(head + "".join(f"1\t{x}\n".replace(" ", "\t") for x in lines))
    source = read_source(path, "s", ["AF"], CONTIGS)
    mine = pl.DataFrame(
        [("chr1", 9, "C", "<DEL>", "11"), ("chr1", 9, "C", "<DEL>", "3"),
         ("chr1", 9, "C", "<DEL>", "4"), ("chr1", 9, "C", "<DEL>", "."),
         ("chr1", 9, "C", "C[chr1:30[", ""), ("chr1", 9, "C", "<DUP>", "11")],
        schema=KEY_SCHEMA, orient="row",
    )  # fmt: skip
    found = source.join(mine).select("alt", "extent", "AF", "id").rows()
    assert sorted(found) == [
        ("<DEL>", ".", 0.3, "c"),
        ("<DEL>", "11", 0.2, "b"),
        ("<DEL>", "3", 0.1, "a"),
        ("<DUP>", "11", 0.6, "f"),
        ("C[chr1:30[", "", 0.4, "d"),
    ]
    assert source.counts["not_an_allele"] == 1
