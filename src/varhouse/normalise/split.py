"""Split the fields of a multiallelic record, one set for each ALT, as text.

Follows `bcftools norm -m-` 1.24. Fields declared with Number A, R or G keep the values of
REF and of their ALT; in GT an allele that is neither becomes 0 (or `.`), so that the split
genotype is not a count of anything: frequencies come from the original one. Differences,
all on the side of keeping data: fields that the header does not declare are kept, and a
haploid value of a Number=G text among diploid ones is cut to its two genotypes.
"""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from varhouse.normalise.info import Bytes, Longs, make_rules, split_info

_NUMBER = re.compile(rb"\d+")
_TWO_DIGITS = re.compile(rb"\d\d")
_END = re.compile(rb"(^|;)END=[^;]*")

Values = list[bytes]


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
        Fields left out because their number of values is wrong, with counts of records
        (`bcftools norm --force` leaves them out as well, without it gives up).
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
        self._format = {f[0]: f[1:] for (kind, _), f in split.items() if kind == "FORMAT"}

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
        if keys == b"GT":
            return [(keys, gt) for gt in self._genotypes(samples, n_alt)]
        names = keys.split(b":")
        rows = [sample.split(b":") for sample in samples.split(b"\t")]
        kept: Values = []
        columns: list[list[Values]] = []
        for i, name in enumerate(names):
            column = [row[i] if i < len(row) else b"." for row in rows]
            parts = self._column(name, column, n_alt)
            if parts is None:
                self.dropped["FORMAT/" + name.decode(errors="replace")] += 1
            else:
                kept.append(name)
                columns.append(parts)
        if not kept:
            return [(b".", b"\t".join([b"."] * len(rows)))] * n_alt
        out = []
        for k in range(n_alt):
            cells = zip(*(parts[k] for parts in columns), strict=True)
            out.append((b":".join(kept), b"\t".join(b":".join(c) for c in cells)))
        return out

    def _column(self, name: bytes, column: Values, n_alt: int) -> list[Values] | None:
        if name == b"GT":
            return [g.split(b"\t") for g in self._genotypes(b"\t".join(column), n_alt)]
        rule = self._format.get(name)
        if rule is None:
            return [column] * n_alt
        values = [v.split(b",") for v in column]
        number, is_text = rule
        most = max(len(v) for v in values)
        if most == 1 and not is_text:
            return [column] * n_alt
        if not _fits(most, n_alt, number, is_text=is_text):
            return None
        one = _text_of_one if is_text else _number_of_one
        return [[one(v, n_alt, number, k) for v in values] for k in range(1, n_alt + 1)]

    def _genotypes(self, samples: bytes, n_alt: int) -> list[bytes]:
        if n_alt > 9 or _TWO_DIGITS.search(samples):
            return [self._long_numbers(samples, k) for k in range(1, n_alt + 1)]
        out = []
        for k in range(1, n_alt + 1):
            to = self._other * (k - 1) + b"1" + self._other * (9 - k)
            out.append(samples.translate(bytes.maketrans(b"123456789", to)))
        return out

    def _long_numbers(self, samples: bytes, k: int) -> bytes:
        def change(found: re.Match[bytes]) -> bytes:
            number = int(found[0])
            return b"0" if number == 0 else b"1" if number == k else self._other

        return _NUMBER.sub(change, samples)


def _genotype_count(n_alt: int) -> int:
    return (n_alt + 1) * (n_alt + 2) // 2


def _places(number: str, k: int) -> tuple[int, ...]:
    """Places of the values of ALT k; genotype (j, k) stands at k(k+1)/2 + j."""
    if number == "A":
        return (k - 1,)
    if number == "R":
        return (0, k)
    return (0, k * (k + 1) // 2, k * (k + 1) // 2 + k)


def _fits(most: int, n_alt: int, number: str, *, is_text: bool) -> bool:
    """Tell whether the longest list of values of a FORMAT field has a right length."""
    if number == "G":
        return most in (1, n_alt + 1, _genotype_count(n_alt))
    return is_text or most == n_alt + (number == "R")


def _number_of_one(values: Values, n_alt: int, number: str, k: int) -> bytes:
    """Pick one sample's numbers; lists cut short are filled with missing values."""
    if number == "A":
        return values[k - 1] if k <= len(values) else b"."
    if number == "R":
        return values[0] + b"," + (values[k] if k < len(values) else b".")
    return _genotype_values(values, n_alt, k)


def _text_of_one(values: Values, n_alt: int, number: str, k: int) -> bytes:
    if number == "G":
        return _genotype_values(values, n_alt, k)
    places = _places(number, k)
    return b",".join(values[i] for i in places) if places[-1] < len(values) else b"."


def _genotype_values(values: Values, n_alt: int, k: int) -> bytes:
    if len(values) == _genotype_count(n_alt):
        return b",".join(values[i] for i in _places("G", k))
    # A haploid call: one value for each allele.
    return b",".join(values[0:1] + values[k : k + 1])
