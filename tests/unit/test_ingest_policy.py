"""Counting rules and policies, on hand-made files with answers worked out by hand."""

import json

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.errors import ConfigError
from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.check.scan import scan_file

REF = {"1": "ACGTACGTAC" * 3, "X": "ACGTACGTAC" * 3}
HEAD = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def _write(folder, rows, samples=("m1", "m2", "f1", "f2"), **policy):
    """Write a cohort `a` (two men, two women) and its configuration."""
    columns = "".join(f"\t{s}" for s in ("FORMAT", *samples)) if samples else ""
    lines = ["\t".join(r.split()) for r in rows]
    (folder / "a.vcf").write_text(HEAD + columns + "\n" + "\n".join(lines) + "\n")
    (folder / "ref.fa").write_text("".join(f">{c}\n{b}\n" for c, b in REF.items()))
    (folder / "par.bed").write_text("X\t0\t10\n")
    sheet = "cohort\tsample\tsex\tprovince\na\tm1\tmale\tP\na\tm2\tmale\t\n"
    sheet += "a\tf1\tfemale\tP\na\tf2\tfemale\tQ\n"
    (folder / "samples.tsv").write_text(sheet)
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa", "par": "par.bed"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv",
        "strata": ["province", "province+sex"], "policy": policy,
    }  # fmt: skip
    if not samples:
        del config["samples"], config["strata"]
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


COUNTS = ("ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples")
RULES = {
    # record: {alt: counts}; people are m1 m2 f1 f2
    "1 2 . C A,G . . . GT 1/2 0/1 2/2 0/0": {
        "A": (2, 8, 2, 0, 0, 0, 4), "G": (3, 8, 1, 1, 0, 0, 4)},
    "1 3 . G T . . . GT ./. ./1 0|1 1": {"T": (3, 4, 1, 0, 1, 2, 4)},
    "X 5 . A C . . . GT 1/. 0/. 0/1 ./1": {"C": (3, 5, 1, 0, 0, 3, 4)},
    "X 15 . A C . . . GT 1/. 0/. 0/1 ./1": {"C": (3, 5, 1, 0, 1, 1, 4)},
    "X 16 . C G . . . GT 1 1/1 0/0 1|1": {"G": (5, 7, 0, 2, 1, 0, 4)},
    "X 17 . G A . . . DP 3 3 3 3": {"A": (0, 0, 0, 0, 0, 4, 4)},
}  # fmt: skip


@pytest.fixture(scope="module")
def fx_rules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    config = _write(folder, list(RULES))
    ingest_here(folder / "store", config)
    return folder


@pytest.mark.parametrize("row", list(RULES))
def test_counting_rules(fx_rules, row):
    contig, pos = row.split()[:2]
    rows = (
        varhouse.open(fx_rules / "store")
        .scan("frequencies")
        .filter(
            (pl.col("contig") == contig)
            & (pl.col("pos") == int(pos))
            & (pl.col("stratum_by") == "all")
        )
    )
    found = {r[0]: r[1:] for r in rows.select("alt", *COUNTS).collect().rows()}
    assert found == RULES[row]
    af = dict(rows.select("alt", "af").collect().rows())
    for alt, (ac, an, *_) in RULES[row].items():
        assert af[alt] == (ac / an if an else None)


def test_null_stratum_is_unknown_and_pairs_are_joined(fx_rules):
    rows = varhouse.open(fx_rules / "store").frequencies(stratum_by="province+sex")
    sizes = dict(rows.filter(pl.col("pos") == 3).select("stratum", "an").collect().rows())
    assert sizes == {"P+male": 0, "unknown+male": 1, "P+female": 2, "Q+female": 1}


