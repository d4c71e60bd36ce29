"""Sources of every kind and format: configuration in, joined rows out."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import InputError, UsageError, VarhouseError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.sources import CompiledSource, Target, compile_source, read_spec
from varhouse.sources.intervals import bounds, match_intervals
from varhouse.sources.keys import HASHED, allele_keys
from varhouse.sources.spill import Spill
from varhouse.tables.schema import KEY, check_table

CONTIGS = Contigs([Contig("chr1", ["1", "NC_1.1"], length=1000), Contig("chr2", ["2"])])
TARGET = Target(CONTIGS, "GRCh38")


def source(path: Path, target: Target = TARGET, **entry: object) -> CompiledSource:
    spec, problems = read_spec({"name": "s", "path": path.name, **entry}, path.parent)
    assert problems == []
    folder = path.with_suffix(".compiled")
    compile_source(spec, target, folder)
    return CompiledSource(folder, spec)


def alleles(*rows: tuple[str, int, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["contig", "pos", "ref", "alt"], orient="row").cast(
        {"pos": pl.Int32}
    )


MINE = alleles(
    ("chr1", 10, "A", "C"), ("chr1", 11, "A", "AT"), ("chr1", 20, "ACGT", "A"),
    ("chr2", 10, "A", "C"),
)  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_a_tsv_of_alleles(tmp_path: Path, packed: bool) -> None:
    text = "## made\n#CHR\tPOS\tREF\tALT\tScore\tNote\n1\t10\ta\tC,G\t0.5\tx\n"
    text += "NC_1.1\t11\tA\tAT\t.\t\n"
    text += (
        "2\t10\tA\tC\tzz\ty\nchr9\t10\tA\tC\t1\ty\n1\tx\tA\tC\t1\ty\n1\t5\tA\t<DEL>\t1\ty\n"
    )
    path = tmp_path / ("s.tsv.gz" if packed else "s.tsv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    s = source(path, kind="allele", fields={"Score": "float", "remark": {"from": "Note"}})
    found = s.join(MINE)
    assert found.rows() == [
        ("chr1", 10, "A", "C", "", 0.5, "x", None),
        ("chr1", 11, "A", "AT", "", None, None, None),
        ("chr2", 10, "A", "C", "", None, "y", None),
    ]
    assert found.schema["Score"] == pl.Float64
    assert s.counts["unknown_contig"] == 1
    assert s.counts["not_an_allele"] == 2
    assert s.counts["unreadable"] == 2


def test_rough_tables(tmp_path: Path) -> None:
    """Line ends of Windows, short and long rows, empty files, contigs that are numbers."""
    text = "chrom\tstart\tend\tn\r\n1\t10\t10\t5\r\n2\t10\t12\r\n2\t9\t10\t7\tmore\r\n"
    (tmp_path / "s.tsv").write_bytes(text.encode())
    s = source(tmp_path / "s.tsv", kind="overlap", fields={"n": "integer"})
    assert s.join(MINE).select("contig", "n").rows() == [
        ("chr1", 5),
        ("chr2", 7),
        ("chr2", None),
    ]
    assert s.counts["unreadable"] == 0
    (tmp_path / "e.bed").write_text("")
    assert source(tmp_path / "e.bed", kind="overlap").join(MINE).is_empty()
    (tmp_path / "e.tsv").write_text("chrom\tpos\tref\talt\tx\n")
    assert source(tmp_path / "e.tsv", kind="allele").join(MINE).is_empty()
    frame = pl.DataFrame({"chrom": [1, 2], "start": [10, 1], "end": [10, 2], "x": ["a", "b"]})
    frame.write_parquet(tmp_path / "n.parquet")
    s = source(tmp_path / "n.parquet", kind="overlap")
    assert s.join(MINE).select("contig", "x").rows() == [("chr1", "a")]
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(InputError, match="no Parquet file"):
        source(tmp_path / "bad.parquet", kind="allele")
    (tmp_path / "spaces.bed").write_text("chr1 1 2\n")
    with pytest.raises(InputError, match="fewer than 3 columns"):
        source(tmp_path / "spaces.bed", kind="overlap")


def test_a_parquet_of_alleles_with_columns_of_other_names(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"c": ["1", "2"], "p": [10, 10], "a": ["A", "A"], "b": ["C", "C"],
         "AC": [3, 4], "af": [0.1, float("nan")], "ok": [True, None]}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "s.parquet")
    columns = {"contig": "c", "pos": "p", "ref": "a", "alt": "b"}
    s = source(tmp_path / "s.parquet", kind="allele", columns=columns)
    assert s.fields == {"AC": pl.Int64, "af": pl.Float64, "ok": pl.Boolean}
    assert s.join(MINE).select("AC", "ok").rows() == [(3, True), (4, None)]
    check_table(s.labelled(s.join(MINE)).with_columns(part=pl.lit("x")), s.table)
    (tmp_path / "s.parquet").rename(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"no column 'pp'.*nearest: p"):
        source(tmp_path / "t.parquet", kind="allele", columns={**columns, "pos": "pp"})
    with pytest.raises(UsageError, match="no column for contig"):
        source(tmp_path / "t.parquet", kind="allele")


def test_a_bed_is_half_open_from_zero(tmp_path: Path) -> None:
    bed = tmp_path / "s.bed"
    bed.write_text(
        "track name=x\n# c\n1\t9\t10\tone\t7\nchr1\t10\t11\ttwo\t.\n1\t10\t12\tthree\t2.5\n"
        "1\t22\t23\tfour\t0\n1\t0\t1000\tall\t1\n1\t23\t30\tfive\t0\n1\t7\t7\tempty\t0\n"
    )
    s = source(bed, kind="overlap", fields=["name", "score"])
    got = s.join(MINE).select("pos", "name", "interval_start", "interval_end", "score").rows()
    assert got == [
        (10, "all", 1, 1000, 1.0),
        (10, "one", 10, 10, 7.0),
        # The insertion lies between 11 and 12: `two` holds only one of them.
        (11, "all", 1, 1000, 1.0),
        (11, "three", 11, 12, 2.5),
        # A deletion takes up all bases of its REF, 20 to 23, and no more.
        (20, "all", 1, 1000, 1.0),
        (20, "four", 23, 23, 0.0),
    ]
    assert s.counts["not_an_interval"] == 1
    assert s.ids(s.join(MINE)).is_empty()


@pytest.mark.parametrize(("coordinates", "hit"), [("0-based", False), ("1-based", True)])
def test_intervals_of_a_table_say_where_they_begin(
    tmp_path: Path, coordinates: str, hit: bool
) -> None:
    (tmp_path / "s.tsv").write_text("chrom\tstart\tend\tn\nchr2\t10\t20\t1\n")
    more = {"kind": "overlap", "fields": {"n": "integer"}, "coordinates": coordinates}
    s = source(tmp_path / "s.tsv", **more)
    assert s.join(MINE)["n"].to_list() == [1] * hit


def test_a_table_by_gene(tmp_path: Path) -> None:
    (tmp_path / "s.tsv").write_text(
        "symbol\tpLI\nBRCA2\t0.9\nENSG01.4\t0.1\nNONE\t1\n\t2\nBRCA2\t0.8\n"
    )
    s = source(tmp_path / "s.tsv", kind="gene", fields={"pLI": "float"})
    genes = MINE.head(3).with_columns(
        gene_id=pl.Series(["ENSG01.7", "ENSG02", "NONE"]),
        gene_name=pl.Series([None, "BRCA2", "NONE"], dtype=pl.String),
    )
    got = s.join(MINE, pl.concat([genes, genes])).sort("pos", "pLI")
    assert got.select("pos", "gene_key", "pLI").rows() == [
        (10, "ENSG01.4", 0.1),
        (11, "BRCA2", 0.8),
        (11, "BRCA2", 0.9),
        (20, "NONE", 1.0),
    ]


VCF = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=EAS_AF,Number=.,Type=String,Description="x">
##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
1\t10\trs1\tA\tG,C\t9.5\tPASS;q\tAF=0.25,0.5;EAS_AF=0,1;CLNREVSTAT=reviewed_by_expert_panel
1\t11\t.\tA\tAT\t.\t.\tAF=x;CLNREVSTAT=unheard_of
1\t20\t.\tACGT\tA\t.\t.\tAF=0.1,0.2;CLNREVSTAT=no_assertion_provided
"""


