"""Who is called at the sites of a cohort by the runs of their gVCFs."""

import numpy as np
import numpy.typing as npt

from varhouse.callability.codes import LOW, unpack
from varhouse.people.calls import Bools, CohortCalls, Int64, Sites
from varhouse.people.listed import IS_GVCF
from varhouse.query.peopleruns import RunRows
from varhouse.query.rowgroups import Place
from varhouse.store.reader import Store


class RunCalls:
    """The people of a cohort who have a gVCF.

    A VCF of variants may have runs as well (decision 0039), but these are of its own records:
    it does not count here.

    Attributes
    ----------
    ordinal
        int32[k]: who they are.
    """

    def __init__(self, store: Store, calls: CohortCalls) -> None:
        files = store.scan("files", cohort=calls.cohort)
        lists = files.filter(IS_GVCF).select("samples").collect()["samples"]
        self._chosen = np.zeros(calls.people, np.bool_)
        self._chosen[lists.explode(empty_as_null=True).drop_nulls().to_numpy()] = True
        self.ordinal = np.flatnonzero(self._chosen).astype(np.int32)
        self._rows = RunRows(store, calls.cohort, self._chosen)

    def count(self, contig: str, sites: Sites, wanted: list[Bools]) -> list[tuple[int, Int64]]:
        """Count the sites of records with an allele, and at how many each is called.

        Parameters
        ----------
        wanted
            bool[n] each: which records of `sites`, which are of one contig.

        Returns
        -------
        list of (int, int64[people])
            For each of `wanted` the sites (POS of several records once), and how many of them
            each person is fully called at, by ordinal; 0 of who has no gVCF.
        """
        positions = [np.unique(sites.pos[w & sites.has_allele]) for w in wanted]
        out = [np.zeros(self._chosen.size, np.int64) for _ in wanted]
        every = np.unique(np.concatenate([np.zeros(0, np.int64), *positions]))
        if self.ordinal.size and every.size:
            place = Place(contig, int(every[0]), int(every[-1]), every)
            for runs in self._rows.read(place):
                state = unpack(runs.code)
                full = (state.level >= LOW) & (state.alleles >= state.ploidy)
                for pos, called in zip(positions, out, strict=True):
                    called += _over(
                        runs.who[full], runs.start[full], runs.end[full], pos, called.size
                    )
        return [(p.size, c) for p, c in zip(positions, out, strict=True)]


def _over(
    who: npt.NDArray[np.int32],
    start: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    pos: Int64,
    people: int,
) -> Int64:
    """Count the positions (ascending) in the runs of each person, which do not overlap."""
    inside = np.searchsorted(pos, end, side="right") - np.searchsorted(pos, start)
    return np.bincount(who, weights=inside, minlength=people).astype(np.int64)
