"""Free text in INFO: encoded by every writer, decoded by readers of VCF 4.3 and later."""

import json
from pathlib import Path

import cyvcf2
import polars as pl
import pysam
import pytest
from gene_builders import transcript_rows, write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.cli import main
from varhouse.infotext import decoded, encoded, encoded_csq, is_encoded

BASES = "ACGTTGCAAGCTTAGGCCATAT" * 20
ODD = [
    "a=b;c,d", "100% of 5%3B", "two words", "tab\tnewline\nreturn\r", "样本 é", "%", "%%25",
    "x|y", "a&b", '"quoted"', "%2c", "A%20B",
]  # fmt: skip


def apply(expression: pl.Expr, texts: list[str]) -> list[str]:
    return pl.DataFrame({"t": texts}).select(expression)["t"].to_list()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_round_trip(texts: list[str]) -> None:
    column = pl.col("t").cast(pl.String)
    for way in (encoded, encoded_csq):
        written = apply(way(column), texts)
        for text in written:
            assert not set(text) & {*map(chr, range(0x21)), *";=,\x7f"}
        assert apply(decoded(column), written) == texts


def test_what_the_specification_lists() -> None:
    """VCF 4.3, section 1.2, and blanks, which earlier versions forbid in INFO."""
    one = {";": "%3B", "=": "%3D", ",": "%2C", "\t": "%09", "\n": "%0A", "\r": "%0D",
           "%": "%25", " ": "%20"}  # fmt: skip
    assert apply(encoded(pl.col("t")), list(one)) == list(one.values())
    assert apply(decoded(pl.col("t")), [v.lower() for v in one.values()]) == list(one)
    # A colon means nothing in INFO, but others may have encoded it.
    assert apply(encoded(pl.col("t")), ["a:b|c"]) == ["a:b|c"]
    assert apply(decoded(pl.col("t")), ["a%3Ab", "%zz%4", "%253B"]) == ["a:b", "%zz%4", "%3B"]
    kept = apply(decoded(pl.col("t"), whole=False), ["a%2Cb,c%3Bd%25"])
    assert kept == ["a%2Cb,c;d%25"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("##fileformat=VCFv4.3", True), ("##fileformat=VCFv4.5", True),
        ("##fileformat=VCFv4.2", False), ("##fileformat=VCFv4.1", False),
        ("##fileformat=VCFv5.0", True), ("#CHROM", False),
    ],
)  # fmt: skip
def test_versions_that_encode(line: str, expected: bool) -> None:
    assert is_encoded([line]) is expected
    assert not is_encoded([])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_fasta(tmp_path / "r.fa", {"chr1": BASES})
    rows = transcript_rows([(1, 300)], [(11, 40)], gene="G")
    text = "".join(
        "\t".join(["chr1", "t", k, str(a), str(b), ".", s, f, t]) + "\n"
        for k, a, b, s, f, t in rows
    )
    text = text.replace("Name=NG", "Name=S%3BT%2CU%7CV%3D W")
    (tmp_path / "g.gff3").write_text("##gff-version 3\n" + text)
    return tmp_path


def vcf(path: Path, version: str, info: str, rows: list[tuple[int, str, str]]) -> Path:
    """Write records at positions, with ALTs that are not REF."""
    head = f"##fileformat=VCFv{version}\n##contig=<ID=chr1,length={len(BASES)}>\n{info}"
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [
        f"chr1\t{p}\t.\t{BASES[p - 1]}\t{alts}\t.\t.\t{values}\n" for p, alts, values in rows
    ]
    path.write_text(head + "".join(lines), encoding="utf-8")
    return path


def other(pos: int, k: int = 0) -> str:
    return "ACGT".replace(BASES[pos - 1], "")[k]


