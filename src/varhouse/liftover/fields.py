"""Fields of a record whose REF and ALT k change places.

Allele numbers 0 and k are exchanged: in GT (phase kept), in lists with Number=R (AD) and,
by the order of genotypes, in lists with Number=G (PL, GL, GP; any ploidy). AC of the new
ALT is AN less all AC, AF is 1 less all AF; INFO fields that are named after them with an
affix (`EAS_AF`, `AC_east` with `AN_east`) follow in the same way, FORMAT/AF and FORMAT/DS
too. What cannot follow is left out and counted: other fields with Number=A, maxima and
minima of frequencies, and lists of a wrong length.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import combinations_with_replacement

Values = list[bytes]

_KNOWN = {
    **dict.fromkeys((("INFO", "AC"), ("INFO", "AF"), ("FORMAT", "AF")), "A"),
    **dict.fromkeys((("INFO", "AD"), ("FORMAT", "AD"), ("FORMAT", "ADF")), "R"),
    **dict.fromkeys((("FORMAT", "ADR"), ("INFO", "ADF"), ("INFO", "ADR")), "R"),
    **dict.fromkeys((("FORMAT", "GL"), ("FORMAT", "PL"), ("FORMAT", "GP")), "G"),
}
"""Numbers of reserved keys (VCF 4.5, tables 1 and 2), whatever the header says."""

_FREQUENCY = re.compile(rb"(?:\w+_)?AF(?:_\w+)?")
_EXTREME = re.compile(rb"(?i:(?:.*_)?(?:max|min|popmax|grpmax)(?:_.*)?)")
_COUNT = re.compile(rb"((?:\w+_)?)AC((?:_\w+)?)")
_NUMBER = re.compile(rb"\d+")
_TWO_DIGITS = re.compile(rb"\d\d")
_MAX_PLOIDY = 20


class Swapper:
    """Exchanges REF and an ALT in the fields of records.

    Parameters
    ----------
    numbers
        (`INFO` or `FORMAT`, id) to Number, as the header declares them.

    Attributes
    ----------
    removed
        Fields left out (`INFO/MLEAC`), and fields that became missing in some samples
        (`FORMAT/AD of some samples`), with counts of records.
    """

    def __init__(self, numbers: Mapping[tuple[str, str], str]) -> None:
        self._numbers = {(k, n.encode()): v for (k, n), v in {**numbers, **_KNOWN}.items()}
        self.removed: Counter[str] = Counter()

    def info(self, info: bytes, n_alt: int, k: int) -> bytes:
        """Exchange allele 0 and allele `k` of `n_alt` ALTs in INFO."""
        items = [item.partition(b"=") for item in info.split(b";")]
        values = {key: value for key, equals, value in items if equals}
        out: Values = []
        for key, equals, value in items:
            new: bytes | None = value
            if equals and value != b".":
                new = self._info_value(key, value, values, n_alt, k)
            if new is None:
                self.removed["INFO/" + key.decode(errors="replace")] += 1
            else:
                out.append(key + equals + new)
        return b";".join(out) or b"."

    def _info_value(
        self, key: bytes, value: bytes, values: Mapping[bytes, bytes], n_alt: int, k: int
    ) -> bytes | None:
        number = self._numbers.get(("INFO", key))
        if _FREQUENCY.fullmatch(key) and number not in ("0", "R", "G"):
            if _EXTREME.fullmatch(key):
                return None
            return _rest(value.split(b","), b"1", n_alt, k)
        if (found := _COUNT.fullmatch(key)) and number in (None, "A", "1", "."):
            total = values.get(found[1] + b"AN" + found[2])
            return None if total is None else _rest(value.split(b","), total, n_alt, k)
        return _by_number(number, value, n_alt, k)

    def samples(self, rest: bytes, n_alt: int, k: int) -> bytes:
        """Exchange the alleles in FORMAT and the samples' cells (tab-separated)."""
        if not rest:
            return rest
        keys, tab, cells = rest.partition(b"\t")
        if keys == b"GT":
            return keys + tab + _genotypes(cells, n_alt, k)
        names = keys.split(b":")
        rows = [cell.split(b":") for cell in cells.split(b"\t")] if tab else []
        gt = names.index(b"GT") if b"GT" in names else -1
        kept: list[int] = []
        for i, name in enumerate(names):
            if self._can_follow(name, gt):
                kept.append(i)
            else:
                self.removed["FORMAT/" + name.decode(errors="replace")] += 1
        out = []
        lost: set[bytes] = set()
        for row in rows:
            ploidy = len(_NUMBER.findall(row[gt]) or b"22") if gt >= 0 else 0
            new = []
            for i in kept:
                if i < len(row):
                    cell = self._cell(names[i], row[i], n_alt, k, ploidy)
                    if cell is None:
                        lost.add(names[i])
                    new.append(b"." if cell is None else cell)
            out.append(b":".join(new) or b".")
        self.removed.update(
            f"FORMAT/{name.decode(errors='replace')} of some samples" for name in lost
        )
        return b"\t".join([b":".join(names[i] for i in kept) or b".", *out])

    def _can_follow(self, name: bytes, gt: int) -> bool:
        if name in (b"AF", b"VAF"):
            return True
        if name == b"DS":
            return gt >= 0
        return self._numbers.get(("FORMAT", name)) != "A" and name != b"HDS"

    def _cell(
        self, name: bytes, value: bytes, n_alt: int, k: int, ploidy: int
    ) -> bytes | None:
        if name == b"GT":
            return _genotypes(value, n_alt, k)
        if not value.strip(b".,"):
            return value
        if name in (b"AF", b"VAF", b"DS"):
            total = b"%d" % ploidy if name == b"DS" else b"1"
            return _rest(value.split(b","), total, n_alt, k)
        return _by_number(self._numbers.get(("FORMAT", name)), value, n_alt, k)


