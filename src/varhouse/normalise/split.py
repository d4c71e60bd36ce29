"""Split the fields of a multiallelic record, one set for each ALT, as text.

Follows `bcftools norm -m-` 1.24. Fields declared with Number A, R or G keep the values of
REF and of their ALT; in GT an allele that is neither becomes 0 (or `.`), so that the split
genotype is not a count of anything: frequencies come from the original one. Differences:
fields that the header does not declare are kept, Number=G is split at any ploidy, also of
texts, and in a sample whose list fits no ploidy it becomes missing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from varhouse.normalise.info import Bytes, Longs, make_rules, split_info
from varhouse.normalise.samples import split_samples

_END = re.compile(rb"(^|;)END=[^;]*")


def set_end(info: bytes, end: int) -> bytes:
    """Set the value of INFO/END (1-based), if it is there."""
    return _END.sub(rb"\g<1>END=%d" % end, info)


class Splitter:
    """Splits records of one file.

    Parameters
    ----------
    numbers, types
        (`INFO` or `FORMAT`, id) to Number and Type, as the header declares them.
    other
        What another ALT becomes in GT: `0` or `.`.

    Attributes
    ----------
    dropped
        Fields left out because their number of values is wrong, of the record or of some
        samples, with counts of records (`bcftools norm --force` leaves out the former as
        well, without it gives up; of the latter it takes the first values). `FORMAT/GT`:
        records with an allele that they do not have, which becomes missing in a split one.
    """

    def __init__(
        self,
        numbers: Mapping[tuple[str, str], str],
        types: Mapping[tuple[str, str], str],
        other: str = "0",
    ) -> None:
        self._other = other.encode()
        self.dropped: Counter[str] = Counter()
        split = {
            (kind, name): (name.encode(), number, types.get((kind, name)) == "String")
            for (kind, name), number in numbers.items()
            if number in ("A", "R", "G")
        }
        of_info = [f for (kind, _), f in split.items() if kind == "INFO"]
        self._names = [key.decode() for key, _, _ in of_info]
        self._rules = make_rules(of_info)
        of_format = [f for (kind, n), f in split.items() if kind == "FORMAT" and n != "GT"]
        of_format.append((b"GT", "GT", True))
        self._format_names = [key.decode() for key, _, _ in of_format]
        self._format = make_rules(of_format)

    def infos(
        self, text: Bytes, start: Longs, info: Longs, end: Longs, n_alt: Longs
    ) -> tuple[Longs, Bytes]:
        """Split QUAL, FILTER and INFO of many records (see `split_info`): (offsets, text)."""
        at, out, dropped = split_info(text, start, info, end, n_alt, self._rules)
        for i in np.flatnonzero(dropped).tolist():
            self.dropped["INFO/" + self._names[i]] += int(dropped[i])
        return at, out

    def info(self, info: bytes, n_alt: int) -> list[bytes]:
        """Split the INFO of one record: one text for each ALT."""
        text = np.frombuffer(info, np.uint8)
        zero, size = np.zeros(1, np.int64), np.array([text.size])
        at, out = self.infos(text, zero, zero, size, np.array([n_alt]))
        return [out[a:b].tobytes() for a, b in pairwise(at)]

    def samples(self, keys: bytes, samples: bytes, n_alt: int) -> list[tuple[bytes, bytes]]:
        """Split FORMAT and the sample columns (tab-separated): a pair for each ALT."""
        text = np.frombuffer(keys + b"\t" + samples, np.uint8)
        zero, cells, size = (np.array([i]) for i in (0, len(keys) + 1, text.size))
        nothing = np.zeros(0, np.uint8)
        at, out = self.tails(
            text, zero, cells, size, np.array([n_alt]), np.zeros(n_alt + 1, np.int64), nothing
        )
        pairs = (out[a + 1 : b].tobytes().partition(b"\t") for a, b in pairwise(at))
        return [(k, c) for k, _, c in pairs]

    def tails(
        self, text: Bytes, form: Longs, sample: Longs, end: Longs, n_alt: Longs,
        info_at: Longs, infos: Bytes,
    ) -> tuple[Longs, Bytes]:  # fmt: skip
        """Split FORMAT and samples of many records (see `split_samples`): (offsets, text)."""
        at, out, dropped = split_samples(
            text, form, sample, end, n_alt, self._format, self._other[0], info_at, infos
        )
        for i in np.flatnonzero(dropped).tolist():
            self.dropped["FORMAT/" + self._format_names[i]] += int(dropped[i])
        return at, out
