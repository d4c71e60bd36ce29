"""Rare records: which of a batch they are, and each taken apart to be looked at alone."""

import re
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.keys import hash_name
from varhouse.vcf.header.meta_lines import LEVELS
from varhouse.vcf.text.lines import RecordBatch

SAMPLE_KEYS = {"CICN", "PSL", "PSO", "PSQ"}
"""FORMAT keys that these rules are about: only with one of them the samples are looked at."""


@nb.njit(cache=True, nogil=True)
def mark_rows_with(text, begin, end, names, separator, rows):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark the records with one of some keys (sorted hashes) between two columns."""
    same_as = -1
    for k in range(begin.size):
        i, e = begin[k], end[k]
        if separator == 58:
            # FORMAT repeats from line to line.
            if same_as >= 0 and e - i == end[same_as] - begin[same_as]:
                same = True
                for j in range(e - i):
                    if text[i + j] != text[begin[same_as] + j]:
                        same = False
                        break
                if same:
                    continue
            same_as = -1
        found = False
        while i < e and not found:
            j = i
            while j < e and text[j] != separator and text[j] != 61:
                j += 1
            name = hash_name(text, i, j)
            at = np.searchsorted(names, name)
            found = at < names.size and names[at] == name
            while j < e and text[j] != separator:
                j += 1
            i = j + 1
        if found:
            rows[k] = True
        elif separator == 58:
            same_as = k


def hashes_of(names: tuple[str, ...] | set[str]) -> npt.NDArray[np.uint64]:
    """Give the hashes of some keys, sorted: uint64[n] (`hash_name`)."""
    out = []
    for name in names:
        text = np.frombuffer(name.encode(), np.uint8)
        out.append(int(hash_name(text, 0, text.size)))
    return np.array(sorted(out), np.uint64)


@dataclass
class RareRecord:
    """A record that is looked at one by one."""

    line: int
    contig: str
    pos: int | None
    ids: str
    ref: str
    alts: list[str]
    info: dict[str, str]
    format: list[str]
    samples: list[str]

    def values(self, key: str) -> list[str]:
        """Values of an INFO key; empty if the key is not there."""
        return self.info[key].split(",") if key in self.info else []

    def level(self, k: int) -> str:
        """First level of a symbolic allele, BREAKEND, or nothing."""
        alt = self.alts[k]
        if alt.startswith("<") and alt.endswith(">"):
            first = alt[1:-1].partition(":")[0]
            return first if first in LEVELS else ""
        return "BREAKEND" if re.search(r"[\[\]]|^\.[^.]|[^.]\.\Z", alt) else ""

    def tell(
        self,
        account: Account,
        code: str,
        message: str,
        name: str,
        value: str,
        severity: str | None = None,
    ) -> None:
        """Put a problem of the record into the account."""
        account.add(
            code,
            message,
            line=self.line,
            contig=self.contig,
            pos=self.pos,
            name=name,
            value=value[:200],
            severity=severity,
        )


def number(text: str) -> float | None:
    """Read a number; None of what is none."""
    try:
        return float(text)
    except ValueError:
        return None


def take_apart(batch: RecordBatch, k: int) -> RareRecord:
    """Take record `k` of a batch apart; of an INFO key that is repeated the first value."""
    start, end = batch.start[k], int(batch.end[k])
    head_end = min(int(start[9]) - 1, end)
    cells = batch.text[start[0] : head_end].tobytes().decode("utf-8", "replace").split("\t")
    names = cells[8].split(":") if len(cells) > 8 else []
    samples: list[str] = []
    if (SAMPLE_KEYS & set(names)) and start[9] <= end:
        text = batch.text[start[9] : end].tobytes().decode("utf-8", "replace")
        samples = text.split("\t")
    info: dict[str, str] = {}
    for part in cells[7].split(";"):
        key, _, value = part.partition("=")
        info.setdefault(key, value)
    alts = [] if cells[4] == "." else cells[4].split(",")
    pos = int(batch.pos[k])
    return RareRecord(
        batch.line + k,
        cells[0],
        pos if pos >= 0 else None,
        cells[2],
        cells[3],
        alts,
        info,
        names,
        samples,
    )
