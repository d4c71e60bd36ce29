"""Totals that count a person once, of gVCFs, files of one person each, and capture kits."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from gvcf_people import BATCHES, CONTIGS, POPULATIONS, People
from inprocess import ingest_here
from verifying import check_callable, verify

import varhouse
from varhouse.people import once
from varhouse.people.once import recount_without
from varhouse.people.samepairs import PAIR_SCHEMA, UNTOLD_SCHEMA, Pairs
from varhouse.store.drop import drop_cohort
from varhouse.tables.schema import KEY, TOTALS

ROW = [*KEY, "stratum_by", "stratum"]
SAME = [("c", "P2", "d", "Q2"), ("c", "P3", "d", "Q3"), ("c", "P5", "d", "Q5")]


@pytest.fixture(autouse=True)
def _pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say who is one person: the contigs are too short to find it."""

    def find(store, cohorts=None, settings=None) -> Pairs:
        people = set(store.scan("samples").select("cohort", "sample").collect().rows())
        rows = [
            (*r, 500, 1.0, 0.5)
            for r in SAME
            if {r[:2], r[2:]} <= people and (cohorts is None or {r[0], r[2]} & {*cohorts})
        ]
        frame = pl.DataFrame(rows, schema=PAIR_SCHEMA, orient="row")
        return Pairs(frame, pl.DataFrame(schema=UNTOLD_SCHEMA))

    monkeypatch.setattr(once, "find_pairs", find)


class Two:
    """Cohorts c, P0 to P5, and d, Q2 to Q7: Q2, Q3 and Q5 have the files of P2, P3 and P5."""

    def __init__(self, folder: Path, plain: tuple[int, ...]) -> None:
        self.people = People(folder, plain)
        self.folder = folder
        self.kits: dict[str, str] = {}
        for k in range(8):
            self.people.write(k)
            text = (folder / f"p{k}.g.vcf").read_text()
            (folder / f"q{k}.g.vcf").write_text(text.replace(f"\tP{k}\n", f"\tQ{k}\n"))

    def ingest(self, store: Path, c=range(6), d=range(2, 8), policy: str = "once") -> dict:
        cohorts, rows = [], []
        for name, who, letter in (("c", c, "P"), ("d", d, "Q")):
            files = [f"{letter.lower()}{k}.g.vcf" for k in who]
            (self.folder / f"{name}.txt").write_text("\n".join(files) + "\n")
            cohorts += [f"{name}\t@{name}.txt\t{self.kits.get(name, '')}"] if files else []
            rows += [
                f"{name}\t{letter}{k}\t{('female', 'male')[k % 2]}\t{POPULATIONS[k % 3]}\t"
                f"{BATCHES[k % 4]}"
                for k in who
            ]
        sheet = ["cohort\tfiles\tcallable", *cohorts]
        (self.folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
        people = "\n".join(["cohort\tsample\tsex\tpopulation\tbatch", *rows])
        (self.folder / "samples.tsv").write_text(people)
        config = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv",
            "strata": ["sex", "population", "sex+batch"], "policy": {"same_person": policy},
        }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        return ingest_here(store, self.folder / "config.json", chunk_records=60)

    def cut(self, c=range(6), d=range(2, 8)) -> Path:
        """Build a store of some people, each counted."""
        store = self.folder / f"cut-{len(list(self.folder.iterdir()))}"
        self.ingest(store, c, d, "count_each")
        return store


@pytest.fixture
def make(tmp_path: Path) -> Callable[[tuple[int, ...]], Two]:
    return lambda plain: Two(tmp_path, plain)


def _check(store: Path, wanted: Path, *, adj: bool = True) -> None:
    """Compare totals; alleles of which nobody counted has a copy may be there besides."""
    one, other = varhouse.open(store), varhouse.open(wanted)
    got, want = (s.totals().collect().sort(ROW).select(TOTALS.names) for s in (one, other))
    mine = got.join(want.select(KEY).unique(), on=KEY, how="semi", maintain_order="left")
    names = [n for n in TOTALS.names if adj or "_adj" not in n]
    assert mine.select(names).equals(want.select(names))
    more = got.join(want, on=KEY, how="anti")
    assert (more["ac"] == 0).all()
    assert [str(p) for p in verify(one)] == []
    if adj:
        assert check_callable(one) == []
    for part in CONTIGS:
        if one.table("same_people").collect().height:
            counted = _at_bases(one, "callable_once", part, adj=adj)
            assert counted == _at_bases(other, "callable", part, adj=adj)


def _at_bases(store, table: str, part: str, *, adj: bool) -> dict:
    """Give what cohort d counts at every base, by stratum."""
    out: dict = {}
    rows = store.table(table, part=part).filter(pl.col("cohort") == "d").collect()
    names = [c for c in rows.columns if c.startswith(("n_", "an"))]
    names = [c for c in names if adj or not c.endswith("_adj")]
    for row in rows.iter_rows(named=True):
        for base in range(row["start"], row["end"] + 1):
            key = (row["contig"], base, row["stratum_by"], row["stratum"])
            held = out.setdefault(key, dict.fromkeys(names, 0))
            for n in names:
                held[n] += row[n]
    return {k: v for k, v in out.items() if any(v.values())}


@pytest.mark.parametrize("plain", [(), range(8), (0, 2, 5, 6)], ids=["gvcf", "vcf", "both"])
def test_people_of_gvcfs_count_once(make, plain) -> None:
    two = make(plain)
    store = two.folder / "s"
    two.ingest(store)
    _check(store, two.cut(d=(4, 6, 7)))
    # One of them leaves the first cohort, and counts in the second; another comes there.
    two.ingest(store, c=(0, 1, 3, 4, 5))
    _check(store, two.cut(c=(0, 1, 3, 4, 5), d=(2, 4, 6, 7)))
    # The second grows by one who is nobody else.
    two.ingest(store, c=(0, 1, 3, 4, 5), d=(0, 2, 3, 4, 5, 6, 7))
    _check(store, two.cut(c=(0, 1, 3, 4, 5), d=(0, 2, 4, 6, 7)))
    drop_cohort(store, "c", recount=recount_without)
    _check(store, two.cut(c=(), d=(0, 2, 3, 4, 5, 6, 7)))


def test_nobody_is_left_of_a_cohort(make) -> None:
    two = make(())
    store = two.folder / "s"
    two.ingest(store, d=(2, 3, 5))
    _check(store, two.cut(d=()))
    shutil.rmtree(store)
    two.ingest(store, d=(2,))
    _check(store, two.cut(d=()))


@pytest.mark.parametrize("plain", [range(8), (0, 2, 5, 6)], ids=["vcf", "both"])
def test_people_with_a_capture_kit_count_once(make, plain) -> None:
    two = make(plain)
    for name in "cd":
        (two.folder / f"{name}.bed").write_text("c1\t30\t400\nX\t100\t600\nY\t0\t300\n")
        two.kits[name] = f"{name}.bed"
    store = two.folder / "s"
    two.ingest(store)
    # Of who holds an allele in a file beside others, high quality is not kept.
    _check(store, two.cut(d=(4, 6, 7)), adj=False)
    rows = varhouse.open(store).frequencies_once().collect()
    assert rows["n_samples_adj"].null_count() > 0
