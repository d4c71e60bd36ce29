"""Who stands in the sample columns of a cohort's files, and which of them are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from varhouse.errors import StoreError, nearest
from varhouse.store.reader import Store

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Columns:
    """The people of a cohort that are asked for, and where they stand.

    Attributes
    ----------
    cohort
        Its name.
    samples
        Names of the people asked for, by ordinal.
    ordinal
        int32[people]: their ordinals in the table samples, ascending.
    files
        int32[columns] of each file with sample columns: the ordinal of each column.
    """

    cohort: str
    samples: Sequence[str]
    ordinal: Int32
    files: Mapping[int, Int32]

    @property
    def size(self) -> int:
        """Number of people asked for."""
        return len(self.samples)

    @property
    def widest(self) -> int:
        """Sample columns of the widest file, at least 1."""
        return max([c.size for c in self.files.values()], default=1) or 1

    @cached_property
    def _place(self) -> dict[int, tuple[Int32, Int32]]:
        most = max([int(c.max(initial=-1)) for c in self.files.values()], default=-1)
        place = np.full(max(most, int(self.ordinal.max(initial=-1))) + 1, -1, np.int32)
        place[self.ordinal] = np.arange(self.size, dtype=np.int32)
        found = {}
        for file, ordinals in self.files.items():
            mine = place[ordinals]
            columns = np.flatnonzero(mine >= 0).astype(np.int32)
            if columns.size:
                found[file] = (columns, mine[columns])
        return found

    def of_file(self, file: int) -> tuple[Int32, Int32]:
        """Give the columns of a file that are asked for, and whose place each is.

        Returns
        -------
        (int32[k], int32[k])
            Columns of the file, ascending, and places in `samples`.
        """
        none = np.zeros(0, np.int32)
        return self._place.get(file, (none, none))

    @property
    def wanted_files(self) -> list[int]:
        """Files that hold somebody who is asked for."""
        return sorted(self._place)

    def choose(self, ordinals: Sequence[int]) -> "Columns":
        """Ask for some of these people only."""
        keep = np.isin(self.ordinal, np.asarray(ordinals, np.int32))
        names = [n for n, k in zip(self.samples, keep.tolist(), strict=True) if k]
        return Columns(self.cohort, names, self.ordinal[keep], self.files)

    def named(self, names: Sequence[str]) -> "Columns":
        """Ask for the people of these names only, as far as they are among these."""
        wanted = set(names)
        have = zip(self.samples, self.ordinal.tolist(), strict=True)
        return self.choose([o for n, o in have if n in wanted])


def read_columns(store: Store, cohort: str) -> Columns:
    """Read who stands where in a cohort; everybody is asked for."""
    people = store.scan("samples", cohort=cohort).select("ordinal", "sample")
    rows = people.collect().sort("ordinal")
    files = store.scan("files", cohort=cohort).select("file", "samples").collect()
    lists = {
        int(file): own.to_numpy().astype(np.int32)
        for file, own in zip(files["file"], files["samples"], strict=True)
        if own.len()
    }
    return Columns(
        cohort, rows["sample"].to_list(), rows["ordinal"].to_numpy().astype(np.int32), lists
    )


def check_names(names: Sequence[str], columns: Sequence[Columns]) -> None:
    """Check that somebody has each name.

    Raises
    ------
    StoreError
        If nobody of the cohorts has one; the nearest is named.
    """
    known = {n for c in columns for n in c.samples}
    for name in names:
        if name not in known:
            where = ", ".join(c.cohort for c in columns[:5]) or "the store"
            raise StoreError(f"no sample {name!r} in {where}{nearest(name, sorted(known))}")
