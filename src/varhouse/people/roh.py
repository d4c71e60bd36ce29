"""Runs of homozygosity of people, by the hidden Markov model of `bcftools roh`.

Two states, autozygous (AZ: both copies come from one ancestor's) and not (HW: by
Hardy-Weinberg), as in Narasimhan et al., Bioinformatics 2016, 32:1749, and `vcfroh.c` of
bcftools. The states are those of `bcftools roh --GTs-only 30` 1.24; bcftools 1.16 prints the
same states one site late (its `HMM.c` put down for each site that of the one before).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.depths import LEAST_PEOPLE
from varhouse.people.panel import PackedCalls
from varhouse.people.rohkernel import find_runs
from varhouse.tables.schema import PolarsType

Floats = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

LEAST_BASES = 1_000_000
"""Least bases of a run that counts: what `plink --homozyg` takes by default, and what a site
in 25 kb finds (`find_roh`)."""

SCHEMA: dict[str, PolarsType] = {
    "ordinal": pl.Int32, "roh_bases": pl.Int64, "n_roh": pl.Int64,
}  # fmt: skip
"""Columns of `find_roh`."""

RUNS: dict[str, PolarsType] = {
    "ordinal": pl.Int32, "contig": pl.String, "start": pl.Int32, "end": pl.Int32,
    "n_sites": pl.Int32,
}  # fmt: skip
"""Columns of `list_roh`."""

_PEOPLE = 64
"""People that a thread takes at once."""


class Model(NamedTuple):
    """Parameters; the defaults are those of bcftools.

    Attributes
    ----------
    to_az, to_hw
        Probability that the state changes from one base to the next (`-a`, `-H`).
    error
        Phred score of a genotype that differs from the call by one allele (`-G`).
    """

    to_az: float = 6.7e-8
    to_hw: float = 5e-9
    error: float = 30.0


BCFTOOLS = Model()


class _Sites(NamedTuple):
    """Sites that are used, n of them, in order.

    at
        int64[n]: their numbers in the packed calls.
    contig, pos
        int64[n]: number of the contig in `names`, 1-based position.
    emit
        float64[n, 3]: P(call | AZ) / P(call | HW) of a call of 0, 1, 2 copies of alt.
    stay
        float64[n]: (1 - to_az - to_hw) ** bases from the site before, on the same contig.
    """

    at: Int64
    contig: Int64
    pos: Int64
    emit: Floats
    stay: Floats
    names: list[str]


def find_roh(
    packed: PackedCalls,
    least_bases: int = LEAST_BASES,
    least_people: int = LEAST_PEOPLE,
    model: Model = BCFTOOLS,
) -> pl.DataFrame:
    """Sum the runs of homozygosity of each person.

    A run shows by about 20 sites or more. Of simulated people a site in 25 kb, as
    `choose_sites` leaves them, finds 98 % of the bases of runs of 1 Mb and 62 % of those of
    .5 Mb, which is why shorter runs do not count; one in 50 kb 91 % of those of 1 Mb, one in
    100 kb 92 % of those of 2 Mb. All common SNVs find the same 1 Mb, and all of .5 Mb.

    The frequencies are those of all people: in a cohort of several populations each person
    has a little more of such runs than among their own.

    Parameters
    ----------
    packed
        Calls at common SNVs; `af` of its sites are the frequencies that are gone by.
    least_bases
        Shorter runs do not count. A run has the bases from its first to its last site.
    least_people
        Of fewer people their own frequencies say nothing; 0 where `af` are those of others.

    Returns
    -------
    pl.DataFrame
        Columns of SCHEMA, a row a person, by ordinal. Null: nothing can be said, for no site
        of the person is called, the people are too few, or no contig has sites over
        `least_bases`.
    """
    bases = pl.col("end").cast(pl.Int64) - pl.col("start") + 1
    runs = list_roh(packed, model).filter(bases >= least_bases)
    sums = runs.group_by("ordinal").agg(roh_bases=bases.sum(), n_roh=pl.len())
    known = _are_called(packed, _sites(packed.sites, model))
    reach = packed.sites.group_by("contig").agg(pl.col("pos").max() - pl.col("pos").min() + 1)
    if packed.ordinal.size < least_people or not (reach["pos"] >= least_bases).any():
        known[:] = False
    people = pl.DataFrame({"ordinal": packed.ordinal, "known": known})
    joined = people.join(sums, on="ordinal", how="left", maintain_order="left")
    given = pl.when("known").then(pl.col("roh_bases", "n_roh").fill_null(0))
    return joined.select("ordinal", given).select(pl.col(n).cast(t) for n, t in SCHEMA.items())


def _are_called(packed: PackedCalls, sites: _Sites) -> npt.NDArray[np.bool_]:
    """Tell who is called at a site that is used: bool[people]."""
    chosen = np.zeros(packed.called.shape[1], np.uint64)
    one = np.left_shift(np.uint64(1), (sites.at % 64).astype(np.uint64))
    np.bitwise_or.at(chosen, sites.at // 64, one)
    return np.asarray((packed.called & chosen).any(axis=1))


def list_roh(packed: PackedCalls, model: Model = BCFTOOLS) -> pl.DataFrame:
    """List the runs of homozygosity of each person, of any length.

    Sites that are not called are passed over; so are those without `af`, or with one of 0,
    and all but the first at a position, as bcftools does.

    Returns
    -------
    pl.DataFrame
        Columns of RUNS, by person and place: 1-based positions of the first and the last
        site of a run, and its called sites.
    """
    sites = _sites(packed.sites, model)
    people = packed.ordinal.size
    starts = range(0, people, _PEOPLE)
    # The kernels hold no lock; each thread has its own buffers.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda k: _of_people(packed, sites, model, k), starts))
    rows = np.concatenate([np.zeros((0, 4), np.int64), *found])
    who, first, last, size = rows.T
    names = pl.Series(sites.names, dtype=pl.String)
    return pl.DataFrame(
        {
            "ordinal": packed.ordinal[who],
            "contig": names.gather(sites.contig[first]),
            "start": sites.pos[first],
            "end": sites.pos[last],
            "n_sites": size,
        }
    ).select(pl.col(n).cast(t) for n, t in RUNS.items())


def _of_people(packed: PackedCalls, sites: _Sites, model: Model, begin: int) -> Int64:
    """Find the runs of some people: int64[runs, 4] person, first and last site, sites."""
    some = slice(begin, begin + _PEOPLE)
    calls = packed.het[some], packed.hom[some], packed.called[some]
    people, found = calls[0].shape[0], []
    # Nobody has more runs than sites.
    out = np.empty((sites.at.size + 4_096, 4), np.int64)
    path = np.empty(sites.at.size, np.uint8)
    next_one = 0
    while next_one < people:
        next_one, n = find_runs(*calls, next_one, *sites[:5], model, path, out)
        rows = out[:n].copy()
        rows[:, 0] += begin
        found.append(rows)
    return np.concatenate(found)


def _sites(sites: pl.DataFrame, model: Model) -> _Sites:
    """Choose the sites that are used, and work out what does not depend on people."""
    number_of = pl.col("contig").rle_id().cast(pl.Int64)
    contig = sites.select(number_of).to_series()
    names = sites.filter(sites["contig"].rle_id().is_first_distinct())["contig"]
    used = sites.select(
        (pl.col("af") > 0).fill_null(value=False)
        & (pl.struct("contig", "pos").is_first_distinct())
    ).to_series()
    at = np.flatnonzero(used.to_numpy())
    number, pos = contig.to_numpy()[at], sites["pos"].to_numpy()[at].astype(np.int64)
    bases = np.maximum(np.diff(pos, prepend=pos[:1]), 1)
    stay = np.exp(bases * np.log1p(-(model.to_az + model.to_hw)))
    af = sites["af"].to_numpy()[at].astype(np.float64)
    return _Sites(at, number, pos, _emissions(af, model), stay, names.to_list())


def _emissions(af: Floats, model: Model) -> Floats:
    """Give P(call | AZ) / P(call | HW) of each site and copies of alt, float64[n, 3]."""
    e = 10 ** (-model.error / 10)
    hom = [1 - e - e * e, e, e * e]
    # P(call | true copies), of calls of 0, 1, 2 copies.
    of = np.array([hom, [e, 1 - 2 * e, e], hom[::-1]])
    alt, ref = af[:, None], 1 - af[:, None]
    az = of[:, 0] * ref + of[:, 2] * alt
    hw = of[:, 0] * ref**2 + 2 * of[:, 1] * ref * alt + of[:, 2] * alt**2
    return np.ascontiguousarray(az / hw)
