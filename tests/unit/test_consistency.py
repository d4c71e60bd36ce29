"""Counts that contradict themselves stop an ingest, and are named; verify finds them too."""

import polars as pl
import pytest
import store_builders as build

from varhouse.errors import StoreError
from varhouse.tables import totals
from varhouse.tables.consistency import check_rows, impossible, strata_apart
from varhouse.tables.schema import FREQUENCIES, TOTALS
from varhouse.tables.shards import write_shard
from varhouse.tables.totals import CohortFile, write_totals

SOUND = {
    "contig": "1", "pos": 7, "ref": "A", "alt": "C", "cohort": "a", "part": "1",
    "stratum_by": "all", "stratum": "all", "ac": 5, "an": 18, "n_het": 3, "n_hom_alt": 1,
    "n_missing": 1, "n_samples": 10, "n_samples_adj": 9, "ac_adj": 3, "an_adj": 12,
    "n_het_adj": 1, "n_hom_alt_adj": 0, "n_hemi_adj": 1, "n_missing_adj": 2,
}  # fmt: skip
"""One homozygote is hemizygous once the sex is known."""


def frame(*changes: dict) -> pl.DataFrame:
    return build.fill(FREQUENCIES, [SOUND | change for change in changes])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"ac": 19}, "ac <= an"),
        ({"an_written": 4}, "ac <= an_written"),
        ({"ac": -1}, "ac >= 0"),
        ({"n_missing": -1}, "n_missing >= 0"),
        ({"n_missing": 7}, "n_het + n_hom_alt + n_hemi + n_missing <= n_samples"),
        ({"n_not_diploid": 10}, "n_not_diploid + n_missing <= n_samples"),
        ({"n_het_not_diploid": 4}, "n_het_not_diploid <= n_het"),
        ({"ac_adj": 6}, "ac_adj <= ac"),
        ({"ac_adj": 3, "an_adj": 2}, "ac_adj <= an_adj"),
        ({"an_adj": 19}, "an_adj <= an"),
        ({"n_het_adj": 4}, "n_het_adj <= n_het"),
        ({"n_hom_alt_adj": 1}, "n_hom_alt_adj + n_hemi_adj <= n_hom_alt + n_hemi"),
        ({"n_samples_adj": 11}, "n_samples_adj <= n_samples"),
        ({"n_missing_adj": 10}, "n_missing_adj <= n_samples_adj"),
    ],
)
def test_a_row_that_cannot_be(change: dict, rule: str) -> None:
    check_rows("frequencies", frame({}, {"pos": 8}), "cohort a", exactly=True)
    rows = frame({}, {"pos": 8} | change)
    found = dict(impossible("frequencies", rows))
    assert found[rule]["pos"].to_list() == [8]
    with pytest.raises(StoreError, match=r"cohort a: counts that cannot be.*1-8-A-C"):
        check_rows("frequencies", rows, "cohort a", exactly=True)


def test_where_nothing_is_known_nothing_is_wrong() -> None:
    nobody = {n: None for n in SOUND if n.endswith("_adj")}
    assert impossible("frequencies", frame(nobody)) == []


def groups(**change: int) -> pl.DataFrame:
    parts = {"ac": 2, "an": 10, "n_het": 2, "n_hom_alt": 0, "n_samples": 5, "n_missing": 0,
             "ac_adj": 1, "an_adj": 4, "n_het_adj": 1, "n_hemi_adj": 0, "n_samples_adj": 4,
             "n_missing_adj": 1, "n_hom_alt_adj": 0}  # fmt: skip
    rest = {n: SOUND[n] - v for n, v in parts.items()}
    rows = [{}, {"stratum_by": "sex", "stratum": "female"} | parts,
            {"stratum_by": "sex", "stratum": "male"} | rest | change]  # fmt: skip
    return frame(*({"pos": p} | row for p in (7, 8) for row in rows))


def test_groups_that_do_not_add_up() -> None:
    check_rows("frequencies", groups(), "cohort a", exactly=True)
    for name in ("ac", "n_samples", "an_adj", "n_missing_adj"):
        rows = groups(**{name: groups()[name][2] - 1})
        assert strata_apart(rows, exactly=True)[0][0].startswith(f"{name} of the groups")
        with pytest.raises(StoreError, match="counts that cannot be"):
            check_rows("frequencies", rows, "cohort a", exactly=True)
    # One too few here and one too many there is no less wrong.
    more = groups(ac=2).filter(pl.col("pos") == 7)
    less = groups(ac=4).filter(pl.col("pos") == 8)
    with pytest.raises(StoreError, match="ac of the groups"):
        check_rows("frequencies", pl.concat([more, less]), "cohort a", exactly=True)


def test_cohorts_may_differ_in_their_strata() -> None:
    fewer = groups(ac=2)
    assert strata_apart(fewer, exactly=False) == []
    assert strata_apart(groups(ac=4), exactly=False)[0][0].startswith("ac of the groups")


def test_totals_that_are_not_the_sums(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for cohort in "ab":
        rows = frame({"cohort": cohort}, {"cohort": cohort, "pos": 8})
        partition = {"cohort": cohort, "part": "1"}
        shard = write_shard(rows, FREQUENCIES, tmp_path, cohort, partition)
        files.append(CohortFile(cohort, shard.path, shard.rows))
    assert write_totals("1", files, tmp_path / "sound", "t")[0].rows == 2
    sound = totals._add_up

    def wrong(*rows, **options):
        return sound(*rows, **options).with_columns(ac=pl.col("ac") - 1)

    monkeypatch.setattr(totals, "_add_up", wrong)
    with pytest.raises(StoreError, match="totals of 1: ac of all alleles are not the sums"):
        write_totals("1", files, tmp_path / "wrong", "t")
    assert TOTALS.name == "totals"
