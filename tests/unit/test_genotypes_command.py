"""`varhouse genotypes`: what it writes, in each format."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from calls_store import FILES, base, make_calls_store, other

import varhouse
from varhouse.cli import main
from varhouse.export import export_cohort, export_pgen


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_calls_store(tmp_path_factory.mktemp("command")))


def ask(store: str, *options: str) -> int:
    return main(["-q", "genotypes", store, *options])


def test_calls_as_tsv(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(store, "--cohort", "a", "--region", "chr1:20-40", "--sample", "s0") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["cohort", "contig", "pos", "ref", "alt", "sample", "gt",
                        "DP", "AD", "DS", "XX"]  # fmt: skip
    assert [(r[2], r[5], *r[6:]) for r in lines[1:]] == [
        ("20", "s0", "1/2", "3", "", "", ""), ("30", "s0", "0/1", "", "", "", ""),
        ("40", "s0", "0/0", "4", "3,1", "0.25", "a"),
    ]  # fmt: skip


def test_carriers_with_their_sheets(store: str, tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    name = f"chr1-10-{base(10)}-{other(10)}"
    people = 'sex == "male"'
    assert ask(store, "--id", name, "--carriers", "--people", people, "-o", str(out)) == 0
    rows = json.loads(out.read_text())
    shown = [(r["cohort"], r["sample"], r["copies"], r["gt"], r["province"]) for r in rows]
    assert shown == [
        ("a", "s2", 2, "1|1", "13"), ("b", "t0", 1, "0/1", "21"), ("b", "t2", 1, "1|0", "23"),
    ]  # fmt: skip


def test_parquet_has_numbers(store: str, tmp_path: Path) -> None:
    out = tmp_path / "c.parquet"
    assert ask(store, "--region", "chr1", "--fields", "DP,AD", "-o", str(out)) == 0
    frame = pl.read_parquet(out)
    assert (frame.schema["DP"], frame.schema["AD"]) == (pl.Int32, pl.List(pl.Int32))
    own = varhouse.open(store).calls("chr1", fields=["DP", "AD"]).drop("file", "record")
    assert frame.equals(own.collect())


def test_columns_and_limit(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--fields", "GT", "--columns", "sample,GT", "--limit", "3", "--format", "csv")
    assert ask(store, "--cohort", "b", *options) == 0
    assert capsys.readouterr().out == "sample,gt\nt0,0/1\nt1,1/1\nt2,1|0\n"


def test_a_table_for_people(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(store, "--cohort", "b", "--region", "chr1:60", "--format", "table") == 0
    assert "0/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--cohort", "zz"), "no cohort 'zz'"),
        (("--sample", "s99"), "no sample 's99'"),
        ((), "nothing says which calls"),
        (("--carriers",), "nothing says which calls"),
        (("--all", "--id", "rs1"), "--all does not go with"),
        (("--all", "-o", "x.xls"), ".parquet, .xlsx; .vcf, "),
        (("--all", "-o", "x"), "the ending says no format"),
        (("--all", "--columns", "nope"), "nope"),
        (("--all", "--fields", "DQ"), "no FORMAT field 'DQ'"),
        (("--limit", "-1"), "negative"),
        (("--region", "chr1:x"), "chr1:x"),
    ],
)
def test_mistakes_are_one_line(
    store: str, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], text: str
) -> None:
    assert ask(store, *options) != 0
    said = capsys.readouterr()
    assert text in said.err
    assert "Traceback" not in said.err
    assert not said.out


def test_an_unknown_id_is_told_once(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ((), ("--carriers",)):
        assert ask(store, "--id", "rs404", *options) == 0
        assert capsys.readouterr().err.count("no such id") == 1


def test_all_is_given_to_who_asks(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(store, "--all") == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    own = varhouse.open(store)
    assert len(rows) == own.calls().collect().height
    assert ask(store, "--all", "--carriers", "--cohort", "b") == 0
    assert len(capsys.readouterr().out.splitlines()) == own.carriers(cohort="b").height + 1


def test_a_path_may_be_text(store: str, tmp_path: Path) -> None:
    opened, out = varhouse.open(store), tmp_path / "a.vcf"
    assert export_cohort(opened, "a", str(out)) > 0
    assert export_pgen(opened, "b", str(tmp_path / "b.pgen"))[0] > 0
    assert {f.name for f in tmp_path.iterdir()} >= {"a.vcf", "b.pgen", "b.pvar", "b.psam"}


def test_vcf_and_bcf_are_the_exports(store: str, tmp_path: Path) -> None:
    out, plain = tmp_path / "a.vcf", tmp_path / "b.vcf"
    options = ("--cohort", "a", "--region", "chr1:20-40", "--sample", "s3", "--sample", "s1")
    assert ask(store, *options, "-o", str(out)) == 0
    more = ("--cohort", "a", "--samples", "s1,s3", "--region", "chr1:20-40")
    assert main(["-q", "export", store, *more, "-o", str(plain)]) == 0
    assert out.read_text() == plain.read_text()
    assert "\ts1\ts3\n" in out.read_text()


def read_pgen(prefix: Path) -> tuple[list[list[str]], list[list[tuple[int, ...]]], list]:
    """Read PLINK 2 files with pgenlib: lines of the .pvar, pairs of alleles, phase."""
    pgenlib = pytest.importorskip("pgenlib")
    lines = prefix.with_suffix(".pvar").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    people = len(prefix.with_suffix(".psam").read_text().splitlines()) - 1
    counts = [r[4].count(",") + 2 for r in rows]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uintp)
    pairs, phases = [], []
    name = str(prefix.with_suffix(".pgen")).encode()
    with pgenlib.PgenReader(name, allele_idx_offsets=offsets) as reader:
        for k in range(len(rows)):
            codes, phase = np.empty(2 * people, np.int32), np.empty(people, np.bool_)
            reader.read_alleles_and_phasepresent(k, codes, phase)
            pairs.append([tuple(p) for p in codes.reshape(-1, 2).tolist()])
            phases.append(phase.tolist())
    return rows, pairs, phases


def test_pgen_holds_what_it_can_and_tells_the_rest(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.pgen"
    assert main(["genotypes", store, "--cohort", "a", "-o", str(out)]) == 0
    rows, pairs, phases = read_pgen(tmp_path / "a")
    lines = FILES["a1"][1]
    assert [(r[0], int(r[1]), r[3], r[4]) for r in rows] == [line[:4] for line in lines]
    told = dict.fromkeys(("one copy", "one of two", "more than two", "equal"), 0)
    for k, (*_, form, calls) in enumerate(lines):
        for s, cell in enumerate(calls):
            text = cell.split(":")[0] if form.startswith("GT") else "."
            alleles = [c for c in text.replace("|", "/").strip("/").split("/")]
            half = len(alleles) == 2 and alleles.count(".") == 1
            told["one of two"] += half
            told["more than two"] += len(alleles) > 2
            told["one copy"] += len(alleles) == 1 and alleles != ["."]
            if "." in alleles or len(alleles) > 2:
                assert pairs[k][s] == (-9, -9)
                continue
            both = (int(alleles[0]), int(alleles[-1]))
            phased = "|" in text[1:] and both[0] != both[1]
            assert pairs[k][s] == (both if phased else tuple(sorted(both)))
            told["equal"] += len(alleles) == 2 and "|" in text and both[0] == both[1]
            if both[0] != both[1]:
                assert phases[k][s] == phased
    assert (tmp_path / "a.psam").read_text().splitlines()[:3] == [
        "#IID\tSEX",
        "s0\t1",
        "s1\t2",
    ]
    said = [line for line in capsys.readouterr().err.splitlines() if " call" in line]
    assert len(said) == len([n for n in told.values() if n])
    for what, number in told.items():
        assert any(line.startswith(f"{number} call") and what in line for line in said), what
    assert not list(tmp_path.glob(".pgen-*"))


def test_pgen_of_files_of_other_people_and_some_of_them(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b.pgen"
    options = ("--cohort", "b", "--region", "chr1:1-60", "--people", "sex == 'male'")
    assert ask(store, *options, "-o", str(out)) == 0
    rows, pairs, _ = read_pgen(tmp_path / "b")
    assert [int(r[1]) for r in rows] == [10, 31, 60]
    missing = (-9, -9)
    assert pairs == [[(0, 1), (1, 0)], [(1, 1), missing], [missing, (0, 1)]]
    said = capsys.readouterr().err
    assert "2 calls of people whose file does not hold the record are written as miss" in said
    assert "gVCF" not in said


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--cohort", "a", "--carriers"), "--carriers does not go with"),
        (("--cohort", "a", "--id", "rs1"), "--id does not go with"),
        ((), "one cohort"),
        (("--cohort", "a", "--all", "--region", "chr1"), "--all does not go with"),
        (("--cohort", "a", "--region", "chr1", "--region", "chrX"), "one region"),
    ],
)
def test_files_of_whole_records(
    store: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    text: str,
) -> None:
    assert ask(store, *options, "-o", str(tmp_path / "x.pgen")) != 0
    assert text in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
