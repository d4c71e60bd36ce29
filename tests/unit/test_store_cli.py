"""`varhouse store`: what the commands print and write, and how they end."""

import argparse
import json
import shutil
from pathlib import Path

import pytest
from store_builders import COHORT_A, COHORT_B, add_cohort, cohort_manifest, new_store

import varhouse
from varhouse.cli import main
from varhouse.cli import store as module
from varhouse.errors import AssemblyError, StoreError
from varhouse.store import document
from varhouse.tables.schema import FORMAT_VERSION
from varhouse.tables.shards import write_manifest

REPOSITORY = Path(__file__).parents[2]


def run(*words: object) -> int:
    """Run the command as `varhouse store ...` does, errors as they are raised."""
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    args = parser.parse_args(["store", *map(str, words)])
    code: int = args.run(args)
    return code


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_store(tmp_path_factory.mktemp("made") / "s")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of the store of two cohorts, to be changed."""
    return shutil.copytree(made, tmp_path / "s")


OLD = (
    "query S", "query S --id rs1", "sql S select(1)", "export S --cohort a -o x.vcf",
    "report S -o r.html", "store log S", "store digest S", "store show S", "store verify S",
    "store tag S x", "store diff S", "store drop S --cohort a", "ingest S --config c.yaml",
)  # fmt: skip


@pytest.mark.parametrize("words", OLD)
def test_a_store_of_an_older_format_is_refused_in_one_line(
    path: Path, tmp_path: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.fa").write_text(">1\nACGT\n")
    (tmp_path / "a.vcf").write_text(
        "##fileformat=VCFv4.3\n"
        + "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"])
        + "\n"
    )
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    (tmp_path / "c.yaml").write_text(
        "assembly: {name: demo1, reference: r.fa}\ncohorts: cohorts.tsv\n"
    )
    about = path / "_store" / "store.json"
    meta = json.loads(about.read_text())
    about.write_text(json.dumps({**meta, "format": FORMAT_VERSION - 1}))
    before = sorted(str(p) for p in path.rglob("*"))
    asked = [
        str(path) if w == "S" else str(tmp_path / w) if "." in w else w for w in words.split()
    ]
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert f"is a store of format {FORMAT_VERSION - 1}, made by varhouse" in said
    assert "ingest its cohorts again into another folder" in said
    assert "Traceback" not in said
    assert sorted(str(p) for p in path.rglob("*")) == before
    with pytest.raises(StoreError, match="ingest its cohorts again"):
        varhouse.open(path)


def test_init(tmp_path: Path) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_text(">chr1 first\nACGTACGT\n>chr2\nACGT\n")
    aliases = tmp_path / "x.tsv"
    aliases.write_text("contig\talias\tlength\nchr1\t1\t8\nchr2\t2\t400\n")
    assert (
        run(
            "init",
            tmp_path / "s",
            "--assembly",
            "x",
            "--reference",
            fasta,
            "--aliases",
            aliases,
        )
        == 0
    )
    rows = varhouse.open(tmp_path / "s").scan("contigs").collect()
    columns = ("contig", "length", "checked_length", "aliases")
    assert rows.select(columns).rows() == [("chr1", 8, 8, ["1"]), ("chr2", 400, 4, ["2"])]
    # A digest of the whole first contig, none of the piece of the second.
    assert rows["refget"].is_null().to_list() == [False, True]
    aliases.write_text("contig\talias\tlength\nchr1\t1\t5\n")
    with pytest.raises(AssemblyError, match="another assembly"):
        run(
            "init",
            tmp_path / "t",
            "--assembly",
            "x",
            "--reference",
            fasta,
            "--aliases",
            aliases,
        )


def test_commit(path: Path, capsys: pytest.CaptureFixture) -> None:
    work = path / "_staging" / "c"
    made = cohort_manifest(path, "c", COHORT_A, "c", work)
    write_manifest(work / "m.json", made.shards, made.replace, made.remove)
    for _ in range(2):
        assert run("commit", path, "--manifest", work / "m.json", "--ingest-id", "c") == 0
        assert capsys.readouterr().out == "4\n"
    with pytest.raises(StoreError, match="moved on"):
        run(
            "commit",
            path,
            "--manifest",
            work / "m.json",
            "--ingest-id",
            "d",
            "--base-release",
            3,
        )


def test_log(path: Path, capsys: pytest.CaptureFixture) -> None:
    run("drop", path, "--cohort", "b")
    assert capsys.readouterr().out == "4\n"
    run("log", path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4"]
    assert "drop" in lines[3]
    assert "cohort=b" in lines[3]
    run("log", path, "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["release"], r["operation"], r["parent"]) for r in rows] == [
        (1, "init", None),
        (2, "ingest", 1),
        (3, "ingest", 2),
        (4, "drop", 3),
    ]
    assert rows[3]["digest"] == rows[1]["digest"]


def test_show(path: Path, capsys: pytest.CaptureFixture) -> None:
    run("show", path)
    text = capsys.readouterr().out
    assert "cohorts   a, b" in text
    run("show", path, "--json", "--release", "2")
    about = json.loads(capsys.readouterr().out)
    assert about["cohorts"] == ["a"]
    assert about["assembly"] == "demo1"
    assert about["tables"]["variants"]["rows"] == 3
    assert about["digest"] == varhouse.open(path, 2).digest()


def test_digest(path: Path, capsys: pytest.CaptureFixture) -> None:
    answers = []
    for words in ((), ("--recompute",), ("--per-table",), ("--per-table", "--recompute")):
        assert run("digest", path, *words) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] == varhouse.open(path).digest() + "\n"
    assert answers[2] == answers[3]
    tables = [line.split()[1] for line in answers[2].splitlines()]
    assert tables == sorted(set(varhouse.open(path).tables) - {"ingests"})
    record = path / "_store" / "releases" / "00000003.json"
    data = json.loads(record.read_text())
    data["tables"]["ids"]["sums"][0] = "0" * 16
    record.write_text(json.dumps(data))
    with pytest.raises(StoreError, match="its digest is not that of its tables"):
        run("digest", path, "--recompute")
    # Somebody who writes that anew, too.
    data["digest"] = varhouse.open(path).record.digest
    record.write_text(json.dumps(data))
    with pytest.raises(StoreError, match="not what was committed: ids"):
        run("digest", path, "--recompute")


def test_verify(path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("verify", path) == 0
    varhouse.open(path).paths("sites")[0].unlink()
    capsys.readouterr()
    assert run("verify", path) == 1
    answer = capsys.readouterr()
    assert answer.out.startswith("sites cohort=")
    assert "1 problem" in answer.err
    assert run("verify", path, "--release", "1") == 0


@pytest.mark.parametrize(
    "command", ["init", "commit", "log", "show", "diff", "tag", "digest", "drop", "verify"]
)
def test_help_begins_with_an_example(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        run(command, "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert f"example: varhouse store {command} " in text
    assert "Writes" in text or "writes" in text


def test_the_page_about_the_format_is_up_to_date() -> None:
    page = (REPOSITORY / "docs" / "store-format.md").read_text()
    assert page == document.document(), (
        "run: python -m varhouse.store.document > docs/store-format.md"
    )
