"""The gate: what is held back is told in the store, once, and harms nothing else."""

import hashlib
import json
import os

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.errors import ConfigError
from varhouse.ingest.setup.config import read_config
from varhouse.store.drop import drop_cohort
from varhouse.vcf.account.document import REASONS
from varhouse.vcf.account.problems import RULES

GENOME = "ACGTACGTACGTACGTCACACACACAGGTTTTTTAACC"
HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=c1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{}\n"
)


def _vcf(path, rows, sample):
    lines = ["\t".join(r.split(" ")) for r in rows]
    path.write_text(HEAD.format(sample) + "\n".join(lines) + "\n")
    return path


GOOD = ["c1 2 . C A . . . GT 0/1", "c1 5 . A G . . . GT 1/1"]
UNSORTED = [GOOD[1], GOOD[0]]


@pytest.fixture
def fx_gate(tmp_path):
    """A good and a bad cohort."""
    (tmp_path / "ref.fa").write_text(f">c1\n{GENOME}\n")
    _vcf(tmp_path / "good.vcf", GOOD, "g1")
    _vcf(tmp_path / "bad.vcf", UNSORTED, "b1")
    return tmp_path


def _config(folder, *cohorts, **more):
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\n" + "".join(f"{c}\t{c}.vcf\n" for c in cohorts)
    )
    policy = {"unlisted_samples": "unknown", **more.pop("policy", {})}
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "policy": policy, **more}  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


def _held(folder):
    return varhouse.open(folder / "store").scan("held_back").collect()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"gq": [30, 20]}, "callable.gq: the lower bounds of bands have to rise"),
        ({"dp": [5, 5]}, "callable.dp: the lower bounds of bands have to rise"),
        ({"gq": [*range(1, 9)]}, "callable.gq: .* too long"),
        ({"dp": [0]}, "callable.dp.0: 0 is less than"),
        ({"gq": [128]}, "callable.gq.0: 128 is greater than"),
        ({"dp": [2.5]}, "callable.dp.0: 2.5 is not of type"),
        ({"gq": 20}, "callable.gq: 20 is not of type"),
        ({"kits": "none.tsv"}, "callable.kits: no such file"),
        ({"kit": "kits.tsv"}, "unknown key 'callable.kit'.*kits"),
    ],
)
def test_wrong_settings_of_callability_are_told(fx_gate, said, problem):
    with pytest.raises(ConfigError, match=problem):
        read_config(_config(fx_gate, "good", callable=said))


def test_settings_of_callability_are_those_of_a_cohort(fx_gate):
    said = {"gq": [20, 30]}
    for n, more in enumerate(({}, {"callable": said}, {"callable": {**said, "dp": [10]}})):
        config = _config(fx_gate, "good", **more)
        assert ingest_here(fx_gate / "store", config)["release"] == n + 2
        assert ingest_here(fx_gate / "store", config).get("up_to_date")
    found = read_config(config).callable
    assert (found.gq, found.dp) == ([20, 30], [10])


def test_held_back_file_is_told_with_its_checksums(fx_gate):
    account = ingest_here(fx_gate / "store", _config(fx_gate, "good", "bad"))
    alone = ingest_here(fx_gate / "alone", _config(fx_gate, "good"))
    assert account["digest"] == alone["digest"]
    assert account["recorded_in"] == account["release"]
    held = _held(fx_gate)
    data = (fx_gate / "bad.vcf").read_bytes()
    columns = ["cohort", "name", "verdict", "bytes", "md5", "sha256", "n_records"]
    assert held.select(columns).rows() == [
        (
            "bad",
            "bad.vcf",
            "invalid",
            len(data),
            hashlib.md5(data).hexdigest(),
            hashlib.sha256(data).hexdigest(),
            2,
        ),
    ]
    assert "VH-B-002" in json.loads(held["reasons"][0])[0]
    problems = json.loads(held["problems"][0])
    assert problems["counts"]["VH-B-002"] == 1
    assert problems["effects"]["VH-B-002"] == "refuse"
    assert [p["line"] for p in problems["first"] if p["code"] == "VH-B-002"] == [6]
    files = varhouse.open(fx_gate / "store").scan("files").collect()
    assert files.select("cohort", "verdict").rows() == [("good", "valid")]


