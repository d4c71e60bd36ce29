"""Whether somebody was assessed is a matter of the site, whatever the ALT of his file."""

import random
from collections import defaultdict

import polars as pl
import pytest
from inprocess import ingest_here
from slow_sites import GENOME, random_files, read_counts, slow_counts, write_cohort
from verifying import verify

import varhouse
from varhouse.query import Answer, Question, Selection
from varhouse.store.drop import drop_cohort


def _one(files, tmp_path, sexes=()):
    people = {}
    for records in files:
        people |= {s: ("female", "P") for s in records[0][4]}
    people |= {s: ("male", "P") for s in sexes}
    config = write_cohort(tmp_path, files, people)
    ingest_here(tmp_path / "store", config)
    found = read_counts(tmp_path / "store")
    assert found == slow_counts(files, people)
    return {"-".join(map(str, k[:4])): v for k, v in found.items() if k[4] == "all"}


def _snv(pos, alt, contig="c1"):
    return contig, pos, GENOME[pos - 1], alt


def test_another_alt_at_the_site_was_assessed(tmp_path):
    # Issue 9, A3: A has `G A`, B `G A,T`; both people are called at the site.
    files = [[("c1", 1, "G", "A", {"a": "0/1"})], [("c1", 1, "G", "A,T", {"b": "1/2"})]]
    found = _one(files, tmp_path)
    assert found["c1-1-G-A"] == (2, 4, 0, 2)
    assert found["c1-1-G-T"] == (1, 4, 0, 2)


@pytest.mark.parametrize(
    ("here", "there", "allele", "right"),
    [
        # Monomorphic record: called reference.
        ([("c1", 1, "G", ".", {"a": "0/0"})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 4, 0, 2)),
        # Not called at the site: assessed, but missing.
        ([("c1", 1, "G", "A", {"a": "./."})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 2, 1, 2)),
        ([("c1", 1, "G", "A", {"a": "./1"})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 3, 1, 2)),
        # No record at the site; a deletion that reaches over it is none.
        ([("c1", 2, "A", "C", {"a": "0/1"})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 2, 0, 1)),
        ([("c1", 1, "GATT", "G", {"a": "0/1"})], ("c1", 3, "T", "C"),
         "c1-3-T-C", (1, 2, 0, 1)),
        # An indel and an SNV at one POS, either way round; spanning deletion.
        ([("c1", 1, "GA", "G", {"a": "0/1"})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 4, 0, 2)),
        ([("c1", 1, "G", "T", {"a": "0/1"})], ("c1", 1, "GA", "G"), "c1-1-GA-G", (1, 4, 0, 2)),
        ([("c1", 1, "G", "*", {"a": "0/1"})], ("c1", 1, "G", "T"), "c1-1-G-T", (1, 4, 0, 2)),
        # Two records of the site: the person counts once, by the record that says most.
        ([("c1", 1, "G", "A", {"a": "0/1"}), ("c1", 1, "GA", "G", {"a": "./."})],
         ("c1", 1, "G", "T"), "c1-1-G-T", (1, 4, 0, 2)),
        ([("c1", 1, "G", "A", {"a": "./."}), ("c1", 1, "GA", "G", {"a": "./1"})],
         ("c1", 1, "G", "T"), "c1-1-G-T", (1, 3, 1, 2)),
        # The record stands at 20, its allele at 15: it is about both places.
        ([("c1", 20, "G", "GG", {"a": "0/1"})], ("c1", 20, "G", "C"),
         "c1-20-G-C", (1, 4, 0, 2)),
        ([("c1", 20, "G", "GG", {"a": "0/1"})], ("c1", 15, "A", "C"),
         "c1-15-A-C", (1, 4, 0, 2)),
        # A record with bases in front: its allele stands behind its POS.
        ([("c1", 1, "GAT", "GAC", {"a": "0/1"})], ("c1", 3, "T", "G"),
         "c1-3-T-G", (1, 4, 0, 2)),
        # Haploid calls, and the half-missing call of a male on X.
        ([("X", 1, "G", "A", {"a": "0"})], ("X", 1, "G", "T"), "X-1-G-T", (1, 3, 0, 2)),
        ([("X", 1, "G", "A", {"a": "0/."})], ("X", 1, "G", "T"), "X-1-G-T", (1, 3, 0, 2)),
    ],
)  # fmt: skip
def test_what_assesses_a_site(tmp_path, here, there, allele, right):
    files = [here, [(*there, {"b": "0/1"})]]
    assert _one(files, tmp_path, sexes=["a"])[allele] == right


