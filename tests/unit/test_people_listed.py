"""People whose VCFs list only variants: strangers of them are no relatives."""

import numpy as np
import pedigrees
import polars as pl
import pytest
from pedigrees import Drop, Genome, make_people_store

import varhouse
from varhouse.people import kinship
from varhouse.people.ancestry import ancestry
from varhouse.people.kinship import related
from varhouse.people.listed import find_listed
from varhouse.people.made import gather
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.samepairs import SameSettings, find_pairs
from varhouse.people.settings import AncestrySettings, PeopleSettings, SiteSettings

NAMES = [f"p{i:02d}" for i in range(13)]
SITES = SiteSettings(spacing=200, enough=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The cohorts `lists` and `full` of a file a person, and `both` with one of two people."""
    drop = Drop(Genome(per_contig=100))
    drop.founder(*NAMES)
    drop.child("kid", "p00", "p01")
    names = [*NAMES, "kid"]
    dosage = drop.dosage(names)
    alone = [([n], dosage[k : k + 1]) for k, n in enumerate(names)]
    father = {"kid": {"father": "p00"}}
    sheet = [
        {"cohort": c, "sample": n, "sex": "unknown", **father.get(n, {})}
        for c in ("lists", "full", "both")
        for n in names
    ]
    whole = pedigrees.write_people

    def write(path, sites, people, calls, **how):
        if path.name.startswith("lists") or path.name in {"both1.vcf", "both2.vcf"}:
            kept = calls[0] > 0
            sites, calls = sites.filter(pl.Series(kept)), calls[:, kept]
        return whole(path, sites, people, calls, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pedigrees, "write_people", write)
        both = [(names[:2], dosage[:2]), *alone[2:]]
        path = make_people_store(
            tmp_path_factory.mktemp("listed"), drop.genome,
            {"lists": alone, "full": alone, "both": both}, sheet,
        )  # fmt: skip
    return varhouse.open(path)


def read(store, cohort):
    return read_packed(store, cohort, choose_sites(store, cohort, SITES))


def test_whose_files_list_only_variants(store):
    assert find_listed(store, "lists").all()
    assert not find_listed(store, "full").any()
    rows = store.scan("samples", cohort="both").collect().sort("ordinal")
    assert rows.filter(find_listed(store, "both"))["sample"].to_list() == ["p02", "p03"]


@pytest.mark.parametrize(("cohort", "n"), [("lists", "14"), ("both", "2"), ("full", None)])
def test_that_files_list_only_variants_is_said(store, cohort, n):
    notes = gather(store, cohort, PeopleSettings(sites=SITES)).notes
    told = [t for t in notes if "list variants alone" in t]
    assert [t.split(" sample")[0].split()[-1] for t in told] == ([n] if n else [])


def test_strangers_of_whom_variants_are_listed_are_no_relatives(store, monkeypatch):
    monkeypatch.setattr(kinship, "count_stretches", lambda _: 100)
    pairs, _ = related(store, "full", read(store, "full"), PeopleSettings())
    relation = pairs.select("sample_1", "sample_2", "degree").rows()
    assert sorted(relation) == [("p00", "kid", 1), ("p01", "kid", 1)]
    wide = SiteSettings(spacing=0, call_rate=0)
    packed = read_packed(store, "lists", choose_sites(store, "lists", wide))
    assert packed.called.any()
    pairs, trios = related(store, "lists", packed, PeopleSettings())
    assert pairs.select("relation", "in_sheet", "agrees").rows() == [
        ("untold", "parent_child", None)
    ]
    assert trios.select("n_sites", "error_rate").rows() == [(0, None)]


def test_they_have_no_place_on_axes(store):
    packed = read_packed(store, "both", choose_sites(store, "full", SITES))
    none = pl.DataFrame(
        schema={"ordinal_1": pl.Int32, "ordinal_2": pl.Int32, "kinship": pl.Float64}
    )
    asked = PeopleSettings(ancestry=AncestrySettings(error=5))
    found = ancestry(store, "both", packed, none, asked).samples
    placed = [any(v is not None for v in own) for own in found["scores"].to_list()]
    without = [s for s, is_placed in zip(packed.samples, placed, strict=True) if not is_placed]
    assert without == ["p02", "p03"]


def test_sites_are_called_in_everybody(store):
    """Not in the carriers alone, of whom most are heterozygous at a rare allele."""
    asked = SiteSettings(spacing=0, call_rate=0.95)
    for cohort in ("lists", "both"):
        packed = read_packed(store, cohort, choose_sites(store, cohort, asked))
        bits = np.unpackbits(packed.called.view(np.uint8), axis=1, bitorder="little")
        assert packed.sites.height
        assert bits[:, : packed.sites.height].mean(axis=0).min() >= 0.95


def test_strangers_of_whom_variants_are_listed_are_not_one_person(store):
    sites = SiteSettings(least_af=0.1, call_rate=0.9, spacing=800, enough=0)
    asked = SameSettings(sites=sites, least_sites=2, stretch=600, least_stretches=1)
    found = find_pairs(store, ["lists"], asked).same
    same = found.filter(pl.col("sample_1") != pl.col("sample_2"))
    assert same.is_empty()
    assert found.filter(pl.col("cohort_1") == "full").height == len(NAMES) + 1
