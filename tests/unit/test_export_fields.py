"""All FORMAT fields come back out of the store: whole, of some samples, of a region."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.errors import UsageError
from varhouse.export import export_cohort, lines, records

META = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##contig=<ID=2>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="g">
##FORMAT=<ID=GP,Number=G,Type=Float,Description="g">
"""
SAMPLES = ("a", "b", "c")
RECORDS = [
    "1 10 . A C . . . GT:DP:AD 0/1:3:1,2 0|0:. ./.",
    "1 12 . A C,G . . . GT:AD:GP:XX 0/1:1,2,03:0.1,.,nan:foo 0/0 1/2:.:.:.",
    "1 20 . A C . . . GT 0/1 0/0 1",
    "1 21 . A C . . . DP:GT 3:0/1 4:. .:1",
    "1 22 . A C . . . DP:DP 3:5 4 .:1",
    "1 23 . A C . . . GT:DP 0/1:3:extra 0/0:4 1/1",
    "2 5 . AAA C . . . GT:GT:DP:AD 0/1:3:1,2 0|0:.:. ./.:7:-1:,",
    "2 7 . A C . . . GP . 0.5 1e-3,2",
    "2 8 . A C . . . GT:A,B:DP 0/1:x,y:3 0/0 1/1:.",
]


def _write(path: Path, rows, samples=SAMPLES) -> Path:
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    head = "\t".join([*fixed, *samples])
    path.write_text(META + "\n".join([head, *("\t".join(r.split()) for r in rows), ""]))
    return path


def _store(folder: Path, *paths: Path, **config):
    (folder / "n.fa").write_text(">1\nN\n>2\nN\n")
    (folder / "aliases.tsv").write_text(
        "contig\talias\taccession\tlength\trefget\n1\t\t\t2000\t\n2\t\t\t2000\t\n"
    )
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\nc\t" + ",".join(p.name for p in paths) + "\n"
    )
    policy = {
        "partial_reference": True,
        "unchecked_ref": "store",
        "max_ref_mismatch_rate": 1.0,
        "unlisted_samples": "unknown",
    }
    assembly = {"name": "any", "reference": "n.fa", "aliases": "aliases.tsv"}
    said = {"assembly": assembly, "cohorts": "cohorts.tsv", "policy": policy, **config}
    (folder / "config.yaml").write_text(json.dumps(said))
    assert not ingest_here(folder / "store", folder / "config.yaml").get("held_back")
    return varhouse.open(folder / "store")


@pytest.fixture
def store(tmp_path: Path):
    return _store(tmp_path, _write(tmp_path / "in.vcf", RECORDS))


def _rows(path: Path) -> list[str]:
    return [" ".join(x.split("\t")) for x in path.read_text().splitlines() if x[0] != "#"]


def _exported(store, out: Path, **asked) -> list[str]:
    n = export_cohort(store, "c", out, **asked)
    rows = _rows(out)
    assert n == len(rows)
    return rows


@pytest.mark.parametrize("window", [1, 2, 100])
def test_a_file_comes_back_byte_for_byte(store, tmp_path, window, monkeypatch):
    monkeypatch.setattr(records, "WINDOW", window)
    monkeypatch.setattr(lines, "CELL_BYTES", 1000)
    assert _exported(store, tmp_path / "out.vcf") == RECORDS
    whole = (tmp_path / "out.vcf").read_text()
    assert whole == (tmp_path / "in.vcf").read_text()


@pytest.mark.parametrize("chosen", [["c", "a"], ["b"]])
def test_some_samples(store, tmp_path, chosen):
    wanted = []
    for row in RECORDS:
        cells = row.split()
        wanted.append(" ".join([*cells[:9], *(cells[9 + SAMPLES.index(s)] for s in chosen)]))
    assert _exported(store, tmp_path / "out.vcf", samples=chosen) == wanted
    assert (tmp_path / "out.vcf").read_text().splitlines()[7].split("\t")[9:] == chosen


