"""Totals: cohorts add up by allele and stratum, whatever is read at once."""

from collections import defaultdict

import polars as pl
import pytest
import store_builders as build
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.tables import totals
from varhouse.tables.schema import FREQUENCIES, KEY, TOTALS
from varhouse.tables.shards import write_shard
from varhouse.tables.statistics import adj_counts, counts_of, made_of
from varhouse.tables.totals import CohortFile, sum_cohorts, write_totals

COUNTS = counts_of("frequencies")
GROUP = (*KEY, "stratum_by", "stratum")
NAMES = (*GROUP, *counts_of("totals"))


def slow_totals(frame: pl.DataFrame) -> list:
    """Add up row by row: a cohort without an allele gives what it counted at the site."""
    held = defaultdict(dict)
    for row in frame.select("cohort", *GROUP, *COUNTS).iter_rows(named=True):
        place = tuple(row[c] for c in ("contig", "pos"))
        key, stratum = tuple(row[c] for c in KEY), (row["stratum_by"], row["stratum"])
        held[place].setdefault(row["cohort"], {}).setdefault(key, {})[stratum] = row
    out = []
    for cohorts in held.values():
        sums = defaultdict(lambda: dict.fromkeys(counts_of("totals"), 0))
        for key in {k for alleles in cohorts.values() for k in alleles}:
            for alleles in cohorts.values():
                site = defaultdict(list)
                for rows in alleles.values():
                    for stratum, row in rows.items():
                        site[stratum].append(row)
                rows = alleles.get(key) or {
                    s: {
                        **dict.fromkeys(COUNTS, 0),
                        "an": max(r["an"] for r in found),
                        "an_written": max(r["an_written"] for r in found),
                        "n_missing": min(r["n_missing"] for r in found),
                        "n_not_diploid": max(r["n_not_diploid"] for r in found),
                        "n_samples": max(r["n_samples"] for r in found),
                        "an_adj": max(r["an_adj"] or 0 for r in found),
                        "n_samples_adj": max(r["n_samples_adj"] or 0 for r in found),
                        "n_missing_adj": min(
                            (r["n_missing_adj"] for r in found if r["n_samples_adj"]),
                            default=0,
                        ),
                    }
                    for s, found in site.items()
                }
                for stratum, row in rows.items():
                    for name in COUNTS:
                        sums[(*key, *stratum)][name] += row[name] or 0
                    sums[(*key, *stratum)]["n_cohorts"] += row["n_samples"] > 0
        for v in sums.values():
            # Nobody whose fields are known.
            v |= dict.fromkeys(adj_counts() if not v["n_samples_adj"] else ())
        out += [(*k, *v.values()) for k, v in sums.items()]
    return sorted(out, key=str)


def adj_of(ac: int, more: int) -> dict[str, int]:
    few = min(ac, more)
    some = {"n_samples_adj": few + more // 2, "n_missing_adj": more // 2}
    return {n: few for n in ("ac_adj", "an_adj", "n_het_adj")} | {
        "n_hom_alt_adj": 0, "n_hemi_adj": 0, **some,
    }  # fmt: skip


def frame_of(rows: list) -> pl.DataFrame:
    return build.fill(
        FREQUENCIES,
        [
            {
                "cohort": c,
                "contig": contig,
                "pos": p,
                "ref": "A",
                "alt": alt,
                "stratum_by": s,
                "stratum": s,
                "ac": ac,
                "an": ac + more,
                "n_het": ac,
                "n_missing": more,
                "n_samples": ac + more,
                "n_not_diploid": min(ac, more),
                # Some files have no fields of quality.
                **(adj_of(ac, more) if more and c != "a" else {}),
                "part": "1",
            }
            for (c, contig, p, alt, s), ac, more in rows
        ],
    )


ROWS = st.lists(
    st.tuples(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["1", "10"]),
            st.integers(1, 3),
            st.sampled_from("CGT"),
            st.sampled_from(["all", "sex"]),
        ),
        st.integers(0, 5),
        st.integers(0, 2),
    ),
    unique_by=lambda r: r[0],
    max_size=60,
)


def write(frame: pl.DataFrame, folder) -> list[CohortFile]:
    """Write a file for each cohort and contig, as chunks of a cohort are."""
    files = []
    for (cohort, contig), rows in frame.group_by("cohort", "contig"):
        name = f"{cohort}-{contig}"
        shard = write_shard(rows, FREQUENCIES, folder, name, {"cohort": cohort, "part": "1"})
        files.append(CohortFile(str(cohort), shard.path, shard.rows))
    return files