def test_same_bad_file_changes_nothing_the_next_night(fx_gate):
    config = _config(fx_gate, "good", "bad")
    first = ingest_here(fx_gate / "store", config)
    for _ in range(2):
        (fx_gate / "bad.vcf").touch()
        again = ingest_here(fx_gate / "store", config)
        assert again["up_to_date"]
        assert again["release"] == first["release"]
        assert [h["cohort"] for h in again["held_back"]] == ["bad"]
        assert again["held_back"][0]["reasons"] == first["held_back"][0]["reasons"]
    # Another bad file, another limit: looked at again.
    _vcf(fx_gate / "bad.vcf", [*UNSORTED, "c1 1 . A C . . . GT 0/1"], "b1")
    other = ingest_here(fx_gate / "store", config)
    assert (other["release"], other["recorded_in"]) == (None, first["release"] + 1)
    assert _held(fx_gate)["n_records"].to_list() == [3]
    raised = ingest_here(
        fx_gate / "store", _config(fx_gate, "good", "bad", limits={"alleles": 2})
    )
    assert raised["recorded_in"] == first["release"] + 2


def test_mended_file_goes_in_and_its_rows_go(fx_gate):
    config = _config(fx_gate, "good", "bad")
    ingest_here(fx_gate / "store", config)
    _vcf(fx_gate / "bad.vcf", GOOD, "b1")
    mended = ingest_here(fx_gate / "store", config)
    assert (mended["held_back"], mended["recorded_in"]) == ([], None)
    assert _held(fx_gate).height == 0
    fresh = ingest_here(fx_gate / "fresh", config)
    assert mended["digest"] == fresh["digest"]


def test_everything_held_back_makes_no_data(fx_gate):
    config = _config(fx_gate, "bad")
    account = ingest_here(fx_gate / "store", config)
    assert account["release"] is None
    store = varhouse.open(fx_gate / "store")
    assert store.release == account["recorded_in"] == 2
    assert not {"cohorts", "variants", "files", "frequencies"} & set(store.tables)
    assert store.digest() == varhouse.open(fx_gate / "store", release=1).digest()
    assert _held(fx_gate)["cohort"].to_list() == ["bad"]
    assert ingest_here(fx_gate / "store", config)["up_to_date"]
    assert varhouse.open(fx_gate / "store").release == 2


def test_bad_replacement_leaves_the_cohort_and_goes_with_it(fx_gate):
    config = _config(fx_gate, "good")
    first = ingest_here(fx_gate / "store", config)
    _vcf(fx_gate / "good.vcf", UNSORTED, "g1")
    refused = ingest_here(fx_gate / "store", config)
    assert refused["release"] is None
    store = varhouse.open(fx_gate / "store")
    assert store.digest() == first["digest"]
    assert _held(fx_gate)["cohort"].to_list() == ["good"]
    drop_cohort(fx_gate / "store", "good")
    assert _held(fx_gate).height == 0


def test_held_for_what_only_the_records_show(fx_gate):
    """Duplicates show when the records are read: the file's verdict is told all the same."""
    _vcf(fx_gate / "bad.vcf", [GOOD[0], GOOD[0]], "b1")
    policy = {"duplicate_alleles": "refuse"}
    ingest_here(fx_gate / "store", _config(fx_gate, "good", "bad", policy=policy))
    held = _held(fx_gate)
    assert held["cohort"].to_list() == ["bad"]
    assert "stand twice" in held["reasons"][0]


def test_limits_of_the_configuration(fx_gate):
    _vcf(fx_gate / "bad.vcf", ["c1 2 . C A,G,T . . . GT 0/1"], "b1")
    config = _config(fx_gate, "good", "bad", limits={"alleles": 2})
    account = ingest_here(fx_gate / "store", config)
    assert "VH-F-010" in account["held_back"][0]["reasons"][0]
    assert "limits.alleles" in account["held_back"][0]["reasons"][0]
    account = ingest_here(fx_gate / "store", _config(fx_gate, "good", "bad"))
    assert account["held_back"] == []
    with pytest.raises(ConfigError, match=r"unknown key .*allele.; nearest: alleles"):
        read_config(_config(fx_gate, "good", limits={"allele": 2}))


def test_mended_declaration_is_told(fx_gate):
    path = _vcf(fx_gate / "good.vcf", GOOD, "g1")
    text = path.read_text().replace(
        "##contig", '##INFO=<ID=AC,Number=2,Type=Integer,Description="x">\n##contig'
    )
    path.write_text(text)
    account = ingest_here(fx_gate / "store", _config(fx_gate, "good"))
    files = varhouse.open(fx_gate / "store").scan("files").collect()
    assert files["verdict"].to_list() == ["mended"]
    problems = json.loads(files["problems"][0])
    assert problems["effects"]["VH-H-006"] == "note"
    assert any("VH-H-006" in n for n in account["cohorts"][0]["notes"])


