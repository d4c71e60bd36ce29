"""All attacks on a view store, and the numbers that its release tells of them.

`measure` reads a store that a role is given, as anybody of that role can, and says how far
each attack gets; `beyond` says which numbers are above a bound. What it measures is what the
attacker can do who has everything that was released; it does not need the store behind it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.attack.beacon import simulate_questions
from varhouse.attack.chances import Floats, Ints
from varhouse.attack.differencing import difference, rest_of
from varhouse.attack.membership import Power, Told, alleles_within, expected, simulate
from varhouse.attack.planned import Readable
from varhouse.attack.smallcells import ALL, TOTAL, find_small, with_scope
from varhouse.attack.texts import BEYOND, WRONG
from varhouse.errors import ConfigError, nearest
from varhouse.store.reader import open_store
from varhouse.store.releases import read_open_releases
from varhouse.tables.schema import KEY, TABLES

RATES = (0.05, 0.001)
BOUND = {"small_cells": 0.0, "differences": 0.0, "genotypes": 0.0}
"""What no release may tell, unless something else is said."""

BOUNDS = (*BOUND, "power", "fpr", "apart")
QUESTIONS = (10, 100, 1000)
MOST_ALLELES = 20_000
"""Alleles of which members are drawn; more are reckoned by the normal law alone."""

MOST_ROWS = 4_000_000
"""Rows of a table of which the membership is reckoned; of more, every n-th position's."""

BETWEEN = 50_000
"""Rows of `totals` that are looked at together, cut between alleles."""


@dataclass(frozen=True)
class Assumed:
    """What an attacker is taken to know and do.

    Attributes
    ----------
    k
        The least count that the release means to show; 0 or 1: all are shown.
    rounding
        Counts are rounded to multiples of this; 0: they are not.
    apart
        Bases between alleles that are used for membership: nearer ones are inherited
        together, and count as one. 0: all are used as if each were independent, which
        overrates the attacker.
    seed
        Of what is drawn.
    """

    k: int = 0
    rounding: int = 0
    apart: int = 0
    seed: int = 1


