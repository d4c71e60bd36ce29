"""Who is in a cohort, by all that the tables of a release tell of its alleles.

`membership` has the evidence of an allele; here it is asked of the rows of a store, for each
cohort and for all together.
"""

from typing import Any

import numpy as np
import polars as pl

from varhouse.attack.assumed import RATES, Assumed
from varhouse.attack.chances import Floats, Ints
from varhouse.attack.membership import Power, Told, alleles_within, expected, simulate
from varhouse.attack.planned import Readable
from varhouse.attack.smallcells import ALL, TOTAL
from varhouse.tables.schema import KEY

MOST_ALLELES = 20_000
"""Alleles of which members are drawn; more are reckoned by the normal law alone."""

DRAWS = 8
"""How often the population is drawn, at most."""

MEMBERS, RELATIVES = (400, 4000), (200, 4000)
"""Who is drawn: those looked for, and others, who set the threshold."""

MOST_ROWS = 4_000_000
"""Rows of a table of which the membership is reckoned; of more, every n-th position's."""


def membership_by_scope(
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
            totals.select(*KEY, total_ac="ac", total_an="an"),
            on=list(KEY),
            how="left",
            maintain_order="left",
        )
        if reference is not None:
            known = known.join(
                reference.select(*KEY, "p"), on=list(KEY), how="left", maintain_order="left"
            )
        # What the population has is drawn, too: of few alleles a single draw says little.
        again = range(max(1, min(DRAWS, MOST_ALLELES // max(known.height, 1))))
        told = [told_of(known, assumed, rng) for _ in again]
        if not all(map(len, told)):
            continue
        power, relatives = (
            _mean([_power(t, rng, assumed, times, relatives=r) for t in told])
            for r in (False, True)
        )
        people = int(np.median(told[0].an)) // 2
        found[scope] = {
            "people": people,
            "alleles": power.alleles,
            "power": _by_rate(power),
            "relatives": _by_rate(relatives),
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


def _power(
    told: Told,
    rng: np.random.Generator,
    assumed: Assumed,
    times: int = 1,
    *,
    relatives: bool = False,
) -> Power:
    """Draw members where alleles are few, and reckon with the normal law where many are."""
    people = RELATIVES if relatives else MEMBERS
    if len(told) <= MOST_ALLELES and times == 1:
        return simulate(told, rng, people, RATES, relatives=relatives)
    size = min(len(told), MOST_ALLELES)
    some = told.some(np.sort(rng.choice(len(told), size, replace=False)))
    drawn = simulate(some, rng, people, RATES, relatives=relatives)
    # The evidence of a rounded count is a sum over all that it stands for: of some is enough.
    reckoned = some if assumed.rounding > 1 else told
    of_all = len(told) * times / len(reckoned)
    law = expected(reckoned, RATES, of_all, relatives=relatives)
    return Power({r: max(drawn.power[r], law.power[r]) for r in RATES}, law.alleles)


def _mean(powers: list[Power]) -> Power:
    """Give the mean of what was measured several times."""
    of = {r: float(np.mean([p.power[r] for p in powers])) for r in RATES}
    return Power(of, powers[0].alleles)


def _by_rate(power: Power) -> dict[str, float]:
    return {str(r): round(p, 4) for r, p in power.power.items()}


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
    # In an order of their own: what is drawn does not depend on how files are cut.
    by = [*(["cohort"] if table == "frequencies" else []), *KEY]
    return scanned.select(names).collect().sort(by)


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
    low, high = _interval(ac, shown, an, assumed)
    # A rounded count stands for any that rounds to it.
    one = np.where(shown, rng.integers(low, high, endpoint=True), 0)
    p = _population(kept, shown, one, an, assumed, rng)
    # Of what is masked to protect another: by chance it is not so small (three standard
    # deviations), and tells nothing.
    mean = p * an
    far = ~shown & (mean - 3 * np.sqrt(mean) > high)
    used = ~far
    return Told(low[used], high[used], an[used], p[used])


def _interval(ac: Ints, shown: Any, an: Ints, assumed: Assumed) -> tuple[Ints, Ints]:
    """Give the least and the most copies that each row can stand for.

    Fewer than k people bear up to 2 k - 2 copies. A multiple of the base stands for what is
    rounded to it, halves up; 0 for none at all, and the least from k on for all from k on.
    """
    base = max(assumed.rounding, 1)
    low = np.where(shown, ac - base // 2, 1)
    high = np.where(shown, ac - base // 2 + base - 1, max(2 * assumed.k - 2, 1))
    if base > 1:
        least = -(-max(assumed.k, 1) // base) * base
        low = np.where(shown & (ac == least), np.minimum(low, assumed.k), low)
        low, high = (np.where(shown & (ac == 0), 0, side) for side in (low, high))
    return np.clip(low, 0, an), np.clip(high, 0, an)


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
    known = ~np.isnan(totals[0]) & ~np.isnan(totals[1])
    if assumed.rounding > 1 and known.any():
        whole_ac, whole_an = (np.nan_to_num(t).astype(np.int64) for t in totals)
        sides = _interval(whole_ac, known, whole_an, assumed)
        totals[0] = np.where(known, rng.integers(*sides, endpoint=True), totals[0])
    guess = np.where(np.isnan(totals[0]), max(assumed.k, 2) / 2, totals[0])
    of = np.where(np.isnan(totals[0]) | np.isnan(totals[1]), an, totals[1])
    copies = np.where(shown, ac, np.minimum(guess, of))
    whole = np.where(shown, an, of)
    drawn = rng.beta(copies + 0.5, np.maximum(whole - copies, 0) + 0.5)
    if "p" in rows.columns:
        given = rows["p"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        drawn = np.where(np.isnan(given), drawn, given)
    return np.asarray(np.clip(drawn, 1e-9, 1 - 1e-9), dtype=np.float64)
