"""Split the fields of a multiallelic record, one set for each ALT, as text.

Follows `bcftools norm -m-` 1.24. Fields declared with Number A, R or G keep the values of
REF and of their ALT; in GT an allele that is neither becomes 0 (or `.`), so that the split
genotype is not a count of anything: frequencies come from the original one. Fields of
local alleles (VCF 4.5) keep the values of REF and, where LAA lists it, of their ALT; LAA
becomes 1, or missing. Differences:
fields that the header does not declare are kept, Number=G is split at any ploidy, also of
texts, and in a sample whose list fits no ploidy it becomes missing. Whatever values do not
fit their record is counted (`Splitter.losses`), also what bcftools does without a word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from varhouse.normalise.info import (
    LEFT_OUT,
    NO_ALLELE,
    NO_PLOIDY,
    UNEVEN,
    Bytes,
    Longs,
    make_rules,
    split_info,
)
from varhouse.normalise.samples import split_samples

_PLACE = 1000
"""Bytes of a line that hold CHROM and POS."""
_END = re.compile(rb"(^|;)END=[^;]*")


def set_end(info: bytes, end: int) -> bytes:
    """Set the value of INFO/END (1-based), if it is there."""
    return _END.sub(rb"\g<1>END=%d" % end, info)


class Loss(IntEnum):
    """What became of values that do not fit their record."""

    LEFT_OUT = LEFT_OUT
    UNEVEN = UNEVEN
    NO_PLOIDY = NO_PLOIDY
    NO_ALLELE = NO_ALLELE

    @property
    def says(self) -> str:
        """What happened, for users."""
        return _SAYS[self]


_SAYS = {
    Loss.LEFT_OUT: "left out, the number of values is wrong",
    Loss.UNEVEN: "some lists have a wrong number of values; read from the left as in bcftools",
    Loss.NO_PLOIDY: "lists that fit no ploidy became missing",
    Loss.NO_ALLELE: "allele numbers that the record does not have became missing",
}


@dataclass
class Lost:
    """Records that lost something, and where the first one is (`contig:pos`)."""

    records: int
    first: str


_LOCAL = {
    "LAD": "LR", "LADF": "LR", "LADR": "LR", "LEC": "LA", "LGL": "LG", "LGP": "LG",
    "LPL": "LG", "LPP": "LG",
}  # fmt: skip
"""Reserved keys of local alleles (VCF 4.5, table of genotype keys)."""


def local_fields(numbers: Mapping[tuple[str, str], str]) -> list[tuple[bytes, str, bool]]:
    """List the fields of local alleles, if the header declares LAA.

    DRAGEN writes them into files of VCF 4.2, which has no such Numbers: there the reserved
    names say what they are.
    """
    if ("FORMAT", "LAA") not in numbers:
        return []
    found = {"LAA": "LAA"}
    for (kind, name), number in numbers.items():
        if kind == "FORMAT" and (number in ("LA", "LR", "LG") or name in _LOCAL):
            found[name] = number if number in ("LA", "LR", "LG") else _LOCAL[name]
    return [(name.encode(), number, False) for name, number in found.items()]


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
    numbers
        As given.
    losses
        What was lost, by field and kind. Fields are left out of a record whose longest
        list has a wrong number of values (`bcftools norm --force` does that as well,
        without it gives up); the other kinds are of single samples, or of texts.
    """

    def __init__(
        self,
        numbers: Mapping[tuple[str, str], str],
        types: Mapping[tuple[str, str], str],
        other: str = "0",
    ) -> None:
        self.numbers = numbers
        self._other = other.encode()
        self.losses: dict[tuple[str, Loss], Lost] = {}
        split = {
            (kind, name): (name.encode(), number, types.get((kind, name)) == "String")
            for (kind, name), number in numbers.items()
            if number in ("A", "R", "G")
        }
        of_info = [f for (kind, _), f in split.items() if kind == "INFO"]
        self._names = [key.decode() for key, _, _ in of_info]
        self._rules = make_rules(of_info)
        of_format = [*local_fields(numbers), (b"GT", "GT", True)]
        own = {key.decode() for key, _, _ in of_format}
        of_format += [f for (kind, n), f in split.items() if kind == "FORMAT" and n not in own]
        self._format_names = [key.decode() for key, _, _ in of_format]
        self._format = make_rules(of_format)

    def infos(
        self,
        text: Bytes,
        start: Longs,
        info: Longs,
        end: Longs,
        n_alt: Longs,
        line: Longs | None = None,
    ) -> tuple[Longs, Bytes]:
        """Split QUAL, FILTER and INFO of many records (see `split_info`): (offsets, text).

        `line` is the first byte of each record's line, if CHROM and POS are in the text.
        """
        at, out, losses = split_info(text, start, info, end, n_alt, self._rules)
        self._note("INFO/", self._names, losses, text, line, "")
        return at, out

    def info(self, info: bytes, n_alt: int, place: str = "") -> list[bytes]:
        """Split the INFO of one record (at `contig:pos`): one text for each ALT."""
        text = np.frombuffer(info, np.uint8)
        zero, size = np.zeros(1, np.int64), np.array([text.size])
        at, out, losses = split_info(text, zero, zero, size, np.array([n_alt]), self._rules)
        self._note("INFO/", self._names, losses, text, None, place)
        return [out[a:b].tobytes() for a, b in pairwise(at)]

    def samples(
        self, keys: bytes, samples: bytes, n_alt: int, place: str = ""
    ) -> list[tuple[bytes, bytes]]:
        """Split FORMAT and the sample columns (tab-separated): a pair for each ALT."""
        text = np.frombuffer(keys + b"\t" + samples, np.uint8)
        zero, cells, size = (np.array([i]) for i in (0, len(keys) + 1, text.size))
        at, out, losses = split_samples(
            text,
            zero,
            cells,
            size,
            np.array([n_alt]),
            self._format,
            self._other[0],
            np.zeros(n_alt + 1, np.int64),
            np.zeros(0, np.uint8),
        )
        self._note("FORMAT/", self._format_names, losses, text, None, place)
        pairs = (out[a + 1 : b].tobytes().partition(b"\t") for a, b in pairwise(at))
        return [(k, c) for k, _, c in pairs]

    def tails(
        self,
        text: Bytes,
        form: Longs,
        sample: Longs,
        end: Longs,
        n_alt: Longs,
        info_at: Longs,
        infos: Bytes,
        line: Longs | None = None,
    ) -> tuple[Longs, Bytes]:
        """Split FORMAT and samples of many records (see `split_samples`): (offsets, text)."""
        at, out, losses = split_samples(
            text, form, sample, end, n_alt, self._format, self._other[0], info_at, infos
        )
        self._note("FORMAT/", self._format_names, losses, text, line, "")
        return at, out

    def _note(
        self,
        prefix: str,
        names: list[str],
        losses: Longs,
        text: Bytes,
        line: Longs | None,
        place: str,
    ) -> None:
        for i, kind in np.argwhere(losses[:, :, 0] > 0).tolist():
            n, record = losses[i, kind].tolist()
            key = prefix + names[i], Loss(kind)
            if key in self.losses:
                self.losses[key].records += n
                continue
            if line is not None:
                here = text[line[record] : line[record] + _PLACE].tobytes()
                place = ":".join(here.decode(errors="replace").split("\t")[:2])
            self.losses[key] = Lost(n, place)