def test_values_with_plus_do_not_fall_together(tmp_path):
    people = pl.DataFrame(
        {
            "sex": ["female"] * 5,
            "p": ["a+b", "a", "a+b", "a%2Bb", None],
            "q": ["c", "b+c", "c", "c", "a+b"],
        }
    )
    found = make_strata(people, ["p", "p+q"])
    of = {(b, v): n for b, v, n in zip(found.by, found.value, found.n_samples, strict=True)}
    assert of == {
        ("all", "all"): 5,
        ("p", "a+b"): 2,
        ("p", "a"): 1,
        ("p", "a%2Bb"): 1,
        ("p", "unknown"): 1,
        ("p+q", "a%2Bb+c"): 2,
        ("p+q", "a+b%2Bc"): 1,
        ("p+q", "a%252Bb+c"): 1,
        ("p+q", "unknown+a%2Bb"): 1,
    }


def test_a_column_named_all_is_no_stratum(tmp_path):
    config = _write(tmp_path, list(RULES)[:1])
    sheet = (tmp_path / "samples.tsv").read_text().replace("province", "all")
    (tmp_path / "samples.tsv").write_text(sheet)
    said = json.loads(config.read_text()) | {"strata": ["all"]}
    config.write_text(json.dumps(said))
    with pytest.raises(ConfigError, match="is the name of everybody"):
        ingest_here(tmp_path / "store", config)
    with pytest.raises(ConfigError, match="is the name of everybody"):
        make_strata(pl.DataFrame({"sex": ["male"], "all": ["x"]}), ["all"])


def test_names_in_another_encoding_stay_apart(tmp_path):
    """Two names in GBK differ, whatever a reader that expects UTF-8 makes of them."""
    config = _write(tmp_path, ["1 2 . C A . . . GT 0/1 1/1"], ("p", "q"))
    names = [b"\xd5\xc5\xc8\xfd", b"\xc0\xee\xcb\xc4"]
    text = (tmp_path / "a.vcf").read_bytes().replace(b"VCFv4.3", b"VCFv4.2")
    text = text.replace(b"FORMAT\tp\tq", b"FORMAT\t" + b"\t".join(names))
    (tmp_path / "a.vcf").write_bytes(text)
    account = scan_file(tmp_path / "a.vcf", AnyContigs(), None).account
    told = {p.code for p in account.problems()}
    assert "VH-F-009" in told
    assert "VH-H-004" not in told
    shown = [n.decode("utf-8", "backslashreplace") for n in names]
    rows = "".join(f"a\t{n}\tmale\tP\n" for n in shown)
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\tprovince\n" + rows)
    ingest_here(tmp_path / "store", config)
    store = varhouse.open(tmp_path / "store")
    assert store.scan("samples").select("sample", "n_het", "n_hom_alt").collect().rows() == [
        (shown[0], 1, 0),
        (shown[1], 0, 1),
    ]


def test_command_counts_the_same(fx_rules):
    out = fx_rules / "out.tsv"
    arguments = [
        fx_rules / "a.vcf",
        "-o",
        out,
        "--samples",
        fx_rules / "samples.tsv",
        "--strata",
        "province,province+sex",
        "--par",
        fx_rules / "par.bed",
        "--reference",
        fx_rules / "ref.fa",
    ]
    assert main(["frequencies", *map(str, arguments)]) == 0
    key = ["contig", "pos", "ref", "alt", "stratum_by", "stratum"]
    got = pl.read_csv(out, separator="\t", schema_overrides={"contig": pl.String})
    stored = varhouse.open(fx_rules / "store").scan("frequencies").collect()
    columns = [*key, *COUNTS]
    assert got.sort(key).select(columns).rows() == stored.sort(key).select(columns).rows()


BAD_GT = ["1 2 . C A . PASS . GT 0/1 0/0 0/0 0/0", "1 3 . G T . q10 . GT 0/3 0/0 0/0 0/0"]


def test_record_faults_are_rejected_or_refuse_the_cohort(tmp_path):
    config = _write(tmp_path, BAD_GT)
    account = ingest_here(tmp_path / "store", config)
    rejects = varhouse.open(tmp_path / "store").scan("rejects").collect()
    assert rejects.select("reason", "line").rows() == [("gt_allele_unknown", 4)]
    assert rejects["text"][0] == "\t".join(BAD_GT[1].split())
    config = _write(tmp_path, BAD_GT, record_fault="refuse")
    refused = ingest_here(tmp_path / "store", config)
    assert refused["release"] is None
    assert "VH-G-002" in refused["held_back"][0]["reasons"][0]
    # What was in before stays in.
    store = varhouse.open(tmp_path / "store")
    assert store.release == refused["recorded_in"] == account["release"] + 1
    assert store.digest() == account["digest"]


