"""Which sites people are compared by, and the calls that are packed at them."""

import json

import numpy as np
import polars as pl
import pytest
from builders import make_fasta, make_vcf
from gvcf_people import CONTIGS, People
from inprocess import ingest_here
from pedigrees import Drop, Genome, make_people_store

import varhouse
from varhouse.errors import StoreError
from varhouse.people import panel
from varhouse.people.panel import PackedCalls, choose_sites, pack, read_packed
from varhouse.people.settings import SiteSettings
from varhouse.query.columns import read_columns
from varhouse.query.matrix import dosage_matrix
from varhouse.query.selection import Selection

ALL = SiteSettings(
    least_af=0, call_rate=0, spacing=0, most=None, snv_only=False, inbreeding=None
)


def unpacked(calls: PackedCalls):
    """Give copies of alt (int8[people, sites]), -1 not called, and check the bits."""
    n = calls.sites.height
    shape = (len(calls.samples), -1)

    def bits(words):
        flat = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")
        return flat.reshape(shape) if shape[0] else np.zeros((0, n), np.uint8)

    het, hom, called = (bits(w) for w in (calls.het, calls.hom, calls.called))
    for plane in (het, hom, called):
        assert not plane[:, n:].any()
    assert not (het & hom).any()
    assert not ((het | hom) & ~called & 1).any()
    return np.where(called, het + 2 * hom, -1).astype(np.int8)[:, :n]


@pytest.fixture(scope="module")
def drop():
    made = Drop(Genome(contigs=("c1", "c2", "X", "MT"), per_contig=100))
    made.founder(*[f"p{i}" for i in range(9)])
    return made


@pytest.fixture(scope="module")
def plain(drop, tmp_path_factory):
    """A cohort of three files of 4, 4 and 1 people, and one of nobody else."""
    names = list(drop.haplotypes)
    dosage = drop.dosage(names, missing=0.05)
    files = [(names[:4], dosage[:4]), (names[4:8], dosage[4:8]), (names[8:], dosage[8:])]
    other = [(["q"], dosage[:1])]
    path = make_people_store(
        tmp_path_factory.mktemp("plain"), drop.genome, {"a": files, "b": other}
    )
    return varhouse.open(path), dosage


def test_calls_of_several_files_come_back(plain, drop, monkeypatch):
    store, dosage = plain
    sites = drop.genome.sites()
    assert np.array_equal(unpacked(read_packed(store, "a", sites)), dosage)
    # A few sites at a time, in pieces that end within a contig.
    monkeypatch.setattr(panel, "SITE_BYTES", 1)
    monkeypatch.setattr(panel, "ROWS", 30)
    found = read_packed(store, "a", sites)
    assert np.array_equal(unpacked(found), dosage)
    assert found.samples == [f"p{i}" for i in range(9)]
    assert found.ordinal.tolist() == list(range(9))


def test_some_sites_and_one_that_nobody_holds(plain, drop):
    store, dosage = plain
    sites = drop.genome.sites()
    other = sites[7:8].with_columns(alt=pl.col("ref"), ref=pl.col("alt"))
    wanted = pl.concat([sites[:7:3], other, sites[90:300:7]])
    at = [*range(0, 7, 3), None, *range(90, 300, 7)]
    found = unpacked(read_packed(store, "a", wanted))
    for column, k in enumerate(at):
        expected = -np.ones(9, np.int8) if k is None else dosage[:, k]
        assert found[:, column].tolist() == expected.tolist()
    assert unpacked(read_packed(store, "a", sites[:0])).shape == (9, 0)


def test_bits_may_lie_in_files(plain, drop, tmp_path):
    store, dosage = plain
    found = read_packed(store, "a", drop.genome.sites(), tmp_path)
    assert np.array_equal(unpacked(found), dosage)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "called.bits",
        "het.bits",
        "hom.bits",
    ]


