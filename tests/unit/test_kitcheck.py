"""Cohorts with capture kits in `store verify`: gVCFs, files of others and BEDs beside them."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_group_runs import plain_vcf
from test_states import some_genome, some_gvcf
from verifying import check_callable, verify

import varhouse
from varhouse.query import kitcheck
from varhouse.query.opened import OpenStore
from varhouse.store.commit import commit
from varhouse.tables.schema import CALLABLE
from varhouse.tables.shards import Manifest, write_shard

FILES = {"g0": ["a"], "g1": ["b", "c"], "v0": ["d", "e"], "v1": ["f"]}


def built(folder: Path, seed: int) -> OpenStore:
    """Build a store of one cohort: two gVCFs, two other files, two kits."""
    rng = random.Random(seed)
    genome = some_genome(rng)
    make_fasta(folder / "ref.fa", genome)
    people = ["cohort\tsample\tsex\tpopulation\tkit"]
    for name, samples in FILES.items():
        make = some_gvcf if name[0] == "g" else plain_vcf
        (folder / f"{name}.vcf").write_text(make(rng, genome, samples))
        for s in samples:
            sex = rng.choice(["male", "female", "unknown"])
            people.append(f"k\t{s}\t{sex}\t{rng.choice('PQ')}\t{rng.choice('AB')}")
    for kit in "AB":
        ends = [(c, sorted(rng.sample(range(len(b) + 1), 6))) for c, b in genome.items()]
        spans = [
            f"{c}\t{x}\t{y}\n"
            for c, at in ends
            for x, y in zip(at[::2], at[1::2], strict=True)
        ]
        (folder / f"{kit}.bed").write_text("".join(spans))
    (folder / "kits.tsv").write_text("kit\tbed\nA\tA.bed\nB\tB.bed\n")
    files = ",".join(f"{name}.vcf" for name in FILES)
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nk\t{files}\n")
    (folder / "samples.tsv").write_text("\n".join(people) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv",
        "strata": ["population", "population+sex", "kit"], "callable": {"kits": "kits.tsv"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    told = ingest_here(folder / "store", folder / "config.json")
    assert not told["held_back"]
    return varhouse.open(folder / "store")


def add_rows(store: OpenStore, folder: Path, rows: pl.DataFrame, *, only: bool) -> OpenStore:
    """Commit rows of a partition of callable, in place of all that it has or beside them."""
    where = {"cohort": "k", "part": rows["contig"][0]}
    shard = write_shard(rows, CALLABLE, folder, "bad", where)
    assert shard is not None
    made = Manifest([shard], [(CALLABLE.name, where)] if only else [])
    release = store.release
    commit(store.path, [made], ingest_id=f"bad{release}", operation="i", base_release=release)
    return varhouse.open(store.path)


@pytest.mark.parametrize("seed", range(1))
def test_what_is_stored_is_counted_again(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = built(tmp_path, seed)
    assert verify(store) == []
    assert list(check_callable(store)) == []
    rows = store.scan("callable").filter(stratum_by="kit", contig="c1").collect()
    assert rows.height > 5
    # In small pieces, too.
    monkeypatch.setattr(kitcheck, "ROWS_AT_ONCE", 200)
    assert list(check_callable(store)) == []
    # One more person at one base, in one stratum.
    base = store.callability("c1", stratum_by="kit")["end"].max()
    one = rows[:1].with_columns(pl.lit(base, pl.Int32).alias(n) for n in ("start", "end"))
    broken = add_rows(store, tmp_path, one, only=False)
    stratum = one["stratum"][0]
    assert [str(p) for p in check_callable(broken)] == [
        "callable: cohort k counts something else than its runs, kits and records, first at "
        f"c1:{base}, stratum kit {stratum}"
    ]


def test_rows_that_are_lacking_are_found(tmp_path: Path) -> None:
    store = built(tmp_path, 5)
    rows = store.scan("callable").filter(contig="c1").collect()
    everybody = rows.filter(stratum_by="all").sort("start")
    lost = everybody[everybody.height // 2]
    broken = add_rows(store, tmp_path, rows.join(lost, on=rows.columns, how="anti"), only=True)
    (found,) = check_callable(broken)
    assert f"first at c1:{lost['start'][0]}, stratum all all" in str(found)
