"""Sources as people really write them: odd tables, odd headers, odd entries."""

import bz2
import datetime as dt
import json
from pathlib import Path

import polars as pl
import pysam
import pytest
import yaml
from gene_builders import gff3_text, transcript_rows, write_fasta
from test_source_kinds import MINE, source

from varhouse.cli import main
from varhouse.errors import InputError, UsageError
from varhouse.ingest.setup.config_form import dates_as_text, source_problems

HEAD = "chrom\tpos\tref\talt\tx\n"
KEYS = ("1\t10\tA\tC\t", "1\t11\tA\tAT\t", "2\t10\tA\tC\t")


def table(path: Path, *cells: str, head: str = HEAD) -> Path:
    path.write_text(head + "".join(k + c + "\n" for k, c in zip(KEYS, cells, strict=False)))
    return path


def read(path: Path, **entry: object) -> list[object]:
    return source(path, kind="allele", **entry).join(MINE)["x"].to_list()


@pytest.mark.parametrize(
    ("kind", "cells", "expected", "lost"),
    [
        # What is no number is no value: a comparison would take NaN for the greatest.
        ("float", ("NaN", "nan", "inf"), [None, None, float("inf")], 0),
        ("float", (" 0.5 ", "N/A", "1e-3"), [0.5, None, 0.001], 1),
        # As pandas writes whole numbers beside missing ones.
        ("integer", ("3.0", "3.5", "1e3"), [3, None, 1000], 1),
        ("integer", (str(2**63), str(-(2**63)), " +5"), [None, -(2**63), 5], 1),
        ("integer", (str(2**53 + 1), "1e300", "nan"), [2**53 + 1, None, None], 2),
        ("flag", ("YES ", "maybe", "0"), [True, None, False], 1),
        ("text", (" a ", "", "."), [" a ", None, None], 0),
    ],
)
def test_cells(
    tmp_path: Path, kind: str, cells: tuple[str, ...], expected: list[object], lost: int
) -> None:
    s = source(table(tmp_path / "s.tsv", *cells), kind="allele", fields={"x": kind})
    assert s.join(MINE)["x"].to_list() == expected
    assert s.counts["unreadable"] == lost