def test_duplicates_can_refuse_the_cohort(tmp_path):
    rows = ["1 2 . C A . . . GT 0/1 0/0 0/0 0/0", "1 2 . C A . . . GT 0/0 0/0 0/0 0/0"]
    refused = ingest_here(
        tmp_path / "store", _write(tmp_path, rows, duplicate_alleles="refuse")
    )
    assert refused["release"] is None
    assert "1 allele(s) stand twice" in refused["held_back"][0]["reasons"][0]


def test_pass_only(tmp_path):
    """VH-D-002 is a reason of rejects only: a FILTER that failed is no fault of a file."""
    rows = [BAD_GT[0], BAD_GT[1].replace("0/3", "0/1")]
    ingest_here(tmp_path / "store", _write(tmp_path, rows, pass_only=True))
    store = varhouse.open(tmp_path / "store")
    assert store.scan("variants").select("pos").collect()["pos"].to_list() == [2]
    assert store.scan("rejects").collect()["reason"].to_list() == ["not_pass"]


def test_sites_without_samples(tmp_path):
    ingest_here(tmp_path / "store", _write(tmp_path, ["1 2 rs7 C A . . ."], samples=()))
    store = varhouse.open(tmp_path / "store")
    rows = store.scan("frequencies").select("ac", "an", "af", "n_samples").collect().rows()
    assert rows == [(0, 0, None, 0)]
    assert store.scan("ids", id="rs7").select("pos").collect()["pos"].to_list() == [2]


UNSAID = [
    "1 0 . N .[X:5[ . . . GT 0/1 0/0 0/0 0/0",
    "1 2 . N <DEL> . . END=9;SVLEN=-7 GT 0/1 0/0 0/0 0/0",
    "1 3 . N N]X:7] . . . GT 0/0 1/1 0/0 0/0",
    "1 4 . NN <DUP:TANDEM> . . SVLEN=8 GT 0/0 0/1 0/0 0/0",
    "1 31 . N ]X:7]N . . . GT 0/0 0/1 0/0 0/0",
]
"""REF is N, which no base of the reference is: legal, and no sign of another assembly."""


@pytest.mark.parametrize("unchecked", ["store", "reject"])
def test_ref_n_of_symbolic_alleles_is_unchecked(tmp_path, unchecked):
    config = _write(tmp_path, UNSAID, unchecked_ref=unchecked)
    ingest_here(tmp_path / "store", config)
    store = varhouse.open(tmp_path / "store")
    alts = store.scan("variants").collect()["alt"].to_list()
    reasons = store.scan("rejects").collect()["reason"].to_list()
    if unchecked == "store":
        assert sorted(alts) == sorted(row.split()[4] for row in UNSAID)
        assert reasons == []
    else:
        assert alts == []
        assert reasons == ["ref_unchecked"] * len(UNSAID)


@pytest.mark.parametrize(
    ("row", "reason"),
    [("1 2 . N A . . . GT 0/1 0/0 0/0 0/0", "ref_mismatch"),
     ("1 2 . N <DEL>,A . . . GT 0/1 0/0 0/0 0/0", "ref_mismatch"),
     ("1 2 . G <DEL> . . . GT 0/1 0/0 0/0 0/0", "ref_mismatch"),
     ("1 32 . N <DEL> . . . GT 0/1 0/0 0/0 0/0", "beyond_contig")],
)  # fmt: skip
def test_other_ref_is_compared_as_ever(tmp_path, row, reason):
    config = _write(tmp_path, [row], unchecked_ref="store", max_ref_mismatch_rate=1.0)
    ingest_here(tmp_path / "store", config)
    rejects = varhouse.open(tmp_path / "store").scan("rejects").collect()
    assert rejects["reason"].to_list() == [reason]
