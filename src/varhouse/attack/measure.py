"""All attacks on a view store, and the numbers that its release tells of them.

`measure` reads a store that a role is given, as anybody of that role can, and says how far
each attack gets (`bounds.beyond`: which numbers are above a bound). What it measures is what
the attacker can do who has everything that was released; it does not need the store behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.attack.assumed import RATES, Assumed
from varhouse.attack.beacon import questions_needed, simulate_questions
from varhouse.attack.counts import changed_counts, small_counts
from varhouse.attack.planned import Readable
from varhouse.attack.scopes import membership_by_scope
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import read_open_releases
from varhouse.store.viewstores import shown_rounding

QUESTIONS = (10, 100, 1000)
_PLAIN = Assumed()


def measure(
    view: Path,
    assumed: Assumed = _PLAIN,
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
    assumed
        What the attacker knows; `rounding` of 0: as the release says of itself.
    release
        Which release of it; None: the newest.
    earlier
        View stores of more open roles, whose newest releases are compared, too. All earlier
        releases of `view` itself are. Of counts that are rounded otherwise there is no
        difference to be known.
    reference
        Frequencies that the attacker knows: columns of the key and `p`. Without it he is
        taken to know that of each allele up to chance: drawn from what is shown, by Bayes.

    Returns
    -------
    dict
        JSON: `k`, `seed`; `membership` by cohort (`` is the total) with `people`, `alleles`,
        `power` by rate of false positives, and `relatives`, that of finding who is no member
        and has a parent or a child who is; `power`, `relatives`: the greatest; `questions`:
        the power of yes/no questions by number; `questions_needed`: how many for any of a
        target's alleles have power 0.95 at 0.05 (None: nobody is there, or no number that
        could be asked has it); `small_cells`, `differences`, `genotypes`, and `examples` of
        cells (at most 20).
    """
    store = open_store(view, release)
    others = [
        open_store(view, r.number)
        for r in read_open_releases(view)
        if r.number < store.release and "totals" in r.tables
    ]
    more_open = [open_store(v) for v in earlier]
    base = shown_rounding(store.meta)
    if not assumed.rounding and base > 1:
        assumed = replace(assumed, rounding=base)
    before, wider = (rounded_alike(stores, base) for stores in (others, more_open))
    return measure_tables(store, assumed, before, wider, reference)


def rounded_alike(views: Sequence[Store], base: int) -> list[Store]:
    """Keep releases of which counts are rounded to this base: others have no difference."""
    return [v for v in views if shown_rounding(v.meta) == base]


def measure_tables(
    store: Readable,
    assumed: Assumed = _PLAIN,
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
    membership = membership_by_scope(store, assumed, reference, rng)
    cells, examples = small_counts(store, assumed)
    changes = changed_counts(store, before, more_open, assumed)
    people = max((m["people"] for m in membership.values()), default=0)
    powers = [m["power"] for m in membership.values()]
    return {
        "k": assumed.k,
        "rounding": assumed.rounding,
        "apart": assumed.apart,
        "seed": assumed.seed,
        "membership": membership,
        "power": {str(r): max((p[str(r)] for p in powers), default=0.0) for r in RATES},
        "relatives": {
            str(r): max((m["relatives"][str(r)] for m in membership.values()), default=0.0)
            for r in RATES
        },
        "questions": _questions(people, assumed, rng),
        "questions_needed": _needed(people, assumed),
        "small_cells": sum(cells.values()),
        "small_cells_by": cells,
        **changes,
        "examples": examples[:20],
    }


def publicly(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Give what may be told of an attack to whom the view is for: not what it found."""
    return {k: v for k, v in measured.items() if k not in ("examples", "small_cells_by")}


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


def _needed(people: int, assumed: Assumed) -> int | None:
    """Give how many questions find a member who is not asked for by his rarest alleles."""
    return questions_needed(people, least=max(assumed.k, 1)) if people > 1 else None
