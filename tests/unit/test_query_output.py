"""What comes out: formats, the table for people, and the command line's manners."""

import argparse
import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pysam
import pytest
from builders import make_contigs, make_fasta, make_small_store, make_store, read_json_text

import varhouse.cli.export
import varhouse.cli.query
import varhouse.cli.report
import varhouse.cli.sql
import varhouse.cli.store
from varhouse.cli import main
from varhouse.cli.log import set_up_log
from varhouse.errors import UsageError, VarhouseError
from varhouse.query.output import JsonWriter, make_writer
from varhouse.query.terminal import TableWriter, format_value, len_shown
from varhouse.store.commit import init_store

ODD = ["plain", 'quo"te', "a,b", "tab\there", "line\nbreak", "back\\slash", "", None, "样本"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("output") / "store")


def run(module: ModuleType, *argv: str) -> int:
    """Run one command as `varhouse` does."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    module.add_parser(commands)
    args = parser.parse_args([module.__name__.rsplit(".", 1)[-1], *argv])
    set_up_log()
    try:
        code: int = args.run(args)
    except VarhouseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return code


def query(path: Path, *argv: str) -> int:
    return run(varhouse.cli.query, str(path), *argv)


# --- formats ---


def written(name: str, frame: pl.DataFrame) -> str:
    stream = io.BytesIO()
    writer = make_writer(name, stream, frame.schema)
    for i in range(0, frame.height, 2):
        writer.write(frame[i : i + 2])
    writer.close()
    return stream.getvalue().decode()


def test_csv_reads_back() -> None:
    frame = pl.DataFrame({"s": ODD, "n": range(len(ODD))})
    rows = list(csv.reader(io.StringIO(written("csv", frame))))
    assert rows == [["s", "n"], *[[s or "", str(n)] for s, n in frame.rows()]]


def test_tsv_keeps_a_row_on_a_line() -> None:
    frame = pl.DataFrame({"s": ODD, "l": [[1, None, 2], []] + [None] * 7})
    lines = written("tsv", frame).split("\n")
    assert lines[-1] == ""
    assert [ln.split("\t")[0] for ln in lines[1:-1]] == [
        "plain",
        'quo"te',
        "a,b",
        "tab\\there",
        "line\\nbreak",
        "back\\slash",
        "",
        "",
        "样本",
    ]
    assert lines[1] == "plain\t1;;2"


def test_json_is_json() -> None:
    frame = pl.DataFrame(
        {"s": ODD, "f": [1.0, float("nan"), float("inf"), 1e-300, *[None] * 5]}
    )
    data = read_json_text(written("json", frame))
    assert [r["s"] for r in data] == ODD
    assert [r["f"] for r in data[:4]] == [1.0, None, None, 1e-300]
    assert len(written("json", frame).splitlines()) == len(ODD) + 2
    empty = io.BytesIO()
    JsonWriter(empty).close()
    assert json.loads(empty.getvalue()) == []


def test_numbers_are_exact_for_machines(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert query(path, "--id", "rs7", "--columns", "af,pos,id,af_south") == 0
    assert (
        capfd.readouterr().out
        == "af\tpos\tid\taf_south\n" + f"{2 / 1100!r}\t100\trs7;rs33\t0.0\n"
    )


@pytest.mark.parametrize("name", ["out.bcf", "out.xls", "out", "out.tsv.bz2", "tsv"])
def test_an_ending_that_says_no_format(
    path: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    assert query(path, "--region", "chr1", "-o", str(out)) == 2
    said = capfd.readouterr().err
    assert "the ending says no format" in said
    assert (
        ".tsv, .txt, .csv, .json, .parquet, .xlsx, .vcf; or choose one with --format" in said
    )
    assert main(["sql", str(path), "SELECT 1", "-o", str(out)]) == 2
    assert ".vcf" not in capfd.readouterr().err
    assert not out.exists()
    assert query(path, "--region", "chr1", "--format", "tsv", "-o", str(out)) == 0
    assert out.read_text().startswith("contig\t")


@pytest.mark.parametrize(
    "ending", ["tsv", "csv", "json", "parquet", "vcf", "vcf.gz", "tsv.gz"]
)
def test_a_file_by_its_ending(
    path: Path, tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out.{ending}"
    assert query(path, "--region", "chr1", "-o", str(out)) == 0
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "5 alleles, release 3, " in captured.err
    assert [f.name for f in tmp_path.iterdir()] == [out.name]
    if ending == "parquet":
        assert pl.read_parquet(out)["an"].to_list() == [20, 400, 1100, 400, 1652]
    elif ending.startswith("vcf"):
        with pysam.VariantFile(str(out)) as file:
            assert [r.info["AN"] for r in file] == [20, 400, 1100, 400, 1652]
    elif ending == "json":
        assert [r["an"] for r in json.loads(out.read_text())] == [20, 400, 1100, 400, 1652]
    else:
        sep = "," if ending == "csv" else "\t"
        assert pl.read_csv(out, separator=sep)["an"].to_list() == [20, 400, 1100, 400, 1652]


def test_vcf_is_understood_by_bcftools(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf.gz"
    assert query(path, "-o", str(out)) == 0
    code = """if True:
        import sys, pysam.bcftools as b
        b.index("-t", sys.argv[1], catch_stdout=False)
        print(b.query("-f", "%CHROM %POS %ID %AC %AN %AF_north %AN_east_1 %CSQ|\\n",
                      sys.argv[1]))
    """
    made = subprocess.run(
        [sys.executable, "-c", code, str(out)], check=True, capture_output=True, text=True
    )
    assert made.stderr == ""
    lines = [ln.split("|")[:4] for ln in made.stdout.split("\n") if ln]
    assert lines[2] == [
        "chr1 100 rs7;rs33 2 1100 0.0025 100 T",
        "stop_gained",
        "HIGH",
        "DEMO1",
    ]
    assert lines[7][0] == "chr10 5 . . . . . ."
    assert [ln[0].split()[0] for ln in lines] == ["chr1"] * 5 + ["chr2"] * 2 + ["chr10"]


# --- the table for people ---


def shown(frame: pl.DataFrame, *, keep: bool = False, width: int | None = None) -> list[str]:
    stream = io.BytesIO()
    writer = TableWriter(stream, frame.columns, keep=keep, width=width)
    writer.write(frame)
    writer.close()
    return stream.getvalue().decode().splitlines()


def test_the_table_of_the_first_five_minutes(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    where = 'impact == "HIGH" and af < 0.01'
    columns = "contig,pos,ref,alt,impact,ac,an,af,af_north,af_south"
    assert query(path, "--where", where, "--columns", columns, "--format", "table") == 0
    captured = capfd.readouterr()
    assert captured.out.splitlines() == [
        "contig     pos  ref  alt  impact  ac     an       af  af_north      af_south",
        "chr1       100  A    T    HIGH     2  1,100  0.00182    0.0025             0",
        "chr1    48,210  C    T    HIGH     3  1,652  0.00182   0.00182  not assessed",
    ]
    assert captured.err.startswith("2 alleles, release 3, ")


def test_not_called_is_not_not_assessed(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert query(path, "--region", "chr2", "--format", "table") == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split()[-2:] == ["af", "af_south"]
    assert lines[1].split()[-2:] == ["0.5", "0.5"]
    assert lines[2].endswith("not called  not called")


def test_empty_columns_are_left_out_unless_asked_for() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": [None, None], "c": ["x", None]})
    assert shown(frame) == ["a  c", "1  x", "2"]
    assert shown(frame, keep=True) == ["a  b  c", "1     x", "2"]


def test_a_table_fits_the_terminal() -> None:
    frame = pl.DataFrame(
        {"pos": [123456], "ref": ["A" * 300], "hgvs": ["g" * 90], "af": [0.1]}
    )
    for width in (120, 60, 40):
        lines = shown(frame, width=width)
        assert max(map(len, lines)) <= width
        assert "…" in lines[1]
        assert "123,456" in lines[1]
    assert len(shown(frame)[1]) > 390
    many = pl.DataFrame({f"column{i}": [i] for i in range(40)})
    stream = io.BytesIO()
    writer = TableWriter(stream, many.columns, keep=False, width=80)
    writer.write(many)
    writer.close()
    text = stream.getvalue().decode().splitlines()
    assert max(map(len, text)) <= 80
    assert [*text[0].split(), *writer.hidden] == many.columns


def test_chinese_letters_are_two_wide() -> None:
    assert len_shown("北京a") == 5
    lines = shown(pl.DataFrame({"队列": ["北京", "x"], "n": [1, 20]}))
    assert lines == ["队列   n", "北京   1", "x     20"]


def test_values_for_people() -> None:
    values = [1234567, 0.00181598, 0.0, 1.5e-7, 2.0, True, [1, None], "a\tb\x1b[31m"]
    assert [format_value(v) for v in values] == [
        "1,234,567",
        "0.00182",
        "0",
        "1.5e-07",
        "2",
        "yes",
        "1;",
        "a␣b␣[31m",
    ]


def test_a_terminal_gets_a_table_that_fits(path: Path) -> None:
    code = (
        "import argparse, sys, varhouse.cli.query as q; p = argparse.ArgumentParser();"
        "q.add_parser(p.add_subparsers()); a = p.parse_args(sys.argv[1:]); a.run(a)"
    )
    leader, follower = pty.openpty()
    env = {**os.environ, "COLUMNS": "70", "LINES": "20"}
    subprocess.run(
        [sys.executable, "-c", code, "query", str(path)],
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env=env,
        check=True,
    )
    os.close(follower)
    text = b""
    try:
        while piece := os.read(leader, 65536):
            text += piece
    except OSError:
        # Linux says so when the other side is closed and all is read.
        pass
    os.close(leader)
    lines = text.decode().splitlines()
    assert lines[0].split()[:4] == ["contig", "pos", "ref", "alt"]
    assert max(len_shown(ln) for ln in lines) <= 70
    assert "48,210" in lines[5]


# --- manners ---


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--gene", "DEM07"], 1, "no gene 'DEM07'"),
        (["--region", "chr3"], 2, "no contig 'chr3'"),
        (["--region", "chr1:5-1"], 2, "is empty"),
        (["--where", "af >"], 2, "at its end"),
        (["--columns", ","], 2, "names no column"),
        (["--columns", "pso"], 2, "nearest: pos"),
        (["--table", "variant"], 1, "nearest: variants"),
        (["--table", "cohorts", "--gene", "DEMO1"], 2, "--gene cannot choose"),
        (["--release", "nine"], 1, "no release nine"),
        (["--release", "7"], 1, "no release 7"),
        (["--limit", "-1"], 2, "negative"),
        (["--format", "parquet"], 2, "-o answer.parquet"),
        (["--format", "vcf", "--table", "variants"], 2, "not go with --table"),
        (["-o", "nowhere/x.tsv"], 2, "no folder nowhere"),
        (["--id", "rs999"], 0, "0 alleles"),
    ],
)
def test_mistakes_are_one_line(
    path: Path, argv: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert query(path, *argv) == code
    captured = capfd.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    if code:
        assert captured.out == ""
        assert len([ln for ln in captured.err.splitlines() if "fix:" not in ln]) == 1


def test_no_store(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert query(tmp_path / "none") == 1
    assert run(varhouse.cli.sql, str(tmp_path), "SELECT 1") == 1
    assert run(varhouse.cli.export, str(tmp_path), "--cohort", "c", "-o", "x.vcf") == 1
    assert capfd.readouterr().err.count("is no varhouse store") == 3


def test_a_store_is_no_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Every command that takes STORE says so in a line, and leaves the file alone."""
    file = tmp_path / "a file"
    file.write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        init_store(file / "below", "t", make_contigs())
    fasta = make_fasta(tmp_path / "r.fa", {"c": "ACGT"})
    given = ["--assembly", "t", "--reference", str(fasta)]
    manifest = ["--manifest", str(fasta), "--ingest-id", "x"]
    readers = ["log", "show", "diff", "tag", "digest", "verify"]
    commands = [
        (varhouse.cli.sql, [str(file), "SELECT 1"]),
        (varhouse.cli.query, [str(file)]),
        (varhouse.cli.export, [str(file), "--cohort", "c", "-o", "x.vcf"]),
        (varhouse.cli.report, [str(file), "-o", str(tmp_path / "x.html")]),
        (varhouse.cli.store, ["init", str(file), *given]),
        (varhouse.cli.store, ["drop", str(file), "--cohort", "c"]),
        (varhouse.cli.store, ["commit", str(file), *manifest]),
        *((varhouse.cli.store, [name, str(file)]) for name in readers),
    ]
    for module, argv in commands:
        assert run(module, *argv) == 2, argv
        assert f"{file} is a file; a store is a folder" in capfd.readouterr().err
    assert file.read_text() == "x"


def test_a_failed_query_leaves_the_old_file(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    out.write_text("old")
    assert query(path, "--gene", "NOPE", "-o", str(out)) == 1
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_export_says_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cohort = {"cohort": "c"}
    site = {**cohort, "contig": "chr1", "pos": 5, "ref": "A", "alt": "T", "chrom": "1",
            "filter": "PASS", "info": "."}  # fmt: skip
    files = [{**cohort, "header": "##fileformat=VCFv4.3\n#CHROM"}]
    make_store(tmp_path / "s", {"sites": [site], "files": files, "cohorts": [cohort]})
    out = tmp_path / "x.vcf"
    assert run(varhouse.cli.export, str(tmp_path / "s"), "--cohort", "c", "-o", str(out)) == 0
    assert "1 record of c, release 2" in capfd.readouterr().err
    assert out.read_text().splitlines()[-1] == "1\t5\t.\tA\tT\t.\tPASS\t."
    assert run(varhouse.cli.export, str(tmp_path / "s"), "--cohort", "d", "-o", str(out)) == 1