def test_a_field_may_be_renamed_typed_and_counted_anew(tmp_path: Path) -> None:
    (tmp_path / "s.vcf").write_text(VCF)
    fields = {
        "af": {"from": "AF"}, "eas": {"from": "EAS_AF", "type": "float", "number": "A"},
        "stars": {"from": "CLNREVSTAT", "type": "stars"}, "FILTER": None, "QUAL": "text",
    }  # fmt: skip
    s = source(tmp_path / "s.vcf", kind="allele", fields=fields)
    got = s.join(MINE).select("af", "eas", "stars", "FILTER", "QUAL", "id").rows()
    assert got == [
        (0.5, 1.0, 3, "PASS;q", "9.5", "rs1"),
        (None, None, None, None, None, None),
        (None, None, 0, None, None, None),
    ]
    # `x`, the unknown status, and two values for one allele.
    assert s.counts["unreadable"] == 3


def test_frequencies_without_counts_are_marked(tmp_path: Path) -> None:
    (tmp_path / "s.vcf").write_text(VCF)
    (tmp_path / "t.vcf").write_text(VCF.replace("ID=CLNREVSTAT", "ID=AC"))
    s = source(tmp_path / "s.vcf", kind="allele", fields=["AF"])
    assert s.labelled(s.join(MINE))["af_only"].to_list() == [True] * 3
    assert {"AC", "AN"}.isdisjoint(s.table.names)
    # The file has counts, if nobody asks for them.
    t = source(tmp_path / "t.vcf", kind="allele", fields=["AF"])
    assert "af_only" not in t.table.names


