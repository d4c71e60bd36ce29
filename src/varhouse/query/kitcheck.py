"""Whether rows of the table `callable` of a cohort with capture kits are what it counts.

People with runs, people whose kit covers a base and records of both stand in the same rows,
so these cannot be compared with runs alone. Each stratum is counted once more as a chosen
group of people is: from runs, kits and genotypes, by none of the stored counts.
"""

from collections.abc import Iterator
from math import ceil

import numpy as np
import polars as pl

from varhouse.frequencies.strata import Strata
from varhouse.genome.contigs import Contig
from varhouse.query.callablerows import ROWS_AT_ONCE, STRATUM, CallableRows
from varhouse.query.cohortbases import count_bases
from varhouse.query.peoplebases import PeopleBases
from varhouse.query.rowgroups import MAX_POS, Place
from varhouse.query.stretches import add_up
from varhouse.store.reader import Store


def first_difference(store: Store, cohort: str, part: str, strata: Strata) -> str | None:
    """Count a partition of a cohort with kits again: the first base that differs.

    Parameters
    ----------
    strata
        Of the people of the table samples, by ordinal as they are sorted.

    Returns
    -------
    str or None
        Contig, base and stratum; None: nothing differs.
    """
    samples = store.scan("samples", cohort=cohort).sort("ordinal")
    people = samples.select("cohort", "ordinal", "sample", "sex").collect()
    names = {"stratum_by": strata.by, "stratum": strata.value}
    labels = pl.DataFrame(names).with_row_index("group").select("group", *STRATUM)
    rows = CallableRows(store, cohort, labels)
    contigs = _contigs(store, cohort, part)
    for group, by, value in labels.rows():
        chosen = people.filter(pl.Series(strata.member[strata.cell, group] > 0))
        if chosen.is_empty():
            continue
        bases = PeopleBases(store, cohort, chosen, group)
        for contig in contigs:
            for place in _pieces(rows, contig.name, contig.length or MAX_POS - 1):
                base = _differs(bases, rows, place, group)
                if base is not None:
                    return f"{contig.name}:{base}, stratum {by} {value}"
    return None


def _contigs(store: Store, cohort: str, part: str) -> list[Contig]:
    """List the contigs of a partition on which somebody may be assessed."""
    scans = (store.scan(t, cohort=cohort, part=part) for t in ("callable", "kits", "runs"))
    found = pl.concat(s.select("contig").unique() for s in scans).collect()["contig"]
    return [c for c in store.assembly_contigs.contigs if c.name in set(found)]


def _pieces(rows: CallableRows, contig: str, length: int) -> Iterator[Place]:
    """Cut a contig into places of so many rows about."""
    # A breakend may stand beside either end.
    last = length + 1
    pieces = max(ceil(rows.size(Place(contig, 0, last)) / ROWS_AT_ONCE), 1)
    step = ceil((last + 1) / pieces)
    for low in range(0, last + 1, step):
        yield Place(contig, low, min(low + step - 1, last))


def _differs(bases: PeopleBases, rows: CallableRows, place: Place, group: int) -> int | None:
    """Give the first base of a place at which a group is counted otherwise."""
    groups = np.array([group], np.int64)
    counted, stored = (
        add_up(found, place.low, place.high, groups)
        for found in (count_bases(bases, place, groups), rows.read(place, groups))
    )
    # Both cover the place; where they are cut, or what they count, the first row tells.
    n = min(counted.start.size, stored.start.size)
    same = (counted.counts[:, :n] == stored.counts[:, :n]).all(axis=0)
    same &= counted.end[:n] == stored.end[:n]
    if same.all():
        return None
    at = int(np.argmin(same))
    if (counted.counts[:, at] != stored.counts[:, at]).any():
        return int(counted.start[at])
    return int(min(counted.end[at], stored.end[at])) + 1