def test_some_samples_of_files_without_further_fields(tmp_path: Path) -> None:
    records = ["1 10 . A C . . . GT 0/1 0|0 ./.", "1 20 . A C . . AC=3 GT 0/1 0/0 1"]
    store = _store(tmp_path, _write(tmp_path / "in.vcf", records))
    export_cohort(store, "c", tmp_path / "out.vcf", samples=["c", "a"])
    lines = (tmp_path / "out.vcf").read_text().splitlines()
    assert [line.split("\t")[8:] for line in lines[-2:]] == [
        ["GT", "./.", "0/1"],
        ["GT", "1", "0/1"],
    ]


def test_a_sample_beyond_the_first_block_of_people(tmp_path: Path) -> None:
    """The block of the first people is not read then: others say which fields there are."""
    people = [f"s{k}" for k in range(1_030)]
    cells = " ".join(f"0/1:{k}" for k in range(1_030))
    path = _write(tmp_path / "in.vcf", [f"1 10 . A C . . . GT:DP {cells}"], people)
    store = _store(tmp_path, path)
    rows = _exported(store, tmp_path / "out.vcf", samples=["s1029"])
    assert rows == ["1 10 . A C . . . GT:DP 0/1:1029"]


def test_samples_that_are_not_there_are_named(store, tmp_path):
    with pytest.raises(UsageError, match="no sample 'aa'"):
        export_cohort(store, "c", tmp_path / "o.vcf", samples=["a", "aa"])
    with pytest.raises(UsageError, match="'a' is asked for twice"):
        export_cohort(store, "c", tmp_path / "o.vcf", samples=["a", "a"])
    assert not (tmp_path / "o.vcf").exists()


@pytest.mark.parametrize(
    ("region", "which"),
    [
        ("1", range(6)),
        ("1:12-21", range(1, 4)),
        ("2:7", (6, 7)),
        ("2:8-", (8,)),
        ("2:9-", ()),
        ("1:30", ()),
    ],
)
def test_a_region(store, tmp_path, region, which):
    found = _exported(store, tmp_path / "out.vcf", region=region)
    assert found == [RECORDS[k] for k in which]


def test_fields_that_were_not_kept_are_not_named(tmp_path):
    store = _store(tmp_path, _write(tmp_path / "in.vcf", RECORDS), genotype_fields=["DP"])
    assert _exported(store, tmp_path / "out.vcf")[:5] == [
        "1 10 . A C . . . GT:DP 0/1:3 0|0:. ./.",
        "1 12 . A C,G . . . GT 0/1 0/0 1/2",
        "1 20 . A C . . . GT 0/1 0/0 1",
        "1 21 . A C . . . DP:GT 3:0/1 4:. .:1",
        "1 22 . A C . . . DP 3 4 .",
    ]


def test_files_of_other_samples_are_merged(tmp_path):
    one = _write(tmp_path / "1.vcf", [RECORDS[0], *RECORDS[2:4]])
    rows = [
        "1 10 . A C . . . AD:GT 5,6:1/1",
        "1 15 . A G . . . GT:DP 0/1:8",
        "1 20 . A C . . . GT:XX 0/1:x",
        "1 21 . A C . . . XX y",
    ]
    two = _write(tmp_path / "2.vcf", rows, ["d"])
    store = _store(tmp_path, one, two)
    assert _exported(store, tmp_path / "out.vcf") == [
        "1 10 . A C . . . GT:DP:AD 0/1:3:1,2 0|0:. ./. 1/1:.:5,6",
        "1 15 . A G . . . GT:DP ./. ./. ./. 0/1:8",
        "1 20 . A C . . . GT:XX 0/1 0/0 1 0/1:x",
        "1 21 . A C . . . GT:DP:XX 0/1:3 .:4 1:. .:.:y",
    ]
    assert _exported(store, tmp_path / "d.vcf", samples=["d"]) == rows