def annotate(folder: Path, source: Path, out: str, sources: list[dict[str, object]]) -> Path:
    (folder / "s.yaml").write_text(json.dumps({"sources": sources}))
    given = {"genes": "g.gff3", "reference": "r.fa", "sources": "s.yaml"}
    fixed = [x for n, f in given.items() for x in (f"--{n}", str(folder / f))]
    assert main(["annotate", str(source), "-o", str(folder / out), *fixed]) == 0
    return folder / out


def test_text_of_a_table_comes_back_through_vcf(files: Path) -> None:
    """Text -> VCF -> cyvcf2, bcftools -> decoded -> text; and through a source of 4.3."""
    places = list(range(20, 20 + len(ODD)))
    frame = pl.DataFrame(
        {
            "chrom": ["chr1"] * len(ODD),
            "pos": places,
            "ref": [BASES[p - 1] for p in places],
            "alt": [other(p) for p in places],
            "note": ODD,
        }
    )
    frame.write_parquet(files / "t.parquet")
    asked = vcf(files / "in.vcf", "4.3", "", [(p, other(p), ".") for p in places])
    table = {"name": "t", "path": "t.parquet", "kind": "allele", "format": "parquet",
             "columns": {"contig": "chrom", "pos": "pos", "ref": "ref", "alt": "alt"},
             "fields": {"note": "string"}}  # fmt: skip
    out = annotate(files, asked, "out.vcf.gz", [table])
    read = [dict(v.INFO)["t_note"] for v in cyvcf2.VCF(str(out))]
    assert apply(decoded(pl.col("t")), read) == ODD
    with pysam.VariantFile(str(out)) as held:
        by_htslib = [record.info["t_note"] for record in held]
    texts = [v[0] if isinstance(v, tuple) else v for v in by_htslib]
    assert apply(decoded(pl.col("t")), texts) == ODD
    # Our own reader of sources gives the text again; it reads 4.2 as it stands.
    source = {"name": "v", "path": "out.vcf.gz", "kind": "allele", "fields": ["t_note"]}
    again = pl.read_parquet(annotate(files, asked, "again.parquet", [source]))
    assert again.sort("pos")["v_t_note"].to_list() == ODD
    old = vcf(
        files / "old.vcf",
        "4.2",
        '##INFO=<ID=N,Number=1,Type=String,Description="n">\n',
        [(20, other(20), "N=a%3Bb")],
    )
    source = {"name": "v", "path": old.name, "kind": "allele"}
    found = pl.read_parquet(annotate(files, asked, "old.parquet", [source]))
    assert found.filter(pos=20)["v_N"].to_list() == ["a%3Bb"]


def test_lists_of_a_source_keep_their_commas(files: Path) -> None:
    info = '##INFO=<ID=L,Number=.,Type=String,Description="l">\n'
    info += '##INFO=<ID=A,Number=A,Type=String,Description="a">\n'
    both = f"{other(20)},{other(20, 1)}"
    source = vcf(files / "s.vcf", "4.4", info, [(20, both, "L=a%2Cb,c%3Bd%25;A=x%2Cy,z")])
    asked = vcf(files / "in.vcf", "4.3", "", [(20, both, ".")])
    entry = {"name": "s", "path": source.name, "kind": "allele"}
    table = pl.read_parquet(annotate(files, asked, "o.parquet", [entry]))
    assert table.sort("alt").select("s_L", "s_A").rows() == [
        ("a%2Cb,c;d%25", a) for _, a in sorted(zip(both.split(","), ["x,y", "z"], strict=True))
    ]


def test_names_of_genes_in_csq(files: Path) -> None:
    asked = vcf(files / "in.vcf", "4.2", "", [(20, other(20), ".")])
    out = annotate(files, asked, "out.vcf", [])
    with pysam.VariantFile(str(out)) as held:
        names = held.header.info["CSQ"].description.split("Format: ")[1].split("|")
        (entry,) = next(iter(held)).info["CSQ"]
    fields = dict(zip(names, entry.split("|"), strict=True))
    assert apply(decoded(pl.col("t")), [fields["SYMBOL"]]) == ["S;T,U|V= W"]