@pytest.mark.parametrize("alt", ["<*>", "<NON_REF>", "<X>", "<*>,<NON_REF>"])
@pytest.mark.parametrize(
    ("gt", "right"),
    [("0/0", (1, 4, 0, 2)), ("./.", (1, 2, 1, 2)), ("0/1", (1, 4, 0, 2)), ("1", (1, 3, 0, 2))],
)
def test_who_has_the_unspecified_allele_was_called(tmp_path, alt, gt, right):
    """`<*>` is no allele that is counted, but a call that is not of the other ALT."""
    others = [(*_snv(p, a), {"b": "0/1"}) for p, a in ((1, "T"), (2, "C"), (3, "G"))]
    here = [(*_snv(20, alt), {"b": gt}), *others]
    files = [[(*_snv(20, "C"), {"a": "0/1"})], sorted(here, key=lambda r: r[1])]
    found = _one(files, tmp_path)
    assert found["c1-20-G-C"] == right
    assert not any("<" in name for name in found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "groups", [[["a"], ["b"], ["c", "d", "e"], ["f"]], [["a"], ["b"], ["c"], ["f"]]],
    ids=["groups", "people"],
)  # fmt: skip
def test_random_files_against_a_slow_reader(tmp_path, seed, groups):
    rng = random.Random(seed)
    files = random_files(rng, groups)
    if all(len(g) == 1 for g in groups):
        files = list({next(iter(f[0][4])): f for f in files}.values())
    names = [s for g in groups for s in g]
    people = {s: (rng.choice(["male", "female"]), f"P{i % 2}") for i, s in enumerate(names)}
    config = write_cohort(tmp_path, files, people)
    digests = {
        ingest_here(tmp_path / f"store{n}", config, chunk_records=n)["digest"]
        for n in (None, 17)
    }
    assert len(digests) == 1
    right = slow_counts(files, people)
    found = read_counts(tmp_path / "storeNone")
    assert found.keys() == right.keys()
    wrong = {k: (found[k], right[k]) for k in right if found[k] != right[k]}
    assert not wrong, f"{len(wrong)} of {len(right)}: {list(wrong.items())[:3]}"
    rows = varhouse.open(tmp_path / "storeNone").scan("frequencies").collect()
    assert rows.filter(
        pl.col("n_het") + pl.col("n_hom_alt") + pl.col("n_hemi")
        > pl.col("n_samples") - pl.col("n_missing")
    ).is_empty()


# --- totals: the same for cohorts ---


def _totals_of(counted):
    """Add up counts of cohorts, {cohort: {(*key, by, stratum): counts}}, by the rule."""
    sites = defaultdict(dict)
    for cohort, rows in counted.items():
        for (contig, pos, _, _, *stratum), (_, an, missing, n) in rows.items():
            old = sites[cohort, contig, pos].get(tuple(stratum), (0, n, n))
            sites[cohort, contig, pos][tuple(stratum)] = (
                max(an, old[0]),
                min(missing, old[1]),
                n,
            )
    out = defaultdict(lambda: [0, 0, 0, 0, 0])
    for key in {k[:4] for rows in counted.values() for k in rows}:
        for cohort, rows in counted.items():
            own = {k[4:]: v for k, v in rows.items() if k[:4] == key}
            if not own:
                here = sites.get((cohort, *key[:2]), {})
                own = {k: (0, *v) for k, v in here.items()}
            for stratum, numbers in own.items():
                for i, x in enumerate((*numbers, 1)):
                    out[*key, *stratum][i] += x
    return {k: tuple(v) for k, v in out.items()}


def _totals(store):
    columns = ["contig", "pos", "ref", "alt", "stratum_by", "stratum", "ac", "an", "n_missing",
               "n_samples", "n_cohorts"]  # fmt: skip
    rows = varhouse.open(store).scan("totals").select(columns).collect().rows()
    return {r[:6]: r[6:] for r in rows}


def _cohort(folder, name, records, population="P"):
    people = {s: ("female", population) for s in records[0][4]}
    return write_cohort(folder / name, [records], people, name)