def test_duplicate_keeps_its_whole_line(fx_gate):
    rows = [
        "c1 2 . C A . . . GT:DP 0/1:7", "c1 2 . C A,G 1e2 . X=1 GT:DP 0/2:9",
        "c1 17 . C CAC . . . GT:DP 0/1:3", "c1 21 . C CAC . . . GT:DP 0/1:4",
    ]  # fmt: skip
    _vcf(fx_gate / "good.vcf", rows, "g1")
    config = _config(fx_gate, "good")
    for size in (None, 1, 2):
        ingest_here(fx_gate / f"store{size}", config, chunk_records=size)
        rejects = varhouse.open(fx_gate / f"store{size}").scan("rejects").collect()
        found = rejects.select("record", "reason", "alt_index", "text").rows()
        assert found == [
            (k, "duplicate_allele", 1, "\t".join(rows[k].split())) for k in (1, 3)
        ]
        assert rejects.select(pl.col("text").str.count_matches("\t") == 9)["text"].all()


FAULTS = """\
c1 x . C A . . . GT 0/1 0/0
c1 2 . C A . . . GT 0/1 0/0
c1 3 . G A,T 1x . . GT 0/1 0/0
c1 4 . T1 A . . . GT 0/1 0/0
c1 5 . A !,C . . . GT 0/1 0/0
c1 5 . A ? . . . GT 0/1 0/0
c1 5 . A <INS>X> . . . GT 0/1 0/0
c1 5 . A [1:100[ . . . GT 0/1 0/0
c1 5 . A <INS>,[c1:9[A,* . . . GT 0/1 0/0
c1 6 . C C . . . GT 0/1 0/0
c1 6 . C C,G . . . GT 0/1 0/0
c1 7 . A T . . . GT 0/1 0/0
c1 8 . T A . . . GT 0/1/x 0/0
c1 9 . A C . . . GT 0/2 0/0
c1 10 . C A . . . GT 0/1 0/0
c1 10 . C A . . . GT 0/1 0/0
c1 11 . G . . . . GT 0/1 0/0
c1 70 . G C . . . GT 0/1 0/0
c9 1 . G C . . . GT 0/1 0/0
c,8 1 . G C . . . GT 0/1 0/0
""".splitlines()


@pytest.mark.parametrize("size", [None, 3])
def test_rejects_agree_with_what_validate_counted(fx_gate, size):
    """Each record has one fault: as many rejects of a code as the file's verdict counts."""
    _vcf(fx_gate / "good.vcf", FAULTS, "s1\ts2")
    policy = {"max_ref_mismatch_rate": 1.0}
    config = _config(fx_gate, "good", policy=policy)
    ingest_here(fx_gate / "store", config, chunk_records=size)
    store = varhouse.open(fx_gate / "store")
    problems = json.loads(store.scan("files").collect()["problems"][0])
    rejects = store.scan("rejects").collect()
    code_of = {r.word: r.code for r in REASONS}
    found = {}
    for word, n in rejects["reason"].value_counts().rows():
        found[code_of[word]] = n
    counted = {
        code: n
        for code, n in problems["counts"].items()
        if problems["effects"][code] == "reject" or code == "VH-D-001"
    }
    # A name that is illegal is no contig either: rejected once, for the first.
    counted["VH-R-001"] -= counted["VH-B-010"]
    assert found == counted
    told = {c for c, r in RULES.items() if r.ingest == "reject"} - {"VH-R-004"}
    assert told <= set(found), "every code of this kind has a record here"
    for record, text in rejects.select("record", "text").rows():
        assert text == FAULTS[record].replace(" ", "\t")


def test_record_faults_refuse_the_cohort_by_policy(fx_gate):
    for k, row in enumerate(FAULTS):
        if k in (1, 8, 14, 15, 16):
            continue  # no error of a record
        _vcf(fx_gate / "good.vcf", [FAULTS[1], row] if k else [row, FAULTS[1]], "s1\ts2")
        policy = {"max_ref_mismatch_rate": 1.0, "record_fault": "refuse"}
        account = ingest_here(fx_gate / "store", _config(fx_gate, "good", policy=policy))
        assert account["release"] is None, row
        assert account["held_back"][0]["cohort"] == "good"


def test_what_is_no_readable_file_is_told_once_too(fx_gate):
    (fx_gate / "folder.vcf").mkdir()
    os.mkfifo(fx_gate / "pipe.vcf")
    (fx_gate / "empty.vcf").touch()
    config = _config(fx_gate, "good", "folder", "pipe", "empty")
    account = ingest_here(fx_gate / "store", config)
    assert [c["cohort"] for c in account["cohorts"]] == ["good"]
    held = _held(fx_gate).sort("cohort")
    nothing = hashlib.sha256(b"").hexdigest()
    assert held.select("cohort", "sha256", "verdict").rows() == [
        ("empty", nothing, "invalid"),
        ("folder", "", "invalid"),
        ("pipe", "", "invalid"),
    ]
    again = ingest_here(fx_gate / "store", config)
    assert again["up_to_date"]
    assert len(again["held_back"]) == 3