def test_the_group_with_the_greatest_frequency() -> None:
    def row(by: str, group: str, ac: int, an: int, cohort: str = "a", **more: int) -> dict:
        place = {"contig": "1", "pos": 5, "ref": "A", "alt": "C", "part": "1"}
        counts = {"ac": ac, "an": an, "n_het": ac, "n_samples": an}
        return place | {"cohort": cohort, "stratum_by": by, "stratum": group} | counts | more

    fields = {"n_samples_adj": 9, "an_adj": 9, "ac_adj": 0, "n_het_adj": 0, "n_hom_alt_adj": 0,
              "n_hemi_adj": 0, "n_missing_adj": 0}  # fmt: skip
    rows = [
        row("all", "all", 9, 90),
        row("pop", "east", 1, 20, **fields),
        row("pop", "north", 0, 40),
        row("pop", "south", 1, 30, **fields | {"ac_adj": 1}),
        row("pop", "south", 2, 10, cohort="b"),
        # Equal shares: the most alleles, then the first name.
        row("sex", "female", 1, 10),
        row("sex", "male", 2, 20),
        row("sex", "other", 2, 20),
        row("site", "one", 0, 20),
    ]
    found = sum_cohorts(build.fill(FREQUENCIES, rows)).sort("stratum_by", "stratum")
    marked = found.filter("is_grpmax")["stratum"].to_list()
    assert marked == ["south", "male"]
    assert found.filter(pl.col("is_grpmax").is_null())["stratum"].to_list() == ["all"]
    adj = dict(found.select("stratum", "is_grpmax_adj").iter_rows())
    assert adj == {"all": None, "east": False, "north": None, "south": True, "female": None,
                   "male": None, "other": None, "one": None}  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=60)
@given(ROWS, st.sampled_from([1, 7, 30, 10**6]), st.sampled_from([0.0, 10.0]))
def test_totals_do_not_depend_on_what_is_read_at_once(tmp_path_factory, rows, at_once, often):
    frame = frame_of(rows)
    expected = slow_totals(frame)
    assert sorted(sum_cohorts(frame).select(NAMES).rows(), key=str) == expected
    folder = tmp_path_factory.mktemp("totals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totals, "ROWS_AT_ONCE", at_once)
        patch.setattr(totals, "MOST_READ", often)
        shards = write_totals("1", write(frame, folder), folder / "out", "t")
    found = pl.concat(
        [pl.DataFrame(schema=TOTALS.file_schema), *(pl.read_parquet(s.path) for s in shards)]
    )
    assert sorted(found.select(NAMES).rows(), key=str) == expected
    assert found.equals(found.with_columns(**made_of("totals")))
    left = [p for p in (folder / "out").rglob("*") if p.is_file()]
    assert sorted(map(str, left)) == sorted(s.path for s in shards)


def test_rows_that_are_held_at_once_are_bounded(tmp_path, monkeypatch):
    # One site of 60 alleles, of which each of 40 cohorts holds one: alleles x cohorts would be
    # 2,400 rows a stratum.
    rows = [
        ((f"c{k}", "1", 7, "C" * (1 + (k + j) % 60), s), 1, 1)
        for k in range(40)
        for j in range(2)
        for s in ("all", "sex")
    ]
    heights = []
    joined = pl.DataFrame.join

    def join(self, *args, **kwargs):
        out = joined(self, *args, **kwargs)
        heights.append(out.height)
        return out

    monkeypatch.setattr(pl.DataFrame, "join", join)
    frame = frame_of(rows)
    found = sum_cohorts(frame)
    assert max(heights) <= frame.height
    assert found["n_cohorts"].to_list() == [40] * found.height


def test_each_file_is_read_once(tmp_path, monkeypatch):
    rows = [((f"c{k:02d}", "1", p, "C", "all"), 1, 1) for k in range(30) for p in range(40)]
    files = write(frame_of(rows), tmp_path)
    monkeypatch.setattr(totals, "ROWS_AT_ONCE", 200)
    monkeypatch.setattr(totals, "MOST_READ", 1.0)
    opened = defaultdict(int)
    scan = pl.scan_parquet

    def count(source, **options):
        for path in source:
            opened[path] += 1
        return scan(source, **options)

    monkeypatch.setattr(pl, "scan_parquet", count)
    write_totals("1", files, tmp_path / "out", "t")
    assert {opened[f.path] for f in files} == {1}