def test_what_may_not_be_passed_on_says_so_in_its_table(tmp_path: Path) -> None:
    (tmp_path / "s.vcf").write_text(VCF)
    s = source(tmp_path / "s.vcf", kind="allele", redistribute=False, licence="mine")
    rows = s.labelled(s.join(MINE))
    assert rows["redistribute"].to_list() == [False] * 3
    assert rows["licence"].to_list() == ["mine"] * 3


def test_a_bcf_gives_what_its_vcf_gives(tmp_path: Path) -> None:
    import pysam  # noqa: PLC0415

    (tmp_path / "s.vcf").write_text(
        VCF.replace("AF=x", "AF=0.7").replace("0.1,0.2", "0.1").replace("PASS;q", "PASS")
    )
    with pysam.VariantFile(str(tmp_path / "s.vcf")) as plain:
        out = pysam.VariantFile(str(tmp_path / "b.bcf"), "wb", header=plain.header)
        for record in plain:
            out.write(record)
        out.close()
    fields = ["AF", "CLNREVSTAT"]
    expected = source(tmp_path / "s.vcf", kind="allele", fields=fields).join(MINE)
    assert source(tmp_path / "b.bcf", kind="allele", fields=fields).join(MINE).equals(expected)
    assert expected["AF"].to_list() == [0.5, 0.7, 0.1]
    cut = (tmp_path / "b.bcf").read_bytes()[:-60]
    (tmp_path / "c.bcf").write_bytes(cut)
    with pytest.raises(InputError, match=r"c\.bcf: (cut off or damaged|cannot be read)"):
        source(tmp_path / "c.bcf", kind="allele")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("##contig=<ID=1,length=1001>", "contig 1 has 1,001 bases, that of GRCh38 has 1,000"),
        ("##contig=<ID=7,length=159138663>", r"GRCh37 \(hg19\) by its header"),
        ("##reference=file:///x/hs37d5.fa", r"GRCh37 \(hg19\) by its header"),
    ],
)
def test_another_assembly_is_refused_by_its_header(
    tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "s.vcf").write_text(VCF.replace("##contig=<ID=1,length=1000>", line))
    with pytest.raises(InputError, match=message):
        source(tmp_path / "s.vcf", kind="allele")
    assert not list(tmp_path.glob("*.compiled"))
    assert not list(tmp_path.glob(".*"))


def test_another_assembly_is_refused_by_what_is_said_of_it(tmp_path: Path) -> None:
    (tmp_path / "s.bed").write_text("1\t1\t5\n")
    with pytest.raises(InputError, match="is of assembly hg19, not GRCh38"):
        source(tmp_path / "s.bed", kind="overlap", assembly="hg19")
    source(tmp_path / "s.bed", kind="overlap", assembly="hg38")
    (tmp_path / "t.bed").write_text("1\t990\t1001\n")
    with pytest.raises(
        InputError, match="on chr1 ends at 1,001, the contig of GRCh38 has 1,0"
    ):
        source(tmp_path / "t.bed", kind="overlap")
    (tmp_path / "u.bed").write_text("NC_9.9\t990\t1001\n")
    with pytest.raises(InputError, match=r"none of its contigs \(NC_9.9\) is in GRCh38"):
        source(tmp_path / "u.bed", kind="overlap")