def test_bcf_holds_the_same(tmp_path):
    rows = [r for k, r in enumerate(RECORDS) if k in (0, 2, 3)] + [
        "1 30 . A C . . . GT:XX:DP 0/1:foo:3 0/0:bar,b ./.:."
    ]
    store = _store(tmp_path, _write(tmp_path / "in.vcf", rows))
    export_cohort(store, "c", tmp_path / "out.bcf")
    code = "import sys, pysam.bcftools as b; b.view('--no-version', *sys.argv[1:], catch_stdout=False)"  # noqa: E501
    out = tmp_path / "back.vcf"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.bcf"), "-o", str(out)], check=True
    )
    assert "##FORMAT=<ID=XX,Number=.,Type=String" in out.read_text()
    # htslib writes fields that were dropped.
    assert [r.split()[8:] for r in _rows(out)] == [
        ["GT:DP:AD", "0/1:3:1,2", "0|0:.:.", "./.:.:."],
        ["GT", "0/1", "0/0", "1"],
        ["DP:GT", "3:0/1", "4:.", ".:1"],
        ["GT:XX:DP", "0/1:foo:3", "0/0:bar,b:.", "./.:.:."],
    ]


def test_counts_are_made_anew_when_asked(tmp_path):
    rows = [
        "1 10 . A C . . AC=9;DB;AN=9;AF=0.5 GT:DP 0/1:3 0|0:. ./.",
        "1 12 . A C,G . . X=1 GT 2|1 1 2/2",
        "1 13 . A . . . . GT 0/0 0 ./.",
        "1 14 . A C . . AC=1 DP . 3 .",
        "1 15 . A C,<DEL> . . AFR=1;AF=2 GT ./0 1/. 1/1/1",
    ]
    store = _store(tmp_path, _write(tmp_path / "in.vcf", rows))

    def infos(**asked):
        found = _exported(store, tmp_path / "out.vcf", recounts=True, **asked)
        return [r.split()[7] for r in found]

    assert infos() == [
        "DB;AC=1;AN=4;AF=0.25",
        "X=1;AC=2,3;AN=5;AF=0.4,0.6",
        "AN=3",
        "AC=0;AN=0;AF=.",
        "AFR=1;AC=4,0;AN=5;AF=0.8,0",
    ]
    assert infos(samples=["b"]) == [
        "DB;AC=0;AN=2;AF=0",
        "X=1;AC=1,0;AN=1;AF=1,0",
        "AN=1",
        "AC=0;AN=0;AF=.",
        "AFR=1;AC=1,0;AN=1;AF=1,0",
    ]
    header = (tmp_path / "out.vcf").read_text()
    assert "##INFO=<ID=AC,Number=A,Type=Integer" in header
    assert (
        _exported(store, tmp_path / "o.vcf", samples=["b"])[0].split()[7]
        == "AC=9;DB;AN=9;AF=0.5"
    )


def test_more_people_than_a_row_holds(tmp_path):
    """8,192 are a row of genotypes, 1,024 a block of fields; both digests meet."""
    people = [f"s{k}" for k in range(8_200)]
    rows = [
        " ".join(["1", str(pos), ". A C . . . GT:DP:XX", *(cell(k) for k in range(8_200))])
        for pos, cell in (
            (5, lambda k: f"0/{k % 2}:{k}"),
            (6, lambda k: f"0/0:{k % 7}:t{k % 3}"),
            (9, lambda k: "./." if k < 8_195 else "0|1:.:x"),
        )
    ]
    store = _store(tmp_path, _write(tmp_path / "in.vcf", rows, people))
    assert store.scan("genotypes").collect()["first"].unique().sort().to_list() == [0, 8192]
    assert not verify(store)
    assert _exported(store, tmp_path / "out.vcf") == rows
    few = [" ".join([*(c := r.split())[:9], c[9 + 8_199], c[9 + 1_024]]) for r in rows]
    chosen = ["s8199", "s1024"]
    assert _exported(store, tmp_path / "few.vcf", samples=chosen) == few