def test_pack_is_what_is_read(plain, drop):
    store, dosage = plain
    sites = drop.genome.sites()
    made = pack("a", np.arange(9, dtype=np.int32), list(drop.haplotypes), sites, dosage)
    found = read_packed(store, "a", sites)
    for name in ("het", "hom", "called"):
        assert np.array_equal(getattr(made, name), getattr(found, name))


def test_sites_are_of_autosomes_and_common(plain, drop):
    store, dosage = plain
    all_sites = choose_sites(store, "a", ALL)
    assert set(all_sites["contig"]) == {"c1", "c2"}
    found = choose_sites(store, "a", SiteSettings(spacing=0, call_rate=0.85, least_af=0.2))
    calls = dosage[:, :200]
    copies = np.where(calls < 0, 0, calls).sum(axis=0)
    an = 2 * (calls >= 0).sum(axis=0)
    af = copies / an
    good = (af >= 0.2) & (af <= 0.8) & (an / 18 >= 0.85)
    assert found.select("contig", "pos").rows() == (
        drop.genome.sites()[:200].filter(pl.Series(good)).select("contig", "pos").rows()
    )
    assert np.allclose(found["af"], af[good])


def test_of_each_stretch_the_one_that_tells_most(plain):
    store, _ = plain
    how = SiteSettings(spacing=400, call_rate=0, enough=0)
    every = choose_sites(store, "a", SiteSettings(spacing=0, call_rate=0))
    found = choose_sites(store, "a", how)
    best = {}
    for contig, pos, _, _, _, af in every.rows():
        key = (contig, pos // 400)
        best[key] = min(best.get(key, (9, 0)), (abs(af - 0.5), pos))
    assert found.select("contig", "pos").rows() == [(c, p) for (c, _), (_, p) in best.items()]
    # More are wanted than such stretches: they are halved until there are enough.
    more = choose_sites(store, "a", SiteSettings(spacing=400, call_rate=0, enough=30))
    assert found.height < 30 <= more.height < every.height
    most = choose_sites(store, "a", SiteSettings(spacing=400, call_rate=0, enough=9999))
    assert most.height > more.height
    few = choose_sites(store, "a", SiteSettings(spacing=0, call_rate=0, most=11))
    assert few.height == 11
    assert few.row(0) == every.row(0)
    assert few.row(-1) == every.row(-1)


def test_one_person_has_the_sites_he_is_heterozygous_at(plain):
    store, dosage = plain
    found = choose_sites(store, "b", SiteSettings(spacing=0))
    assert found.height == int((dosage[0, :200] == 1).sum())
    assert read_packed(store, "b", found).het.any()


BASES = "ACGT" * 100
ODD = """
c1 11 . G A . . . GT 0/1 1/1 0/0 0/0
c1 21 . A C,G . . . GT 0/1 1/2 2/2 0/0
c1 31 . G T . . . GT 1 0|1 ./1 .
c1 41 . A C . . . GT 0/1/1 0/1 1/1 0/0
c1 51 . GT AT . . . GT 0/1 0/1 1/1 ./.
c1 61 . A C . . . GT 0/1 0/1 0/1 0/1
c1 61 . A C . . . GT 0/0 1/1 ./. 0/1
c1 71 . G GA . . . GT 0/1 0/1 0/0 1/1
c1 75 . G * . . . GT 0/1 0/1 0/0 1/1
c1 81 . A C . . . GT 0/0 0/0 0/0 0/0
c1 91 . G T . . . DP 3 4 5 6
c1 101 . A C . . . GT 0/1 0/1 0/1 0/1
X 11 . G A . . . GT 0/1 1 0 1/1
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    make_fasta(folder / "ref.fa", {"c1": BASES, "X": BASES})
    lines = ODD.strip().split("\n")
    make_vcf(folder / "a.vcf", lines, list("pqrs"), {"c1": 400, "X": 400},
             ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">'])  # fmt: skip
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv"}
    (folder / "c.yaml").write_text(
        json.dumps({**config, "policy": {"unlisted_samples": "unknown"}})
    )
    account = ingest_here(folder / "store", folder / "c.yaml")
    assert not account.get("held_back"), account
    return varhouse.open(folder / "store")


def test_calls_of_other_than_two_copies_of_ref_and_alt_are_none(odd):
    rows = odd.scan("frequencies", cohort="a").filter(pl.col("stratum_by") == "all").collect()
    sites = rows.filter(pl.col("contig") == "c1").sort("pos", "ref", "alt")
    sites = sites.select("contig", "pos", "ref", "alt", "extent", "af")
    found = unpacked(read_packed(odd, "a", sites))
    got = {(p, a): found[:, k].tolist() for k, (p, a) in enumerate(sites["pos", "alt"].rows())}
    assert got[11, "A"] == [1, 2, 0, 0]
    assert got[21, "C"] == [1, -1, -1, 0]
    assert got[21, "G"] == [-1, -1, 2, 0]
    assert got[31, "T"] == [-1, 1, -1, -1]
    assert got[51, "A"] == [1, 1, 2, -1]
    assert got[81, "C"] == [0, 0, 0, 0]
    assert got[101, "C"] == [1, 1, 1, 1]
    assert got[41, "C"] == [-1, 1, 2, 0]


def test_sites_with_another_allele_are_left(odd):
    found = choose_sites(odd, "a", SiteSettings(least_af=0, call_rate=0, spacing=0))
    assert 21 not in found["pos"].to_list()
    assert {11, 31, 41, 51, 81, 101} <= set(found["pos"].to_list())
    assert 70 not in found["pos"].to_list()
    assert set(found["contig"]) == {"c1"}


def test_far_too_many_heterozygous_are_no_site(tmp_path):
    drop = Drop(Genome(contigs=("c1",), per_contig=40))
    names = [f"p{i}" for i in range(30)]
    drop.founder(*names)
    dosage = drop.dosage(names)
    dosage[:, 5] = 1
    dosage[:, 6] = 1
    dosage[:1, 6] = 0
    store = varhouse.open(make_people_store(tmp_path, drop.genome, {"a": [(names, dosage)]}))
    every = choose_sites(store, "a", SiteSettings(spacing=0, inbreeding=None))
    found = choose_sites(store, "a", SiteSettings(spacing=0))
    pos = drop.genome.sites()["pos"].to_list()
    assert set(every["pos"]) - set(found["pos"]) == {pos[5], pos[6]}


def test_short_contigs_are_no_chromosomes(tmp_path):
    drop = Drop(Genome(contigs=("c1", "alt"), per_contig=20))
    drop.founder("p", "q")
    dosage = drop.dosage(["p", "q"])
    path = make_people_store(tmp_path, drop.genome, {"a": [(["p", "q"], dosage)]})
    store = varhouse.open(path)
    assert panel.autosomes(store) == ["c1", "alt"]
    by_name = store.assembly_contigs.by_name
    by_name["c1"].length = 100 * by_name["alt"].length
    assert panel.autosomes(store) == ["c1"]


def slow_calls(text, sites):
    """Read a gVCF of one person at SNVs: copies of alt, -1 not called.

    None where it is not plain: a copy of <NON_REF>, 0/0 at DP 0 or GQ 0 in a record, a base in
    the REF of another record.
    """
    records = [r.split("\t") for r in text.splitlines() if not r.startswith("#")]
    out = []
    for contig, pos, ref, alt in sites.select("contig", "pos", "ref", "alt").rows():
        value = -1
        for chrom, start, _, r, a, _, _, info, _, cell in records:
            gt, dp, gq, _ = cell.split(":")
            copies = gt.replace("|", "/").split("/")
            empty = copies == ["0", "0"] and "0" in (dp, gq)
            if chrom != contig:
                continue
            if (int(start), r, a.split(",")[0]) == (pos, ref, alt):
                value = -1 if "." in copies else copies.count("1")
                value = None if "2" in copies or empty else value
                break
            end = int(info[4:]) if info.startswith("END=") else int(start) + len(r) - 1
            if int(start) <= pos <= end:
                # A block of no depth says nothing.
                value = None if a != "<NON_REF>" else -1 if empty else 0
        out.append(value)
    return out


@pytest.mark.parametrize("plain", [(), (1, 4)])
def test_a_gvcf_says_who_has_no_copy(tmp_path, plain, monkeypatch):
    people = People(tmp_path, plain)
    files = [people.write(n) for n in range(6)]
    people.ingest(tmp_path / "store", files)
    store = varhouse.open(tmp_path / "store")
    sites = choose_sites(store, "c", SiteSettings(least_af=0, call_rate=0, spacing=0))
    assert set(sites["contig"]) == {"c1"}
    found = unpacked(read_packed(store, "c", sites))
    checked = 0
    names = store.scan("samples").collect().sort("ordinal")["sample"].to_list()
    for row, name in zip(found.tolist(), names, strict=True):
        text = (tmp_path / f"{name.lower()}.g.vcf").read_text()
        for got, expected in zip(row, slow_calls(text, sites), strict=True):
            if expected is not None and int(name[1:]) not in plain:
                assert got == expected
                checked += 1
    assert checked > 20
    # Another reader, which counts calls with a third allele, too.
    columns = read_columns(store, "c")
    matrix = dosage_matrix(store, columns, Selection(keys=sites.drop("af")))
    assert matrix.alleles["pos"].to_list() == sites["pos"].to_list()
    assert (found == matrix.dosage).mean() > 0.8
    assert (found[found >= 0] == matrix.dosage[found >= 0]).all()
    monkeypatch.setattr(panel, "SITE_BYTES", 1)
    assert np.array_equal(unpacked(read_packed(store, "c", sites)), found)
    assert CONTIGS.keys() == {"c1", "X", "Y"}


def test_a_record_goes_before_the_runs(tmp_path):
    """Who has a third allele is called at the base, but not by REF and ALT."""
    make_fasta(tmp_path / "ref.fa", {"c1": BASES})
    head = ['##INFO=<ID=END,Number=1,Type=Integer,Description="x">']
    block = "c1 {} . {} <NON_REF> . . END={} GT 0/0"
    calls = {"p": "C,T,<NON_REF> . . . GT 1/2", "q": "C,<NON_REF> . . . GT 0/1", "r": ""}
    files = []
    for name, call in calls.items():
        lines = [block.format(1, "A", 20), block.format(22, "C", 99)]
        lines.insert(1, f"c1 21 . A {call}" if call else block.format(21, "A", 21))
        make_vcf(tmp_path / f"{name}.g.vcf", lines, [name], {"c1": 400}, head)
        files.append(f"{name}.g.vcf")
    (tmp_path / "cohorts.tsv").write_text(f"cohort\tfiles\na\t{','.join(files)}\n")
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    account = ingest_here(tmp_path / "store", tmp_path / "c.yaml")
    assert not account.get("held_back"), account
    store = varhouse.open(tmp_path / "store")
    rows = store.scan("frequencies").filter(pl.col("stratum_by") == "all").collect()
    sites = rows.sort("alt").select("contig", "pos", "ref", "alt", "extent", "af")
    assert sites["alt"].to_list() == ["C", "T"]
    found = read_packed(store, "a", sites)
    assert dict(zip(found.samples, unpacked(found).tolist(), strict=True)) == {
        "p": [-1, -1], "q": [1, 0], "r": [0, 0],
    }  # fmt: skip


def test_a_record_without_all_its_people_is_refused(plain, drop, monkeypatch):
    store, _ = plain
    rows = panel.PlaneRows.to_count

    def lost(table):
        return rows(table.slice(0, table.num_rows))

    monkeypatch.setattr(panel.PlaneRows, "to_count", lost)
    reader = panel._Reader.of(store, read_columns(store, "a"))
    object.__setattr__(reader, "width", reader.width + 1)
    with pytest.raises(StoreError, match="has not the rows of all its people"):
        reader.read(drop.genome.sites(), 7)