SRC = (
    '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'
    '##INFO=<ID=NOTE,Number=1,Type=String,Description="n">\n'
)


def test_an_allele_that_a_source_holds_twice(files: Path) -> None:
    """All its records come out, and of each value one can tell which ALT it is of."""
    a, b = other(20), other(20, 1)
    rows = [
        (20, a, "AF=0.2;NOTE=x y"), (20, a, "AF=0.7"), (20, b, "AF=0.1;NOTE=z"),
        (30, other(30), "AF=0.5"), (30, other(30), "AF=0.5"), (40, other(40), "NOTE=n"),
    ]  # fmt: skip
    source = vcf(files / "s.vcf", "4.2", SRC, rows)
    asked = vcf(
        files / "in.vcf",
        "4.2",
        "",
        [
            (20, f"{other(20, 2)},{a},{b}", "."),
            (20, a, "."),
            (30, other(30), "."),
            (40, other(40), "."),
            (50, other(50), "."),
        ],
    )
    entry = {"name": "s", "path": source.name, "kind": "allele"}
    out = annotate(files, asked, "o.vcf", [entry])
    got = []
    for line in out.read_text().splitlines():
        if not line.startswith("#"):
            info = line.split("\t")[7].split(";")
            got.append({k: v for k, v in (x.split("=", 1) for x in info) if k != "CSQ"})
    assert got == [
        {"s_AF": "0.2,0.7,0.1", "s_NOTE": "x%20y,.,z", "s_ALT": "2,2,3"},
        {"s_AF": "0.2,0.7", "s_NOTE": "x%20y,."},
        {"s_AF": "0.5"},
        {"s_NOTE": "n"},
        {},
    ]
    with pysam.VariantFile(str(out)) as held:
        assert next(iter(held)).info["s_AF"] == pytest.approx((0.2, 0.7, 0.1))
    # Annotated once more, nothing stands twice.
    again = annotate(files, out, "o2.vcf", [entry])
    assert again.read_text() == out.read_text()
    table = pl.read_parquet(annotate(files, asked, "o.parquet", [entry])).sort("pos", "alt")
    found = {
        (p, alt): (af, note)
        for p, alt, af, note in table.select("pos", "alt", "s_AF", "s_NOTE").rows()
    }
    assert found[20, a] == ([0.2, 0.7], ["x y", None])
    assert found[20, b] == ([0.1], ["z"])
    assert found[30, other(30)] == ([0.5], [None])
    assert found[50, other(50)] == (None, None)


def test_a_source_that_holds_each_allele_once_stays_scalar(files: Path) -> None:
    source = vcf(
        files / "s.vcf", "4.2", SRC, [(20, other(20), "AF=0.2"), (20, other(20), "AF=0.2")]
    )
    asked = vcf(files / "in.vcf", "4.2", "", [(20, other(20), ".")])
    entry = {"name": "s", "path": source.name, "kind": "allele"}
    assert "##INFO=<ID=s_AF,Number=A,Type=Float" in (
        annotate(files, asked, "o.vcf", [entry]).read_text()
    )
    table = pl.read_parquet(annotate(files, asked, "o.parquet", [entry]))
    assert table["s_AF"].to_list() == [0.2]


def test_numbers_of_several_intervals_are_told(
    files: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (files / "b.bed").write_text("chr1\t10\t30\ta\t1\nchr1\t15\t25\tb\t2\n")
    asked = vcf(files / "in.vcf", "4.2", "", [(20, other(20), ".")])
    entry = {"name": "b", "path": "b.bed", "kind": "overlap"}
    out = annotate(files, asked, "o.vcf", [entry]).read_text()
    said = capfd.readouterr().err
    assert "b_score=" in out
    assert "source b: 1 allele(s) have several of its intervals" in said