def test_another_assembly_is_refused_by_its_bases(tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(">1\n" + "ACGT" * 250 + "\n")
    rows = [f"1\t{p}\t{'ACGT'[(p - 1) % 4]}\tG" for p in range(1, 101)]
    path = tmp_path / "s.tsv"
    path.write_text("\n".join(["chr\tpos\tref\talt", *rows, *["1\t1\tG\tC"] * 5]) + "\n")
    with OpenedReference(tmp_path / "r.fa", CONTIGS) as reference:
        target = Target(CONTIGS, "GRCh38", reference)
        s = source(path, target, kind="allele")
        assert s.counts["ref_mismatch"] == 5
        path.write_text("\n".join(["chr\tpos\tref\talt", *rows, *["1\t1\tG\tC"] * 6]) + "\n")
        (tmp_path / "t.tsv").write_bytes(path.read_bytes())
        with pytest.raises(InputError, match=r"6 of 106 REF alleles .*first: chr1:1 G"):
            source(tmp_path / "t.tsv", target, kind="allele")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"kind": "overlap"}, "a VCF file is no source of kind overlap"),
        ({"preset": "clinva"}, "no preset 'clinva'; nearest: clinvar"),
        ({"kind": "allele", "fields": {"AF": "flot"}}, "no type 'flot'; nearest: float"),
        ({"kind": "allele", "columns": {"pos": "p"}}, "columns are for TSV and Parquet"),
        ({"kind": "allele", "coordinates": "0-based"}, "coordinates are said of"),
        ({"kind": "allele", "fields": {"a": {"from": "AF"}, "b": "text"}}, None),
    ],
)
def test_mistakes_in_an_entry_are_said(tmp_path: Path, entry: dict, problem: str) -> None:
    (tmp_path / "s.vcf").write_text(VCF)
    _, found = read_spec({"name": "s", "path": "s.vcf", **entry}, tmp_path)
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]


def test_the_presets_take_what_is_there(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "annotation"
    human = Contigs([Contig("chr1", ["1", "NC_000001.10"], length=249_250_621)])
    spec, _ = read_spec(
        {"name": "c", "path": "clinvar-test.vcf.gz", "preset": "clinvar"}, folder / "exomiser"
    )
    compile_source(spec, Target(human, "GRCh37"), tmp_path / "c")
    rows = pl.read_parquet(tmp_path / "c" / "rows-0.parquet")
    stars = rows.group_by("CLNREVSTAT").agg(pl.col("stars").unique()).rows()
    found = {status: s for status, s in stars if status}
    assert found["criteria_provided,_single_submitter"] == [1]
    assert found["criteria_provided,_multiple_submitters,_no_conflicts"] == [2]
    assert found["no_assertion_criteria_provided"] == [0]
    assert all(len(s) == 1 and s[0] is not None for s in found.values())
    assert rows["CLNSIG"].null_count() < 20
    path = "sample.gnomad.exomes.r2.1.1.sites.chr1.vcf.gz"
    spec, _ = read_spec(
        {"name": "g", "path": path, "preset": "gnomad"}, folder / "gnomad-hail"
    )
    compile_source(spec, Target(human, "GRCh37"), tmp_path / "g")
    gnomad = CompiledSource(tmp_path / "g", spec)
    rows = gnomad.join(pl.read_parquet(tmp_path / "g" / "rows-0.parquet"))
    assert rows.height == 100
    assert rows.schema["AC"] == rows.schema["AN_eas"] == pl.Int64
    # gnomAD writes no AF where AN is 0: that stays null.
    assert rows.filter(pl.col("AN_afr") == 0)["AF_afr"].null_count() > 0
    genomes = path.replace("exomes.r2.1.1", "genomes.r3.0")
    spec, _ = read_spec(
        {"name": "g", "path": genomes, "preset": "gnomad"}, folder / "gnomad-hail"
    )
    with pytest.raises(VarhouseError, match="GRCh38"):
        compile_source(spec, Target(human, "GRCh37"), tmp_path / "h")


BASES = st.text("ACGTN", min_size=1, max_size=9)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), BASES, BASES), min_size=1, max_size=20))
def test_keys_tell_alleles_apart_and_sort_by_position(rows: list) -> None:
    frame = alleles(*(("c", *r) for r in rows))
    keys = allele_keys(frame)
    assert (keys >> 32 == frame["pos"].to_numpy()).all()
    for k, (_, ref, alt) in zip(keys, rows, strict=True):
        exact = (
            len(ref) <= 7 and len(alt) <= 7 and len(ref + alt) <= 12 and "N" not in ref + alt
        )
        assert bool(k & HASHED) != exact
    assert len(set(keys.tolist())) == len(set(rows))


