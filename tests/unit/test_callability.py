"""Who is assessed at any base: sums of rows of `callable`, against a count base by base."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from builders import add_tables, key, make_contigs, make_rows, make_store

from varhouse import open as open_store
from varhouse.cli import main
from varhouse.errors import UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.ingest.setup.sheets import read_cohorts
from varhouse.query import Answer, Question, callablerows, stretches
from varhouse.query import callability as module
from varhouse.query.callability import TOTAL, callability
from varhouse.query.sql import run_sql
from varhouse.query.stretches import Stretches, add_up, concat, join_equal
from varhouse.tables.schema import TABLES
from varhouse.tables.statistics import FREQUENCIES, counts_of, site_counts

COUNTS = site_counts()
ADJ = [n for n in COUNTS if n.endswith("_adj")]
SEXES = {"a": ["male", "male", "female"], "b": ["female"], "c": ["male", "female"]}
STRATA = {
    cohort: {("all", "all"): len(sexes), **{("sex", s): sexes.count(s) for s in sexes}}
    for cohort, sexes in SEXES.items()
}
Row = Mapping[str, Any]
Group = tuple[str, str, str]


def people(sexes: Mapping[str, list[str]] = SEXES) -> dict[str, list[Row]]:
    """Rows of the tables that say who is in the cohorts."""
    account = json.dumps({"strata": ["sex"]})
    return {
        "cohorts": [
            {"cohort": c, "n_samples": len(s), "ingest_id": "i", "attributes": "{}"}
            for c, s in sexes.items()
        ],
        "accounts": [{"ingest_id": "i", "account": account}],
        "samples": [
            {"cohort": c, "sample": f"{c}{k}", "ordinal": k, "sex": sex, "attributes": "{}"}
            for c, s in sexes.items()
            for k, sex in enumerate(s)
        ],
    }  # fmt: skip


def random_rows(
    rng: random.Random, cohort: str, contig: str, n: int, shards: int
) -> list[Row]:
    """Rows of `callable`: those of a shard and stratum lie apart, those of several do not."""
    rows = []
    for (by, value), _size in STRATA[cohort].items():
        for _ in range(shards):
            start = rng.randint(1, 40)
            for _ in range(n):
                end = start + rng.randint(0, 9)
                counts = {name: rng.randint(0, 2) for name in COUNTS}
                rows.append(
                    {"cohort": cohort, "contig": contig, "start": start, "end": end,
                     "stratum_by": by, "stratum": value, **counts}
                )  # fmt: skip
                start = end + 1 + rng.choice([0, 0, 5])
    return rows


def slow(rows: Iterable[Row], contig: str, base: int) -> dict[Group, list[int]]:
    """Count at a base: for each cohort and stratum, and all cohorts together."""
    out: dict[Group, list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for row in rows:
        if row["contig"] == contig and row["start"] <= base <= row["end"]:
            for cohort in (row["cohort"], TOTAL):
                mine = out[cohort, row["stratum_by"], row["stratum"]]
                for k, name in enumerate(COUNTS):
                    mine[k] += row[name]
    return out


def by_base(frame: pl.DataFrame) -> dict[tuple[str, int, Group], Row]:
    """Spread stretches over their bases; no base of a group may come twice."""
    out: dict[tuple[str, int, Group], Row] = {}
    for row in frame.iter_rows(named=True):
        for base in range(row["start"], row["end"] + 1):
            place = (row["contig"], base, (row["cohort"], row["stratum_by"], row["stratum"]))
            assert place not in out
            out[place] = row
    return out


def groups(cohorts: Iterable[str]) -> dict[Group, int]:
    """Every cohort and stratum, and all cohorts together, with the people in it."""
    out: dict[Group, int] = defaultdict(int)
    for cohort in cohorts:
        for (by, value), size in STRATA[cohort].items():
            out[cohort, by, value] += size
            out[TOTAL, by, value] += size
    return out


def check(
    frame: pl.DataFrame,
    rows: list[Row],
    contig: str,
    low: int,
    high: int,
    of: dict[Group, int],
) -> None:
    """Compare an answer with the slow count at each base."""
    found = by_base(frame)
    assert len(found) == (high - low + 1) * len(of)
    for base in range(low, high + 1):
        expected = slow(rows, contig, base)
        for group, size in of.items():
            row = found[contig, base, group]
            counts = dict(zip(COUNTS, expected[group], strict=True))
            known = counts["n_samples_adj"] > 0
            for name in COUNTS:
                want = None if name in ADJ and not known else counts[name]
                assert row[name] == want, (base, group, name)
            assert row["n_people"] == size
            assert row["n_not_assessed"] == size - counts["n_samples"]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    rng = random.Random(4)
    return [
        *random_rows(rng, "a", "chr1", 30, 1),
        *random_rows(rng, "b", "chr1", 20, 2),
        *random_rows(rng, "a", "chr2", 5, 1),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Path:
    two = {c: SEXES[c] for c in "ab"}
    made = tmp_path_factory.mktemp("callable") / "store"
    return make_store(made, {**people(two), "callable": rows})


@pytest.mark.parametrize("few_gaps", [0, 1_000], ids=["one by one", "as slices"])
def test_stretches_add_up_as_base_by_base(
    monkeypatch: pytest.MonkeyPatch, few_gaps: int
) -> None:
    monkeypatch.setattr(stretches, "FEW_GAPS", few_gaps)
    rng = np.random.default_rng(1)
    for _ in range(200):
        n = int(rng.integers(0, 12))
        group, start = rng.integers(0, 3, n), rng.integers(1, 30, n)
        end = start + rng.integers(0, 8, n)
        counts = rng.integers(0, 3, (2, n)).astype(np.int32)
        low = int(rng.integers(1, 20))
        high = low + int(rng.integers(0, 20))
        found = add_up(Stretches(group, start, end, counts), low, high, np.arange(3))
        wanted = np.zeros((3, 2, high - low + 1), int)
        told = np.full_like(wanted, -1)
        for g, a, b, c in zip(group, start, end, counts.T, strict=True):
            for base in range(max(a, low), min(b, high) + 1):
                wanted[g, :, base - low] += c
        for g, a, b, c in zip(
            found.group, found.start, found.end, found.counts.T, strict=True
        ):
            assert (told[g, :, a - low : b - low + 1] == -1).all()
            told[g, :, a - low : b - low + 1] = c[:, None]
        assert (told == wanted).all()
        assert join_equal(found).group.size == found.group.size


def test_stretches_of_pieces_are_joined() -> None:
    some = Stretches(
        np.array([0, 0]), np.array([1, 5]), np.array([4, 9]), np.ones((1, 2), np.int32)
    )
    again = concat([some], 1)
    assert join_equal(again).end.tolist() == [9]
    assert join_equal(Stretches.empty(1)).group.size == 0


@pytest.mark.parametrize("at_once", [1_000_000, 40], ids=["at once", "in pieces"])
def test_every_base_is_answered_for(
    store: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", at_once)
    opened = open_store(store)
    whole = opened.callability("chr1:1-400")
    check(whole, rows, "chr1", 1, 400, groups("ab"))
    order = whole.select("cohort", "stratum_by", "stratum", "start")
    assert order.equals(order.sort(pl.col("cohort") == TOTAL, "cohort", *order.columns[1:]))
    # A stretch is as long as it can be.
    same = whole.select(*order.columns[:3], *COUNTS)
    behind = whole["start"][1:] == whole["end"][:-1] + 1
    alike = pl.Series([same.row(i) == same.row(i + 1) for i in range(same.height - 1)])
    assert not (behind & alike).any()
    check(opened.callability("2:10-60"), rows, "chr2", 10, 60, groups("ab"))


def test_one_base_is_a_row_a_group(store: Path, rows: list[Row]) -> None:
    opened = open_store(store)
    for base in (1, 45, 77, 999_999):
        frame = opened.callability(f"chr1:{base}")
        assert frame.height == len(groups("ab"))
        check(frame, rows, "chr1", base, base, groups("ab"))


def test_what_nobody_covers_is_a_row(store: Path) -> None:
    frame = open_store(store).callability("chr10", stratum_by="all")
    assert frame.select("start", "end", "cohort", "n_samples", "n_not_assessed").rows() == [
        (1, 1_000_000, "a", 0, 3), (1, 1_000_000, "b", 0, 1), (1, 1_000_000, "all", 0, 4),
    ]  # fmt: skip
    assert frame["an_adj"].to_list() == [None] * 3


def test_cohorts_and_strata_are_chosen(store: Path, rows: list[Row]) -> None:
    opened = open_store(store)
    every = groups("ab")
    for cohorts in (["a"], [TOTAL], ["b", TOTAL]):
        wanted = {g: n for g, n in every.items() if g[0] in cohorts}
        check(opened.callability("chr1:30-80", cohort=cohorts), rows, "chr1", 30, 80, wanted)
    wanted = {g: n for g, n in every.items() if g[1] == "sex"}
    check(opened.callability("chr1:30-80", stratum_by="sex"), rows, "chr1", 30, 80, wanted)
    with pytest.raises(UsageError, match="no cohort 'aa'"):
        opened.callability("chr1:1", cohort="aa")
    with pytest.raises(UsageError, match="no strata by 'sexes'; nearest: sex"):
        opened.callability("chr1:1", stratum_by="sexes")
    with pytest.raises(UsageError, match="nothing says which bases"):
        callability(opened)
    with pytest.raises(UsageError, match="chr1 has 1,000,000 bases"):
        opened.callability("chr1:1000001")
    with pytest.raises(UsageError, match="none is 0"):
        opened.callability("chr1:0")
    assert opened.callability("chr1:0-3").equals(opened.callability("chr1:1-3"))


def test_public_view_has_no_sizes_of_strata(store: Path, rows: list[Row]) -> None:
    own = open_store(store).callability("chr1:1-200")
    shown = open_store(store, audience="public").callability("chr1:1-200")
    counts = ["start", "end", "cohort", "stratum_by", "stratum", *COUNTS]
    assert shown.select(counts).sort(counts).equals(own.select(counts).sort(counts))
    sizes = shown.filter(cohort="a").select("stratum_by", "n_people").unique().sort("n_people")
    assert sizes.rows() == [("sex", None), ("all", 3)]


def site(cohort: str, text: str, by: str, value: str, **counts: int) -> Row:
    zero = {n: counts.get(n, 0) for n in counts_of(FREQUENCIES)}
    return {**key(text), "cohort": cohort, "stratum_by": by, "stratum": value, **zero}


def test_a_cohort_without_runs_is_known_at_its_sites(tmp_path: Path, rows: list[Row]) -> None:
    sites = [
        site("c", "chr1-50-A-C", "all", "all", an=3, n_samples=2, n_missing=1),
        site("c", "chr1-50-A-G", "all", "all", an=4, n_samples=2, n_missing=0),
        site("c", "chr1-50-A-C", "sex", "male", an=2, n_samples=1),
        # Another site: its REF covers base 50, which says nothing of that.
        site("c", "chr1-48-ATT-A", "all", "all", an=2, n_samples=1),
    ]
    tables = {**people(), "callable": rows, "frequencies": sites}
    made = make_store(tmp_path / "s", tables)
    spread: list[Row] = [
        {"cohort": "c", "contig": "chr1", "start": p, "end": p, "stratum_by": by, "stratum": v,
         **dict.fromkeys(COUNTS, 0), "an": an, "n_samples": n}
        for p, by, v, an, n in [(50, "all", "all", 4, 2), (50, "sex", "male", 2, 1),
                                (48, "all", "all", 2, 1)]
    ]  # fmt: skip
    frame = open_store(made).callability("chr1:40-60")
    check(frame, [*rows, *spread], "chr1", 40, 60, groups("abc"))


def test_contigs_of_one_partition_are_apart(tmp_path: Path) -> None:
    names = [f"s{i}" for i in range(250)]
    contigs = Contigs(Contig(n, [], None, 100) for n in names)
    assert contigs.part("s240") == contigs.part("s249")
    rng = random.Random(2)
    rows = [r for c in ("s240", "s249") for r in random_rows(rng, "a", c, 6, 2)]
    one = people({"a": SEXES["a"]})
    made = make_store(tmp_path / "s", {**one, "callable": rows}, contigs)
    of = {g: n for g, n in groups("a").items() if g[0] != TOTAL}
    opened = open_store(made)
    for contig in ("s240", "s245", "s249"):
        check(opened.callability(contig), rows, contig, 1, 100, of)


def test_shards_of_later_ingests_add_up(tmp_path: Path, rows: list[Row]) -> None:
    two = {c: SEXES[c] for c in "ab"}
    made = make_store(tmp_path / "s", {**people(two), "callable": rows[::2]})
    add_tables(made, {"callable": make_rows(TABLES["callable"], rows[1::2])}, make_contigs())
    check(open_store(made).callability("chr1:20-70"), rows, "chr1", 20, 70, groups("ab"))


def test_the_command_gives_the_same(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = open_store(store).callability("chr1:30-90")
    ask = ["query", str(store), "--callable", "--region", "chr1:30-90"]
    assert main([*ask, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole.to_dicts()
    out = tmp_path / "a.parquet"
    assert main([*ask, "-o", str(out), "--where", 'stratum == "male"']) == 0
    assert pl.read_parquet(out).equals(whole.filter(stratum="male"))
    one = [*ask, "--cohort", "a", "--stratum-by", "all", "--columns", "start,AN"]
    assert main([*one, "--limit", "2"]) == 0
    rows = whole.filter(cohort="a", stratum_by="all").select("start", "an").head(2).rows()
    wanted = "".join(f"{start}\t{an}\n" for start, an in rows)
    assert capsys.readouterr().out == f"start\tan\n{wanted}"
    assert main([*ask, "--format", "table"]) == 0
    assert "n_not_assessed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--cohort", "a"], "--cohort goes with --callable"),
        (["--stratum-by", "all"], "--stratum-by goes with --callable"),
        (["--callable"], "nothing says which bases"),
        (["--callable", "--table", "variants"], "does not go with --table"),
        (["--callable", "--region", "chr1", "--columns", "af"], "no column 'af'"),
        (["--callable", "--region", "chr1", "--format", "vcf"], "--callable is of bases"),
        (["--callable", "--region", "chr1", "--cohort", "x"], "no cohort 'x'"),
    ],
)
def test_the_command_says_what_is_wrong(
    store: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert main(["query", str(store), *options]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("audience", ["controlled", "public"])
@pytest.mark.parametrize("at_once", [1_000_000, 40], ids=["at once", "in pieces"])
def test_the_overview_knows_who_lacks_an_allele(
    tmp_path: Path,
    rows: list[Row],
    monkeypatch: pytest.MonkeyPatch,
    audience: str,
    at_once: int,
) -> None:
    monkeypatch.setattr(callablerows, "ROWS_AT_ONCE", at_once)
    texts = [f"chr1-{pos}-A-{alt}" for pos in range(1, 300, 7) for alt in "CG"]
    texts += ["chr1-150-ATT-A", "chr2-20-A-C", "chr10-5-A-C"]
    held = [site("c", text, "all", "all", ac=1, an=4, n_samples=2) for text in texts]
    # Where cohort a holds an allele of the site, its rows count.
    held += [site("a", "chr1-8-A-C", "all", "all", an=6, n_samples=3)]
    made = make_store(
        tmp_path / "s",
        {**people(), "callable": rows, "frequencies": held,
         "variants": [{**key(t), "end": key(t)["pos"], "type": "snv"} for t in texts]},
    )  # fmt: skip
    opened = open_store(made, audience=audience)
    names = ["ac", "af", *COUNTS]
    columns = ["contig", "pos", "alt", *(f"{n}_{c}" for n in names for c in "ab")]
    frame = pl.concat(Answer(opened, Question(columns=columns)).frames())
    assert frame.height == len(texts)
    for row in frame.iter_rows(named=True):
        counted = slow(rows, row["contig"], row["pos"])
        for cohort in "ab":
            counts = dict(zip(COUNTS, counted[cohort, "all", "all"], strict=True))
            if cohort == "a" and (row["contig"], row["pos"]) == ("chr1", 8):
                assert (row["an_a"], row["n_samples_a"]) == (6, 3)
                continue
            if not counts["n_samples"]:
                assert {row[f"{n}_{cohort}"] for n in names} == {None}
                continue
            known = counts["n_samples_adj"] > 0
            for name in COUNTS:
                want = None if name in ADJ and not known else counts[name]
                assert row[f"{name}_{cohort}"] == want
            assert row[f"ac_{cohort}"] == 0
            assert row[f"af_{cohort}"] == (0 if counts["an"] else None)


@pytest.mark.parametrize("audience", ["controlled", "public"])
def test_sql_adds_the_rows_of_a_base_up(store: Path, rows: list[Row], audience: str) -> None:
    opened = open_store(store, audience=audience)
    for base in (5, 45, 77):
        result = run_sql(opened, f"SELECT * FROM callable_at('chr1', {base})")
        found = pl.concat([pl.DataFrame(schema=result.schema), *result.batches])
        counted = {g: n for g, n in slow(rows, "chr1", base).items() if g[0] != TOTAL}
        assert found.height == len(counted) > 0
        for row in found.iter_rows(named=True):
            assert (row["contig"], row["pos"]) == ("chr1", base)
            counts = dict(
                zip(
                    COUNTS,
                    counted[row["cohort"], row["stratum_by"], row["stratum"]],
                    strict=True,
                )
            )
            for name in COUNTS:
                is_known = name not in ADJ or counts["n_samples_adj"] > 0
                assert row[name] == (counts[name] if is_known else None)
    empty = run_sql(opened, "SELECT * FROM callable_at('chr10', 5)")
    assert sum(b.height for b in empty.batches) == 0


def test_no_cohort_is_called_as_all_together_are(tmp_path: Path) -> None:
    sheet = tmp_path / "cohorts.tsv"
    sheet.write_text(f"cohort\tfiles\n{TOTAL}\ta.vcf\nalls\ta.vcf\n")
    problems = read_cohorts(sheet).problems
    assert [p for p in problems if "called so" in p] == [p for p in problems if ":2:" in p]
    assert len(problems) == 1
