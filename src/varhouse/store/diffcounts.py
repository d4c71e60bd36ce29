"""Counts that moved from one release to another, by what moved them.

An allele's counts over all cohorts move because a cohort came, went or changed: whose people
changed, were withdrawn, or whose calls did. So the counts of each cohort that differs are
compared by themselves, and what consequences and sources say beside them. Work goes by windows
of positions (`diff.Pair`): memory does not grow with the store.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from varhouse.store.diff import Pair, compare_releases, differing_parts
from varhouse.store.history import changes_of
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY

LARGEST = 5
"""Moves that are told of each cause, the largest ones."""

CAME, WENT, WITHDRAWAL, PEOPLE, CALLS = "came", "went", "withdrawal", "people", "calls"
"""Why the counts of a cohort moved; `calls`: its people are as many as before."""

_WITHDRAW = "withdraw"
"""What a withdrawal is called as the operation of a release."""

_COUNTS = ("ac", "an")


def explain_moves(old: Store, new: Store) -> dict[str, Any]:
    """Say which counts moved between two releases, and what moved them.

    Parameters
    ----------
    old, new
        The same store at two releases.

    Returns
    -------
    dict
        `old`, `new`: numbers of the releases. `alleles`: `added` and `gone`. `totals`: what
        moved over all cohorts. `cohorts`: a list, of each that differs `cohort`, `cause`
        (`CAME`, ...), `people` [before, after], `releases` (those between that changed it,
        with operation and reason) and what moved. `annotation`: a list of `cause` (`gene
        model` or `source`), `name`, `versions`, `alleles` and `largest`, the most frequent
        changes.

        What moved is `alleles`, how many have another AC or AN, `ac` and `an`, sums
        over them [before, after], and `largest`: by the change of AF, then of AC. An allele
        without a row counts as AC 0 of AN 0, but where a cohort with runs is there (table
        `callable`): people may be called as the reference at it, and its AN was not recorded.
        Those are left out, and `no_row` [before, after] says how many.
    """
    between = _between(old, new)
    return {
        "old": old.release,
        "new": new.release,
        "alleles": _alleles(old, new),
        "totals": _moved(old, new, "totals", None),
        "cohorts": [
            {**_cause(name, sides, between), **_moved(old, new, "frequencies", name)}
            for name, sides in _differing_cohorts(old, new, between)
        ],
        "annotation": list(_annotation(old, new)),
    }


def _between(old: Store, new: Store) -> list[dict[str, Any]]:
    """Give what the releases after the earlier up to the later of the two changed."""
    first, last = sorted((old.release, new.release))
    view = new.view_of_all.without(old.view_of_all.withheld)
    return [changes_of(new.path, n, view) for n in range(first + 1, last + 1)]


def _differing_cohorts(
    old: Store, new: Store, between: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, list[int | None]]]:
    """List the cohorts that differ, with their numbers of people (None: not there)."""
    held = [
        dict(s.scan("cohorts").select("cohort", "n_samples").collect().rows())
        for s in (old, new)
    ]
    touched = {c for found in between for c in found["cohorts"] or {}}
    files = [_cohort_files(s) for s in (old, new)]
    for name in sorted({*held[0], *held[1]}):
        if name in touched or files[0].get(name) != files[1].get(name):
            yield name, [h.get(name) for h in held]


def _cohort_files(store: Store) -> dict[str, set[str]]:
    if "frequencies" not in store.tables:
        return {}
    files = store.file_frame("frequencies")
    if not files.height:
        return {}
    by = files.group_by("partition.cohort").agg("path")
    return {cohort: set(paths) for cohort, paths in by.rows()}


def _cause(
    name: str, people: list[int | None], between: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    mine = [f for f in between if f["cohorts"] is None or name in f["cohorts"]]
    if people[0] is None:
        cause = CAME
    elif people[1] is None:
        cause = WENT
    elif any(f["operation"] == _WITHDRAW for f in mine):
        cause = WITHDRAWAL
    else:
        cause = PEOPLE if people[0] != people[1] else CALLS
    releases = [
        {"release": f["release"], "operation": f["operation"],
         "reason": f["event"].get("reason")}
        for f in mine
    ]  # fmt: skip
    return {"cohort": name, "cause": cause, "people": people, "releases": releases}


def _moved(old: Store, new: Store, table: str, cohort: str | None) -> dict[str, Any]:
    """Compare AC and AN of the alleles of a cohort, or of the totals."""
    out: dict[str, Any] = {"alleles": 0, "ac": [0, 0], "an": [0, 0], "no_row": [0, 0]}
    largest: list[pl.DataFrame] = []
    parts = differing_parts(old, new, table, cohort)
    contigs = new.assembly_contigs
    order = {part: i for i, part in enumerate(contigs.part(c) for c in contigs.names)}
    runs = [_with_runs(s) for s in (old, new)]
    assessed = [bool(r if cohort is None else r & {cohort}) for r in runs]
    for part in sorted(parts, key=lambda p: order[p]):
        pair = Pair(old, new, table, part, cohort)
        for window in pair.windows():
            found = _differ(pair, window)
            for side, end in enumerate(("", "_new")):
                if assessed[side]:
                    # Without a row, nobody knows here how many were called.
                    is_lone = found[f"an{end}"].is_null()
                    out["no_row"][side] += int(is_lone.sum())
                    found = found.filter(~is_lone)
            if not found.height:
                continue
            found = found.fill_null(0)
            out["alleles"] += found.height
            for count in _COUNTS:
                sums = found.select(pl.col(count).sum(), pl.col(f"{count}_new").sum()).row(0)
                out[count] = [a + int(b) for a, b in zip(out[count], sums, strict=True)]
            # Of all windows no more rows are kept than are told in the end.
            largest = [_largest(pl.concat([*largest, found]))]
    rows = largest[0].rows(named=True) if largest else []
    return {**out, "largest": [_as_move(row) for row in rows]}


def _with_runs(store: Store) -> set[str]:
    """List the cohorts of which a table says which bases were assessed."""
    if "callable" not in store.tables:
        return set()
    files = store.file_frame("callable")
    return set(files["partition.cohort"].to_list()) if files.height else set()


def _differ(pair: Pair, window: pl.Expr) -> pl.DataFrame:
    """Give the alleles of a window whose AC or AN differ: null where a side has no row."""
    sides = [_counts(f, window) for f in (pair.old, pair.new)]
    joined = sides[0].join(sides[1], on=KEY, how="full", coalesce=True, suffix="_new")
    return joined.filter(
        pl.any_horizontal(
            pl.col(c).fill_null(0) != pl.col(f"{c}_new").fill_null(0) for c in _COUNTS
        )
    )


def _counts(frame: pl.LazyFrame, window: pl.Expr) -> pl.DataFrame:
    if "ac" not in frame.collect_schema().names():
        # A side without files has the key alone.
        return frame.collect().with_columns(
            pl.lit(0, pl.Int64).alias(c) for c in _COUNTS
        )  # fmt: skip
    rows = frame.filter(window, pl.col("stratum_by") == "all")
    return rows.select(*KEY, *(pl.col(c).cast(pl.Int64) for c in _COUNTS)).collect()


def _af(suffix: str) -> pl.Expr:
    ac, an = pl.col(f"ac{suffix}"), pl.col(f"an{suffix}")
    return pl.when(an > 0).then(ac / an).otherwise(0.0)


def _largest(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.with_columns(
            _af=(_af("_new") - _af("")).abs(), _ac=(pl.col("ac_new") - pl.col("ac")).abs()
        )
        .sort("_af", "_ac", *KEY, descending=[True, True, *(False for _ in KEY)])
        .head(LARGEST)
        .drop("_af", "_ac")
    )


def _as_move(row: dict[str, Any]) -> dict[str, Any]:
    key = [str(row[n]) for n in KEY]
    allele = "-".join(key if row["extent"] else key[:-1])
    return {"allele": allele, **{c: [row[c], row[f"{c}_new"]] for c in _COUNTS}}


def _alleles(old: Store, new: Store) -> dict[str, int]:
    frames = compare_releases(old, new, ["variants"])
    found = _sum_up(f.group_by("change").agg(n=pl.len()) for f in frames)
    return {change: found.get((change,), 0) for change in ("added", "gone")}


def _sum_up(frames: Iterable[pl.DataFrame]) -> dict[tuple[Any, ...], int]:
    """Add counts up: of each combination of all columns but the last, `n`."""
    out: dict[tuple[Any, ...], int] = {}
    for frame in frames:
        for *what, n in frame.rows():
            out[tuple(what)] = out.get(tuple(what), 0) + int(n)
    return out


def _annotation(old: Store, new: Store) -> Iterator[dict[str, Any]]:
    said = [s.record.meta.get("annotation", {}) for s in (old, new)]
    tables = [
        t for t in sorted({*old.tables, *new.tables})
        if t == "consequences" or t.startswith("annotations_")
    ]  # fmt: skip
    for table in tables:
        frames = compare_releases(old, new, [table])
        rows = [f.group_by("change", "old", "new").agg(n=pl.len()) for f in frames]
        found = _sum_up(rows)
        source = table.removeprefix("annotations_")
        is_model = table == source
        versions = [None if is_model else s.get("versions", {}).get(source) for s in said]
        renewed = is_model and said[0].get("genes") != said[1].get("genes")
        if not found and versions[0] == versions[1] and not renewed:
            continue
        most = sorted(found.items(), key=lambda f: (-f[1], str(f[0])))[:LARGEST]
        yield {
            "cause": "gene model" if is_model else "source",
            "name": source,
            "versions": versions,
            "renewed": renewed or versions[0] != versions[1],
            "alleles": sum(found.values()),
            "largest": [
                {"change": change, "old": a, "new": b, "n": n} for (change, a, b), n in most
            ],
        }


def describe_moves(found: dict[str, Any]) -> list[str]:
    """Write what `explain_moves` found, for people."""
    alleles, totals = found["alleles"], found["totals"]
    lines = [
        f"release {found['old']} -> {found['new']}",
        f"  {alleles['added']:>12,}  alleles added",
        f"  {alleles['gone']:>12,}  alleles gone",
        f"  {totals['alleles']:>12,}  alleles with other counts over all cohorts",
        *_move_lines(totals, found),
    ]
    for c in found["cohorts"]:
        people = " -> ".join("-" if n is None else f"{n:,}" for n in c["people"])
        by = ", ".join(
            f"{r['operation']} {r['release']}" + (f" ({r['reason']})" if r["reason"] else "")
            for r in c["releases"]
        )
        what = f"cohort {c['cohort']}: {c['cause']}, people {people}; {by}"
        lines += [f"  {c['alleles']:>12,}  {what}", *_move_lines(c, found)]
    for a in found["annotation"]:
        versions = " -> ".join(v or "-" for v in a["versions"]) if any(a["versions"]) else ""
        kind = f"{a['cause']} {a['name']} {versions}".rstrip()
        lines.append(f"  {a['alleles']:>12,}  {kind}: {'renewed' if a['renewed'] else 'same'}")
        lines += [
            f"  {m['n']:>12,}    {m['change']}: {m['old'] or '-'} -> {m['new'] or '-'}"
            for m in a["largest"]
        ]
    return lines


def _move_lines(moved: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for m in moved["largest"]:
        (ac, ac_new), (an, an_new) = m["ac"], m["an"]
        yield f"  {'':>12}    {m['allele']}: AC/AN {ac}/{an} -> {ac_new}/{an_new}"
    for number, n in zip((found["old"], found["new"]), moved["no_row"], strict=True):
        if n:
            yield f"  {'':>12}    beside {n:,} without a row, and AN, in release {number}"