SPANS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12)), max_size=12)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(SPANS, SPANS)
def test_overlaps_are_those_of_a_plain_comparison(mine: list, spans: list) -> None:
    frame = alleles(*(("c", p, "A" * max(1, n), "T" if n else "AT") for p, n in mine))
    frame = frame.with_columns(
        pl.col("contig").cast(pl.String), pl.col("ref", "alt").cast(pl.String)
    )
    spans = sorted((s, s + n) for s, n in spans)
    start, end = (np.array([x[i] for x in spans], np.int64) for i in (0, 1))
    left, right = match_intervals(*bounds(frame), start, end)
    expected = set()
    for i, (_, pos, ref, alt) in enumerate(frame.rows()):
        touched = {pos, pos + 1} if alt == "AT" else set(range(pos, pos + len(ref)))
        for j, (a, b) in enumerate(spans):
            shared = touched & set(range(a, b + 1))
            if len(shared) == 2 if alt == "AT" else shared:
                expected.add((i, j))
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert left.size == len(expected)


def test_a_spill_sorts_whatever_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varhouse.sources.spill.WINDOW_ROWS", 50)
    rng = np.random.default_rng(1)
    rows = pl.DataFrame(
        {
            "contig": rng.choice(["b", "a", "z"], 2000),
            "pos": rng.integers(1, 90_000, 2000),
            "n": np.arange(2000),
        }
    )
    spill = Spill(tmp_path, "pos", ["pos"], {"a": "p", "b": "p", "z": "q"})
    for some in rows.iter_slices(37):
        spill.add(some)
    found = [(part, pl.concat(frames)) for part, frames in spill.windows()]
    assert {part for part, _ in found} == {"p", "q"}
    for part, frame in found:
        mine = rows.filter(pl.col("contig").is_in(["a", "b"]) == (part == "p"))
        assert frame.equals(mine.sort("contig", "pos", maintain_order=True))


def test_a_join_reads_only_the_row_groups_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varhouse.sources.files.ROW_GROUP", 10)
    rows = [f"chr{c}\t{p}\tA\tC\t{p}" for c in (1, 2) for p in range(1, 900)]
    (tmp_path / "s.tsv").write_text("\n".join(["chr\tpos\tref\talt\tn", *rows]) + "\n")
    s = source(tmp_path / "s.tsv", kind="allele", fields={"n": "integer"})
    read = []
    inner = s._read
    monkeypatch.setattr(s, "_read", lambda i, p, c: read.append(p.size) or inner(i, p, c))
    mine = alleles(*(("chr2", p, "A", "C") for p in (881, 5, 6)), ("chr1", 3, "A", "G"))
    assert s.join(mine).select(*KEY, "n").sort("n").rows() == [
        ("chr2", p, "A", "C", "", p) for p in (5, 6, 881)
    ]
    assert max(read) == 2


def test_equal_hashes_are_no_hits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("varhouse.sources.keys._hash", lambda ref, alt, rows: rows * 0)
    long = ["A" * 20, "C" * 20, "G" * 20, "ACGTN"]
    rows = [f"1\t10\tT\tT{x}\t{k}" for k, x in enumerate(long[:2] + long[3:])]
    rows += ["1\t10\tT\tA\t7", f"1\t10\tT\tT{long[1]}\t8"]
    (tmp_path / "s.tsv").write_text("\n".join(["chr\tpos\tref\talt\tn", *rows]) + "\n")
    s = source(tmp_path / "s.tsv", kind="allele", fields={"n": "integer"})
    mine = alleles(*(("chr1", 10, "T", f"T{x}") for x in long[1:]), ("chr1", 10, "T", "A"))
    got = s.join(mine).select("alt", "n").rows()
    assert sorted(got) == [("A", 7), ("TACGTN", 2), (f"T{long[1]}", 1), (f"T{long[1]}", 8)]