def _genotypes(cells: bytes, n_alt: int, k: int) -> bytes:
    """Exchange allele numbers in GT cells; the phase marks stay."""
    if n_alt < 10 and not _TWO_DIGITS.search(cells):
        return cells.translate(bytes.maketrans(b"0%d" % k, b"%d0" % k))
    swap = {b"0": b"%d" % k, b"%d" % k: b"0"}
    return _NUMBER.sub(lambda found: swap.get(found[0], found[0]), cells)


def _by_number(number: str | None, value: bytes, n_alt: int, k: int) -> bytes | None:
    """Put a list in the order of the exchanged alleles; None: it cannot follow."""
    if number not in ("A", "R", "G"):
        return value
    values = value.split(b",")
    if number == "A":
        return None
    if number == "R":
        order: Sequence[int] | None = None
        if len(values) == n_alt + 1:
            order = [k if i == 0 else 0 if i == k else i for i in range(n_alt + 1)]
    else:
        order = genotype_order(len(values), n_alt + 1, k)
    return None if order is None else b",".join(values[i] for i in order)


@cache
def genotype_order(n_values: int, n_alleles: int, k: int) -> tuple[int, ...] | None:
    """Give the old place of each genotype when alleles 0 and `k` are exchanged.

    Genotypes stand in the order of VCF 4.5, section 1.6.2: sorted by their highest
    allele, then by the next. The ploidy follows from the number of values; None if there
    is no ploidy that has so many.
    """
    for ploidy in range(1, _MAX_PLOIDY + 1):
        genotypes = sorted(
            combinations_with_replacement(range(n_alleles), ploidy), key=lambda g: g[::-1]
        )
        if len(genotypes) == n_values:
            place = {g: i for i, g in enumerate(genotypes)}
            swap = {0: k, k: 0}
            return tuple(place[tuple(sorted(swap.get(a, a) for a in g))] for g in genotypes)
        if len(genotypes) > n_values:
            break
    return None


def _rest(values: Values, total: bytes, n_alt: int, k: int) -> bytes | None:
    """Give ALT k what the others leave of the total; exact, in decimal digits."""
    if len(values) != n_alt:
        return None
    try:
        left = Decimal(total.decode()) - sum(Decimal(v.decode()) for v in values)
    except (InvalidOperation, UnicodeDecodeError):
        return None
    # Rounded frequencies of several ALTs may add up to a little more than 1.
    if not left.is_finite() or left < -Decimal("0.01"):
        return None
    out = list(values)
    out[k - 1] = f"{max(left, Decimal(0)):f}".encode()
    return b",".join(out)
