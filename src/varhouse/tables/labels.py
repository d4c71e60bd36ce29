"""What stands for the numbers of files and samples in the content digest.

Numbers are given out in the order of arrival: a cohort that grew file by file has others than
one that was built at once. So that both have the same digest, a file counts by its name and
the samples of its columns, a sample by its name (`Column.label`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import polars as pl

from varhouse.errors import SchemaError

if TYPE_CHECKING:
    # The declarations name the labels: who only reads a table needs no numpy.
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Hashes = npt.NDArray[np.uint64]

FILE, SAMPLE = "file", "sample"


class Labels:
    """Labels of files and samples of a cohort, by their numbers.

    Parameters
    ----------
    files
        Number of a file to its name and the names of its sample columns.
    samples
        Ordinal of a sample to its name.
    """

    def __init__(
        self, files: Mapping[int, tuple[str, Iterable[str]]], samples: Mapping[int, str]
    ) -> None:
        self._known = {
            FILE: _sorted(
                {n: _hash("\n".join((name, *of))) for n, (name, of) in files.items()}
            ),
            SAMPLE: _sorted({n: _hash(name) for n, name in samples.items()}),
        }

    @classmethod
    def of_tables(cls, files: pl.DataFrame, samples: pl.DataFrame) -> "Labels":
        """Make the labels of one cohort from its rows of the tables files and samples.

        Parameters
        ----------
        files
            Columns `file`, `name` and `samples`.
        samples
            Columns `ordinal` and `sample`.
        """
        names = dict(samples.select("ordinal", "sample").rows())
        rows = files.select("file", "name", "samples").rows()
        return cls({f: (n, [names.get(s, "") for s in of]) for f, n, of in rows}, names)

    def joined(self, others: "Labels") -> "Labels":
        """Give these labels and others; of a number that both have, that of the others."""
        out = Labels({}, {})
        for kind in (FILE, SAMPLE):
            known: dict[int, int] = {}
            for labels in (self, others):
                numbers, hashes = labels._known[kind]
                known |= dict(zip(numbers.tolist(), hashes.tolist(), strict=True))
            out._known[kind] = _sorted(known)
        return out

    def look(self, kind: str, numbers: "npt.NDArray[np.signedinteger]") -> "Hashes":
        """Give the labels of numbers as uint64 of the same length.

        Parameters
        ----------
        kind
            `FILE` or `SAMPLE`.

        Raises
        ------
        SchemaError
            If a number is of no file, or no sample, of the cohort.
        """
        import numpy as np  # noqa: PLC0415

        known, hashes = self._known[kind]
        wanted = numbers.astype(np.int64, copy=False)
        if not wanted.size:
            return np.zeros(0, np.uint64)
        at = np.minimum(np.searchsorted(known, wanted), max(known.size - 1, 0))
        wrong = wanted[known[at] != wanted] if known.size else wanted
        if wrong.size:
            raise SchemaError(f"number {wrong[0]} is that of no {kind} of the cohort")
        return hashes[at]


def _sorted(labels: Mapping[int, int]) -> "tuple[Numbers, Hashes]":
    import numpy as np  # noqa: PLC0415

    numbers = sorted(labels)
    return (
        np.array(numbers, np.int64),
        np.array([labels[n] for n in numbers], np.uint64),
    )


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