def test_a_cohort_called_at_the_site_is_in_the_totals(tmp_path):
    x = _cohort(tmp_path, "x", [("c1", 1, "G", "A", {"a": "0/1", "b": "./."})])
    y = _cohort(tmp_path, "y", [("c1", 1, "G", "T", {"a": "0/0", "c": "0/1"})], "Q")
    z = _cohort(tmp_path, "z", [("c1", 2, "A", "T", {"d": "0/1"})])
    for config in (x, y, z):
        ingest_here(tmp_path / "store", config)
    found = _totals(tmp_path / "store")
    assert found["c1", 1, "G", "A", "all", "all"] == (1, 6, 1, 4, 2)
    assert found["c1", 1, "G", "T", "all", "all"] == (1, 6, 1, 4, 2)
    assert found["c1", 1, "G", "A", "population", "Q"] == (0, 4, 0, 2, 1)
    assert found["c1", 2, "A", "T", "all", "all"] == (1, 2, 0, 1, 1)
    assert not verify(varhouse.open(tmp_path / "store"))


def test_totals_do_not_depend_on_order_and_forget_a_dropped_cohort(tmp_path):
    rng = random.Random(11)
    configs, counted = {}, {}
    for name, samples in (("x", "ab"), ("y", "c"), ("z", "def")):
        files = random_files(rng, [list(samples)])
        people = {s: (rng.choice(["male", "female"]), f"P{ord(s) % 2}") for s in samples}
        configs[name] = write_cohort(tmp_path / name, files, people, name)
        counted[name] = slow_counts(files, people)
    digests = set()
    for i, order in enumerate(["xyz", "zxy"]):
        for name in order:
            ingest_here(tmp_path / f"s{i}", configs[name])
        store = varhouse.open(tmp_path / f"s{i}")
        digests.add(store.digest())
        assert not verify(store)
    assert len(digests) == 1
    assert _totals(tmp_path / "s0") == _totals_of(counted)
    drop_cohort(tmp_path / "s0", "x")
    for name in "yz":
        ingest_here(tmp_path / "fresh", configs[name])
    assert (
        varhouse.open(tmp_path / "s0").digest() == varhouse.open(tmp_path / "fresh").digest()
    )


def test_query_shows_what_a_cohort_called_at_the_site(tmp_path):
    """0 of those called where a cohort holds another allele; null where it has no record."""
    x = _cohort(tmp_path, "x", [("c1", 38, "CGT", "C", {"a": "0/1", "b": "./."})])
    y = _cohort(tmp_path, "y", [("c1", 38, "C", "A", {"a": "0/0", "c": "0/1"})], "Q")
    z = _cohort(tmp_path, "z", [("c1", 40, "T", "C", {"d": "0/1"})])
    for config in (x, y, z):
        ingest_here(tmp_path / "store", config)
    store = varhouse.open(tmp_path / "store")
    counts = ("ac", "an", "af", "n_missing", "n_samples", "call_rate", "n_het")
    columns = ["pos", "ref", "alt", *(f"{n}_{c}" for c in "xyz" for n in counts)]
    none = (None,) * len(counts)
    deletion = (38, "CGT", "C", 1, 2, 0.5, 1, 2, 0.5, 1, 0, 4, 0.0, 0, 2, 1.0, 0, *none)
    snv = (38, "C", "A", 0, 2, 0.0, 1, 2, 0.5, 0, 1, 4, 0.25, 0, 2, 1.0, 1, *none)
    alone = (40, "T", "C", *none, *none, 1, 2, 0.5, 0, 1, 1.0, 1)
    for asked, right in (
        ({}, [snv, deletion, alone]),
        ({"ids": ["c1-38-C-A"]}, [snv]),
        ({"ids": ["c1-38-CGT-C", "c1-40-T-C"]}, [deletion, alone]),
        # The deletion covers 39 and begins before it.
        ({"regions": ["c1:39-39"]}, [deletion]),
        ({"regions": ["c1:40-50", "c1:38-38"]}, [snv, deletion, alone]),
    ):
        answer = Answer(store, Question(Selection(**asked), columns=columns))
        assert [r for f in answer.frames() for r in f.rows()] == right, asked
    answer = Answer(store, Question(Selection(), columns=["pos"], where=["an_x == 2"]))
    assert [r for f in answer.frames() for r in f.rows()] == [(38,), (38,)]