def test_ids_of_every_form_come_back(tmp_path: Path) -> None:
    """Whether all, none or some are rs numbers, and those that only look like one."""
    ids = ["rs1", "rs007", "rs12;rs13", "x", ".", "rs99999999999999999999", "RS5"]
    for k, some in enumerate((ids, ids[:1], ids[1:4], ids[4:5])):
        rows = [f"1\t{p}\tA\tC\t{i}" for p, i in enumerate(some, 10)]
        path = tmp_path / f"s{k}.tsv"
        path.write_text("\n".join(["chr\tpos\tref\talt\tid", *rows]) + "\n")
        mine = alleles(*(("chr1", p, "A", "C") for p in range(10, 10 + len(some))))
        found = source(path, kind="allele").join(mine).sort("pos")["id"].to_list()
        assert found == [None if i == "." else i for i in some]


def test_fields_that_are_named_as_columns_of_ours(tmp_path: Path) -> None:
    """A field keeps its own values, whatever its name."""
    head = "".join(
        f'##INFO=<ID={k},Number=1,Type=String,Description="x">\n'
        for k in ("key", "rs", "long")
    )
    (tmp_path / "a.vcf").write_text(
        f"##fileformat=VCFv4.2\n{head}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr1\t10\trs5\tA\tC\t.\t.\tkey=K;rs=R;long=L\n"
    )
    found = source(tmp_path / "a.vcf").join(MINE)
    assert found.select("info_key", "info_rs", "info_long", "id").rows() == [
        ("K", "R", "L", "rs5")
    ]
    (tmp_path / "o.tsv").write_text("seq\tchrom\tstart\tbegins\tend\n1\tX\t7\t9\t10\n")
    columns = {"contig": "seq", "start": "begins"}
    found = source(tmp_path / "o.tsv", kind="overlap", columns=columns).join(MINE)
    assert found.select("interval_start", "info_chrom", "info_start").rows() == [(9, "X", "7")]
    (tmp_path / "g.tsv").write_text("symbol\tgene\tgene_id\tgene_name\nTOY\tX\tFILE\tOWN\n")
    genes = MINE[:1].with_columns(gene_id=pl.lit("ENSG1.7"), gene_name=pl.lit("TOY"))
    s = source(tmp_path / "g.tsv", kind="gene", columns={"gene": "symbol"})
    found = s.join(MINE, genes)
    assert found.select("gene_key", "info_gene", "gene_id", "gene_name").rows() == [
        ("TOY", "X", "FILE", "OWN")
    ]


def test_names_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text("chrom\tpos\tref\talt\tAF\taf\n1\t10\tA\tC\t1\t2\n")
    with pytest.raises(UsageError, match="case does not count"):
        source(path)
    assert source(path, fields={"AF": "float"}).join(MINE)["AF"].to_list() == [1.0]
    fields = {"x": {"from": "AF"}, "X": {"from": "af"}}
    _, problems = read_spec({"name": "s", "path": path.name, "fields": fields}, tmp_path)
    assert "case does not count" in problems[0]
    path = tmp_path / "twice.tsv"
    path.write_text("chrom\tpos\tref\talt\tAF\tAF\n1\t10\tA\tC\t1\t2\n")
    with pytest.raises(InputError, match="two columns are named 'AF'"):
        source(path, fields={"AF": "float"})


@pytest.mark.parametrize("odd", ["\u2028", "\x0c", "\x85", "\x1e"])
def test_no_row_is_taken_for_a_comment(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "s.tsv"
    many = "##c\n" * 20_000
    path.write_text(
        f"{many}##a{odd}##b\n\nchrom\tpos\tref\talt\tx\n1\t10\tA\tC\tq\n1\t11\tA\tAT\tz\n"
    )
    assert source(path, kind="allele").join(MINE)["x"].to_list() == ["q", "z"]


def test_odd_records_of_a_vcf(tmp_path: Path) -> None:
    """POS 0 and below is no place of an allele; a separator of ASCII is a letter."""
    path = tmp_path / "s.vcf"
    path.write_text(
        '##fileformat=VCFv4.2\n##INFO=<ID=A,Number=1,Type=String,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t-5\t.\tA\tC\t.\t.\tA=1\n"
        "chr1\t0\t.\tA\tC\t.\t.\tA=1\nchr1\t10\t.\tA\tC\t.\t.\tA=p\x1fq\n"
    )
    s = source(path)
    assert s.join(MINE)["A"].to_list() == ["p?q"]
    assert s.counts["not_an_allele"] == 2


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varhouse.sources.tables.LONGEST_ROW", 1 << 20)
    path = tmp_path / "s.bed.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(InputError, match="a line of more than 1 MiB"):
        source(path, kind="overlap")