def test_places_may_have_blanks_and_points(tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text(
        HEAD + " 1 \t 10.0 \t a\tC \tone\n1\t1.1e1\tA\tAT\ttwo\n1\t10.5\tA\tC\tno\n"
    )
    s = source(path, kind="allele")
    assert s.join(MINE)["x"].to_list() == ["one", "two"]
    assert s.counts["not_an_allele"] == 1


@pytest.mark.parametrize(
    "head",
    [
        "# made by me\n" + HEAD,
        "# made by me\n\n#and by you\n##x\ty\n#" + HEAD,
        "\n\n" + HEAD + "\n",
        HEAD + "# a remark\n",
        HEAD + "1\t5\n",
        "\ufeff#" + HEAD,
    ],
)
def test_lines_beside_the_rows(tmp_path: Path, head: str) -> None:
    """Remarks before and among the rows, blank lines, and a short row as the first."""
    assert read(table(tmp_path / "s.tsv", "p", "q", head=head)) == ["p", "q"]


def test_names_of_columns_that_look_like_remarks(tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text("#chrom\tpos\tref\talt\tx\n#odd\t10\tA\tC\tno\n1\t10\tA\tC\tp\n")
    assert read(path) == ["p"]
    (tmp_path / "g.tsv").write_text("#gene\nG1\n")
    genes = MINE.with_columns(gene_id=pl.lit("G1"), gene_name=pl.lit("T"))
    found = source(tmp_path / "g.tsv", kind="gene").join(MINE, genes)
    assert found["gene_key"].unique().to_list() == ["G1"]


def test_a_column_without_a_name_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text("\tchrom\tpos\tref\talt\tx\n0\t1\t10\tA\tC\tp\n")
    assert source(path, kind="allele").join(MINE).select("column1", "x").rows() == [("0", "p")]


@pytest.mark.parametrize("odd", ["*", "^x$"])
def test_names_that_stand_for_several_columns_are_refused(tmp_path: Path, odd: str) -> None:
    path = table(tmp_path / "s.tsv", "p\tq", head=HEAD.replace("x", f"x\t{odd}"))
    with pytest.raises(UsageError, match="reads like a pattern"):
        read(path)
    with pytest.raises(UsageError, match="no column"):
        read(path, fields={"y": {"from": odd}})
    assert read(path, fields=["x"]) == ["p"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (HEAD.encode("utf-16"), "UTF-16"),
        (bz2.compress(HEAD.encode()), "bzip2"),
        (b"PK\x03\x04...", "spreadsheet"),
        (b"PAR1....", "Parquet"),
        ((HEAD + KEYS[0] + "p\n").replace("\n", "\r").encode(), "carriage return"),
        (HEAD.replace("\t", ",").encode(), "set off by ',', not by tabs"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "s.tsv").write_bytes(data)
    with pytest.raises((InputError, UsageError), match=what):
        source(tmp_path / "s.tsv", kind="allele")


BASE = {"chrom": ["1", "2"], "pos": [10, 10], "ref": ["A", "A"], "alt": ["C", "C"]}


@pytest.mark.parametrize(
    ("columns", "fields", "expected"),
    [
        ({"x": [1.5, 2.0]}, {"x": "integer"}, [None, 2]),
        ({"x": [float("nan"), 2.0]}, None, [None, 2.0]),
        ({"x": [7, 7], "alt": [["C"], ["G", "C"]]}, None, [7, 7]),
        ({"x": [7, 7], "pos": [10.0, 10.5]}, None, [7]),
        ({"x": [1, 2]}, {"x": "stars"}, [None, None]),
    ],
)
def test_columns_of_parquet(
    tmp_path: Path, columns: dict, fields: dict | None, expected: list[object]
) -> None:
    pl.DataFrame({**BASE, **columns}).write_parquet(tmp_path / "s.parquet")
    assert read(tmp_path / "s.parquet", fields=fields) == expected


@pytest.mark.parametrize(
    "cell", [dt.timedelta(1), {"a": 1}, b"\xff", [{"a": 1}]], ids=lambda c: type(c).__name__
)
def test_columns_of_parquet_that_no_field_can_be(tmp_path: Path, cell: object) -> None:
    pl.DataFrame({**BASE, "x": [cell, None], "y": [1, 2]}).write_parquet(
        tmp_path / "s.parquet"
    )
    with pytest.raises(UsageError, match="column 'x' is of type"):
        source(tmp_path / "s.parquet", kind="allele")
    with pytest.raises(UsageError, match="column 'x' is of type"):
        source(tmp_path / "s.parquet", kind="allele", fields={"x": "float"})
    found = source(tmp_path / "s.parquet", kind="allele", fields=["y"]).join(MINE)
    assert found["y"].to_list() == [1, 2]


def test_a_list_is_no_number(tmp_path: Path) -> None:
    pl.DataFrame({**BASE, "x": [[1, 2], [3]]}).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(InputError, match="cannot be read as asked for"):
        read(tmp_path / "s.parquet", fields={"x": "float"})
    assert read(tmp_path / "s.parquet") == ["1,2", "3"]


@pytest.mark.parametrize(
    "declared",
    [
        'ID=x,Type=Integer,Number=A,Description="ID=q,Number=3,Type=Float"',
        'ID=x, Number=A, Type=integer, Description="x"',
        'Description="a \\" ID=q,Type=Flag",Source="s",Number=A,ID=x,Type=Integer',
    ],
)
def test_headers_in_any_order(tmp_path: Path, declared: str) -> None:
    path = tmp_path / "s.vcf"
    line = f"##INFO=<{declared}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(f"##fileformat=VCFv4.2\n{line}1\t10\t.\tA\tT,C\t.\t.\tx=1,2\n")
    assert source(path).join(MINE).select("x").rows() == [(2,)]


def test_a_vcf_without_contigs_in_its_header_names_those_it_has(tmp_path: Path) -> None:
    path = tmp_path / "s.vcf"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(f"{head}Z9\t10\t.\tA\tC\t.\t.\t.\n")
    with pytest.raises(InputError, match=r"none of its contigs \(Z9\)"):
        source(path)


def test_entries_of_the_form_of_a_configuration() -> None:
    good = {"name": "s", "path": "s.tsv", "kind": "allele"}
    assert source_problems([good]) == []
    for change, what in (
        ({"redistribute": "false"}, "'false' is not of type 'boolean'"),
        ({"columns": ["chrom"]}, "is not of type 'object'"),
        ({"fields": "x"}, "sources.0.fields"),
        ({"fields": {"x": 3}}, "sources.0.fields"),
        ({"pth": "x"}, "unknown key 'sources.0.pth'; nearest: path"),
        ({"name": "Upper"}, "does not match"),
    ):
        assert what in "\n".join(source_problems([{**good, **change}]))
    said = yaml.safe_load("{name: s, path: s.tsv, kind: allele, version: 2026-11-01}")
    assert source_problems([said]) != []
    assert source_problems(dates_as_text([said])) == []
    assert dates_as_text([said])[0]["version"] == "2026-11-01"


def test_annotate_checks_entries_and_writes_wide_numbers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gene = "T" * 10 + "CCACCC" + "ATG" + "GCT" * 19 + "TAA" + "GGCCTTGG" + "A" * 30
    write_fasta(tmp_path / "r.fa", {"c": gene})
    (tmp_path / "g.gff3").write_text(gff3_text(transcript_rows([(11, 87)], [(17, 79)])))
    head = "##fileformat=VCFv4.2\n##contig=<ID=c,length=117>\n"
    fields = "".join(
        f'##INFO=<ID={n},Number=1,Type=Integer,Description="x">\n' for n in ("RS", "AC")
    )
    odd = 'c d\te=f\te;f\tq"q'
    (tmp_path / "odd.tsv").write_text(
        f"chrom\tpos\tref\talt\t{odd}\nc\t21\tC\tA\t1\t2\t3\t4\n"
    )
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    row = "c\t21\t.\tC\tA\t.\t.\t"
    (tmp_path / "in.vcf").write_text(f"{head}{columns}{row}.\n")
    (tmp_path / "s.vcf").write_text(f"{head}{fields}{columns}{row}RS={2**31};AC=7\n")
    entry = {"name": "s", "path": "s.vcf", "kind": "allele", "redistribute": "false"}
    for given, code in ((entry, 2), ({**entry, "redistribute": False}, 0)):
        more = {"name": "odd", "path": "odd.tsv", "kind": "allele", "version": '"new"'}
        (tmp_path / "s.yaml").write_text(json.dumps({"sources": [given, more]}))
        argv = ["annotate", "in.vcf", "-o", "out.vcf", "--genes", "g.gff3",
                "--reference", "r.fa", "--sources", "s.yaml"]  # fmt: skip
        argv = [str(tmp_path / a) if "." in a else a for a in argv]
        assert main(argv) == code
    assert "is not of type 'boolean'" in capfd.readouterr().err
    with pysam.VariantFile(str(tmp_path / "out.vcf")) as file:
        record = next(file)
        assert record.info["s_RS"] == (str(2**31),)
        assert record.info["s_AC"] == (7,)
        keys = ("odd_c_d", "odd_e_f", "odd_e_f_2", "odd_q_q")
        assert [record.info[k] for k in keys] == [("1",), ("2",), ("3",), ("4",)]


def test_the_rows_of_several_genes_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("gene\tp\n" + "".join(f"G{k}\t{k}\n" for k in range(40)))
    genes = pl.concat(
        MINE.with_columns(gene_id=pl.lit(f"G{k}"), gene_name=pl.lit("T")) for k in range(40)
    )
    s = source(tmp_path / "g.tsv", kind="gene")
    first = s.join(MINE, genes)
    assert first.filter(pl.col("contig") == "chr2")["p"].to_list() == [
        str(k) for k in range(40)
    ]
    assert all(s.join(MINE, genes).equals(first) for _ in range(5))