def measure(
    view: Path,
    assumed: Assumed = Assumed(),
    *,
    release: int | str | None = None,
    earlier: Sequence[Path] = (),
    reference: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Attack a view store.

    Parameters
    ----------
    view
        Folder of the store that a role reads.
    release
        Which release of it; None: the newest.
    earlier
        View stores of more open roles, whose newest releases are compared, too. All earlier
        releases of `view` itself are.
    reference
        Frequencies that the attacker knows: columns of the key and `p`. Without it he is
        taken to know that of each allele up to chance: drawn from what is shown, by Bayes.

    Returns
    -------
    dict
        JSON: `k`, `seed`; `membership` by cohort (`` is the total) with `people`, `alleles`,
        `power` by rate of false positives; `power` and `questions`: the greatest, and the
        power of yes/no questions by number; `small_cells`, `differences`, `genotypes`, and
        `examples` of cells (at most 20).
    """
    store = open_store(view, release)
    others = [
        open_store(view, r.number)
        for r in read_open_releases(view)
        if r.number < store.release and "totals" in r.tables
    ]
    more_open = [open_store(v) for v in earlier]
    return measure_tables(store, assumed, others, more_open, reference)


def measure_tables(
    store: Readable,
    assumed: Assumed = Assumed(),
    before: Sequence[Readable] = (),
    more_open: Sequence[Readable] = (),
    reference: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Attack the tables of counts of a release that is made, or planned (`Planned`).

    Parameters
    ----------
    before
        Earlier releases of the same role.
    more_open
        Releases that more open roles see.
    reference
        As of `measure`, and what is returned.
    """
    rng = np.random.default_rng(assumed.seed)
    membership = _membership(store, assumed, reference, rng)
    cells, examples = _small(store, assumed)
    changes = _changes(store, before, more_open, assumed)
    people = max((m["people"] for m in membership.values()), default=0)
    powers = [m["power"] for m in membership.values()]
    return {
        "k": assumed.k,
        "rounding": assumed.rounding,
        "apart": assumed.apart,
        "seed": assumed.seed,
        "membership": membership,
        "power": {str(r): max((p[str(r)] for p in powers), default=0.0) for r in RATES},
        "questions": _questions(people, assumed, rng),
        "small_cells": sum(cells.values()),
        "small_cells_by": cells,
        **changes,
        "examples": examples[:20],
    }


def beyond(measured: Mapping[str, Any], bound: Mapping[str, float]) -> list[str]:
    """Say which numbers are above their bound, in the reader's language.

    Parameters
    ----------
    bound
        `power` (at `fpr`, 0.05 without one), `small_cells`, `differences`, `genotypes`; what
        is not named is not bounded.
    """
    said = []
    rate = str(float(bound.get("fpr", RATES[0])))
    if "power" in bound:
        power = measured["power"].get(rate)
        if power is None or power > bound["power"]:
            told = "?" if power is None else f"{power:.3f}"
            said.append(BEYOND["power"].say(value=told, rate=rate, most=bound["power"]))
    for name in ("small_cells", "differences", "genotypes"):
        if name in bound and measured[name] > bound[name]:
            said.append(BEYOND[name].say(value=measured[name], most=bound[name]))
    return said


def bounds_of(said: Mapping[str, Any]) -> dict[str, float]:
    """Read the bounds of a policy of small counts, over those that hold without any (`BOUND`).

    Parameters
    ----------
    said
        Those of `beyond`, and `apart` of `Assumed`; null: not bounded.

    Raises
    ------
    ConfigError
        If something of it is not known, or no number from 0 up, or `fpr` is none of RATES.
    """
    out = dict(BOUND)
    wrong = []
    for name, value in said.items():
        if name not in BOUNDS:
            wrong.append(WRONG["name"].say(name=name, near=nearest(str(name), BOUNDS)))
        elif value is None:
            out.pop(name, None)
        elif (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < 0
        ):
            wrong.append(WRONG["value"].say(name=name, value=value))
        elif name == "fpr" and value not in RATES:
            # Of no other is the power measured, so every release would be above its bound.
            wrong.append(WRONG["rate"].say(value=value, rates=", ".join(map(str, RATES))))
        else:
            out[name] = float(value)
    if wrong:
        raise ConfigError(wrong, "in policy.small_counts, attack")
    return out


def publicly(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Give what may be told of an attack to whom the view is for: not what it found."""
    return {k: v for k, v in measured.items() if k not in ("examples", "small_cells_by")}


# --- membership ---


def _membership(
    store: Readable, assumed: Assumed, reference: pl.DataFrame | None, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """Attack each cohort, and the total, by all of its alleles."""
    times = _times(store)
    totals = _whole_rows(store, "totals", times)
    found = {}
    frames = {TOTAL: totals}
    if "frequencies" in store.tables:
        rows = _whole_rows(store, "frequencies", times)
        frames |= {
            str(name[0]): f for name, f in rows.partition_by("cohort", as_dict=True).items()
        }
    for scope, frame in frames.items():
        used = _apart(frame, assumed.apart)
        known = used.join(
            totals.select(*KEY, total_ac="ac", total_an="an"), on=list(KEY), how="left"
        )
        if reference is not None:
            known = known.join(reference.select(*KEY, "p"), on=list(KEY), how="left")
        told = told_of(known, assumed, rng)
        if not len(told):
            continue
        power = _power(told, rng, times)
        people = int(np.median(told.an)) // 2
        found[scope] = {
            "people": people,
            "alleles": power.alleles,
            "power": {str(r): round(p, 4) for r, p in power.power.items()},
            "alleles_within": {"0.1": alleles_within(people, 0.1, RATES[0])},
        }
    return found


def _times(store: Readable) -> int:
    """Give n where every n-th position is enough."""
    counts = [
        store.scan(t).filter(pl.col("stratum_by") == ALL).select(pl.len()).collect().item()
        for t in ("totals", "frequencies")
        if t in store.tables
    ]
    return max(1, -(-max(counts, default=0) // MOST_ROWS))


def _power(told: Told, rng: np.random.Generator, times: int = 1) -> Power:
    """Draw members where alleles are few, and reckon with the normal law where many are."""
    if len(told) <= MOST_ALLELES and times == 1:
        return simulate(told, rng, rates=RATES)
    size = min(len(told), MOST_ALLELES)
    some = told.some(np.sort(rng.choice(len(told), size, replace=False)))
    drawn, reckoned = simulate(some, rng, rates=RATES), expected(told, RATES, times)
    return Power({r: max(drawn.power[r], reckoned.power[r]) for r in RATES}, len(told) * times)


def _whole_rows(store: Readable, table: str, times: int) -> pl.DataFrame:
    if table not in store.tables:
        return pl.DataFrame(schema={**dict.fromkeys(KEY, pl.String), "pos": pl.Int32,
                                    "ac": pl.Int32, "an": pl.Int32})  # fmt: skip
    names = [*KEY, *(["cohort"] if table == "frequencies" else []), "ac", "an"]
    scanned = store.scan(table).filter(
        (pl.col("stratum_by") == ALL) & (pl.col("an").is_null() | (pl.col("an") >= 2))
    )
    if times > 1:
        scanned = scanned.filter(pl.col("pos") % times == 0)
    return scanned.select(names).collect()


def _apart(rows: pl.DataFrame, bases: int) -> pl.DataFrame:
    """Keep the first allele of each stretch of bases."""
    if bases <= 0 or rows.is_empty():
        return rows
    return rows.sort("contig", "pos").unique(
        ["contig", pl.col("pos") // bases], keep="first", maintain_order=True
    )


def told_of(rows: pl.DataFrame, assumed: Assumed, rng: np.random.Generator) -> Told:
    """Say what rows tell of a cohort's copies, and draw what the population has.

    Parameters
    ----------
    rows
        `ac` (null: masked), `an`, and of the same allele `total_ac`, `total_an`; `p` if the
        attacker knows it.
    """
    kept = rows.filter(pl.col("an").is_not_null())
    an = kept["an"].cast(pl.Int64).to_numpy()
    shown = kept["ac"].is_not_null().to_numpy()
    ac = kept["ac"].cast(pl.Int64).fill_null(0).to_numpy()
    half = assumed.rounding // 2
    low = np.where(shown, np.maximum(ac - half, 0), 1)
    high = np.where(shown, np.minimum(ac + half, an), np.minimum(max(assumed.k - 1, 1), an))
    p = _population(kept, shown, ac, an, assumed, rng)
    # Of what is masked to protect another: it is not small, and tells nothing.
    far = ~shown & (p * an > 4 * max(assumed.k, 1))
    used = ~far
    return Told(low[used], high[used], an[used], p[used])


def _population(
    rows: pl.DataFrame,
    shown: Any,
    ac: Ints,
    an: Ints,
    assumed: Assumed,
    rng: np.random.Generator,
) -> Floats:
    """Draw frequencies of the population from what is shown (Jeffreys' law, by Bayes)."""
    totals = [
        rows[c].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if c in rows.columns
        else np.full(rows.height, np.nan)
        for c in ("total_ac", "total_an")
    ]
    guess = np.where(np.isnan(totals[0]), max(assumed.k, 2) / 2, totals[0])
    of = np.where(np.isnan(totals[0]) | np.isnan(totals[1]), an, totals[1])
    copies = np.where(shown, ac, np.minimum(guess, of))
    whole = np.where(shown, an, of)
    drawn = rng.beta(copies + 0.5, np.maximum(whole - copies, 0) + 0.5)
    if "p" in rows.columns:
        given = rows["p"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        drawn = np.where(np.isnan(given), drawn, given)
    return np.asarray(np.clip(drawn, 1e-9, 1 - 1e-9), dtype=np.float64)


def _questions(people: int, assumed: Assumed, rng: np.random.Generator) -> dict[str, float]:
    """Ask a drawn beacon of as many people for a target's rarest alleles.

    The population is one of constant size, with frequencies from 10^-5; the answer is yes
    where k copies are there.
    """
    if people < 2:
        return {}
    law = np.exp(np.log(1e-5) * rng.random(20_000))
    return {
        str(n): round(
            simulate_questions(
                law, people, n, rng, 200, rarest_first=True, least=max(assumed.k, 1)
            ),
            4,
        )
        for n in QUESTIONS
    }


# --- counts ---


def _pieces(store: Readable) -> list[dict[str, Any]]:
    """Cut the store into regions of so many rows of `totals`, between positions."""
    places = store.scan("totals").select("contig", "pos").collect().sort("contig", "pos")
    out = []
    for name, of in places.partition_by("contig", as_dict=True, maintain_order=True).items():
        pos = of["pos"].to_numpy()
        first = 0
        while first < pos.size:
            last = min(first + BETWEEN, pos.size) - 1
            end = int(pos[last])
            out.append({"contig": name[0], "first": int(pos[first]), "last": end})
            first = int(np.searchsorted(pos, end, side="right"))
    return out


def rows_of(store: Readable, region: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Read rows of both tables of counts: all, or of alleles that begin in a region."""
    frames = []
    for table in ("frequencies", "totals"):
        if table not in store.tables:
            frames.append(pl.DataFrame(schema=TABLES[table].polars_schema))
            continue
        if region is None:
            frames.append(store.scan(table).collect())
            continue
        scanned = store.scan(
            table, contig=region["contig"], start=region["first"], end=region["last"]
        )
        inside = pl.col("pos").is_between(region["first"], region["last"])
        frames.append(scanned.filter(inside).collect())
    return with_scope(frames[0], frames[1])


def _small(store: Readable, assumed: Assumed) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Find small counts, region by region: their number by the way, and examples."""
    k = assumed.k
    if k <= 1 or "totals" not in store.tables:
        return {}, []
    cells: dict[str, int] = {}
    examples: list[dict[str, Any]] = []
    for region in _pieces(store):
        found = find_small(rows_of(store, region), k)
        if assumed.rounding > 1:
            # What is rounded adds up to nothing that is exact.
            found = found.filter(pl.col("how") == "shown")
        for how, n in found.group_by("how").len().rows():
            cells[how] = cells.get(how, 0) + n
        examples += found.head(20).to_dicts()
    return dict(sorted(cells.items())), examples


def _changes(
    store: Readable,
    before: Sequence[Readable],
    more_open: Sequence[Readable],
    assumed: Assumed,
) -> dict[str, int]:
    """Difference a release against earlier ones, and against what more open roles see."""
    cells = genotypes = 0
    k = assumed.k if assumed.rounding <= 1 else 0
    if k > 1 and "totals" in store.tables:
        for region in _pieces(store):
            own = rows_of(store, region)
            for other in before:
                found = difference(rows_of(other, region), own, k)
                cells, genotypes = cells + found.cells, genotypes + found.genotypes
            for other in more_open:
                if "totals" in other.tables:
                    rest = rest_of(own, rows_of(other, region))
                    cells += find_small(rest, k).filter(pl.col("how") == "shown").height
    return {"differences": cells, "genotypes": genotypes}
