"""Exchange REF and an ALT in the fields of a record; `swaprules` says what becomes of each.

What follows exactly is rewritten: allele numbers, the order of values, and what REF leaves of
a total. What cannot follow is left out and counted: a value that stays behind would be said of
another allele.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from itertools import combinations_with_replacement
from re import compile as pattern

from varhouse.alleles.swaprules import COUNT, PAIRS, VARSCAN, Rule, rule_of

Values = list[bytes]

_ALLELE = pattern(rb"\d+|\.")
_DIGITS = pattern(rb"\d+")
_LEAST = -Decimal("0.01")
"""Rounded frequencies of several ALTs may add up to a little more than 1."""
_MAX_PLOIDY = 20
_BY_HAPLOTYPE = {b"HQ", b"HDS", b"ADS", b"AP", b"AP1", b"AP2", b"PSL", b"PSO", b"PSQ"}
_LOCAL = {
    Rule.LOCAL_LIST, Rule.LOCAL_GENOTYPE, Rule.LOCAL_ALLELE, Rule.LOCAL_ALT,
    Rule.LOCAL_GENOTYPES,
}  # fmt: skip


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
        self._numbers = dict(numbers)
        self.removed: Counter[str] = Counter()

    def _rule(
        self, kind: str, key: bytes, keys: Sequence[bytes] | Mapping[bytes, bytes]
    ) -> Rule:
        name = key.decode(errors="replace")
        number = self._numbers.get((kind, name))
        for ref, alt in VARSCAN.items():
            if name in (ref, alt) and self._numbers.get((kind, alt)) == "1":
                other = (alt if name == ref else ref).encode()
                if other in keys:
                    return Rule.PAIR_REF if name == ref else Rule.PAIR_ALT
        return rule_of(kind, name, number)

    def info(self, info: bytes, n_alt: int, k: int) -> bytes:
        """Exchange allele 0 and allele `k` of `n_alt` ALTs in INFO."""
        items = [item.partition(b"=") for item in info.split(b";")]
        values = {key: value for key, equals, value in items if equals}
        out: Values = []
        for key, equals, value in items:
            new: bytes | None = value
            if equals and value != b".":
                rule = self._rule("INFO", key, values)
                new = _exchange(rule, key, value, values, n_alt, k, None)
            if new is None:
                self.removed["INFO/" + key.decode(errors="replace")] += 1
            else:
                out.append(key + equals + new)
        return b";".join(out) or b"."

    def samples(self, rest: bytes, n_alt: int, k: int) -> bytes:
        """Exchange the alleles in FORMAT and the samples' cells (tab-separated)."""
        if not rest:
            return rest
        form, tab, text = rest.partition(b"\t")
        cells = text.split(b"\t") if tab else []
        if form == b"GT":
            return b"\t".join([form, *(swap_genotype(c, k, free=True) for c in cells)])
        names = form.split(b":")
        rules = [self._rule("FORMAT", name, names) for name in names]
        kept = [i for i, rule in enumerate(rules) if self._can_follow(names[i], rule, names)]
        self.removed.update(
            "FORMAT/" + n.decode(errors="replace")
            for i, n in enumerate(names)
            if i not in kept
        )
        free = not _BY_HAPLOTYPE.intersection(names)
        lost: set[bytes] = set()
        out = []
        for cell in cells:
            values = dict(zip(names, cell.split(b":"), strict=False))
            new = []
            for i in kept:
                name = names[i]
                if name not in values:
                    break  # the fields at the end of a cell may be left out
                held = values[name]
                if rules[i] is Rule.GENOTYPE:
                    new.append(swap_genotype(held, k, free=free))
                    continue
                found: bytes | None = held
                if held.strip(b".,") or rules[i] is Rule.LOCAL_LIST:
                    found = _exchange(
                        rules[i], name, held, values, n_alt, k, values.get(b"GT")
                    )
                if found is None:
                    lost.add(name)
                new.append(b"." if found is None else found)
            out.append(b":".join(new) or b".")
        self.removed.update(
            f"FORMAT/{name.decode(errors='replace')} of some samples" for name in lost
        )
        return b"\t".join([b":".join(names[i] for i in kept) or b".", *out])

    def _can_follow(self, name: bytes, rule: Rule, names: Sequence[bytes]) -> bool:
        """Tell whether a FORMAT key can follow in any sample."""
        if rule is Rule.LOST:
            return False
        if rule is Rule.DOSE:
            return b"GT" in names
        if rule in (Rule.PAIR_REF, Rule.PAIR_ALT):
            return _partner(name) in names
        return rule not in _LOCAL or b"LAA" in names


def _exchange(
    rule: Rule,
    key: bytes,
    value: bytes,
    values: Mapping[bytes, bytes],
    n_alt: int,
    k: int,
    genotype: bytes | None,
) -> bytes | None:
    """Give a value after the exchange; None: it cannot follow."""
    if rule is Rule.KEEP:
        return value
    if rule is Rule.LOST:
        return None
    if rule is Rule.GENOTYPE:
        return swap_genotype(value, k, free=True)
    if rule in _LOCAL:
        return _local(rule, value, values.get(b"LAA", b"."), k)
    if rule in (Rule.PAIR_REF, Rule.PAIR_ALT):
        return _pair(rule, value, values.get(_partner(key), b"."), n_alt, k)
    listed = value.split(b",")
    if rule is Rule.FREQUENCY:
        return _rest(listed, b"1", n_alt, k)
    if rule is Rule.COUNT:
        affix = COUNT.fullmatch(key.decode(errors="replace"))
        assert affix is not None
        total = values.get(f"{affix[1]}AN{affix[2]}".encode())
        return None if total is None else _rest(listed, total, n_alt, k)
    if rule is Rule.DOSE:
        copies = _ALLELE.findall(genotype or b".")
        if len(copies) == 1 and copies[0] == b".":
            return None  # `.` may stand for any ploidy
        return _rest(listed, b"%d" % len(copies), n_alt, k)
    if rule is Rule.HAPLOTYPES:
        new = [_rest([v], b"1", 1, 1) for v in listed] if n_alt == 1 else [None]
        return None if None in new else b",".join(v for v in new if v is not None)
    if rule is Rule.TWOS:
        twos = [b",".join(listed[i : i + 2]) for i in range(0, len(listed), 2)]
        return None if len(listed) % 2 else _in_order(twos, allele_order(n_alt, k))
    if rule is Rule.PIPES:
        return _in_order(value.split(b"|"), allele_order(n_alt, k), b"|")
    if rule is Rule.BY_GENOTYPE:
        return _in_order(listed, genotype_order(len(listed), allele_order(n_alt, k)))
    return _in_order(listed, allele_order(n_alt, k))


@lru_cache(maxsize=4096)
def swap_genotype(gt: bytes, k: int, *, free: bool) -> bytes:
    """Exchange allele numbers 0 and `k` of a genotype; phase and ploidy stay.

    `free`: nothing else follows the order of the alleles. Those of a genotype without phase
    then ascend, as tools write them: `0/1` stays `0/1`.
    """
    swap = {b"0": b"%d" % k, b"%d" % k: b"0"}
    new = _DIGITS.sub(lambda found: swap.get(found[0], found[0]), gt)
    if not free or b"|" in new or b"." in new:
        return new
    mark = new[:1] if new[:1] == b"/" else b""
    alleles = new[len(mark) :].split(b"/")
    return mark + b"/".join(sorted(alleles, key=int))


def allele_order(n_alt: int, k: int) -> tuple[int, ...]:
    """Give the old number of each allele when 0 and `k` of `n_alt` ALTs are exchanged."""
    return tuple(k if i == 0 else 0 if i == k else i for i in range(n_alt + 1))


def _in_order(
    values: Values, order: Sequence[int] | None, separator: bytes = b","
) -> bytes | None:
    """Put values in a new order; None if there are more or less of them."""
    if order is None or len(order) != len(values):
        return None
    return separator.join(values[i] for i in order)


@cache
def genotype_order(n_values: int, order: tuple[int, ...]) -> tuple[int, ...] | None:
    """Give the old place of each genotype, from the old place of each allele.

    Genotypes stand in the order of VCF 4.5, section 1.6.2: sorted by their highest
    allele, then by the next. The ploidy follows from the number of values; None if there
    is no ploidy that has so many.
    """
    for ploidy in range(1, _MAX_PLOIDY + 1):
        genotypes = sorted(
            combinations_with_replacement(range(len(order)), ploidy), key=lambda g: g[::-1]
        )
        if len(genotypes) == n_values:
            place = {g: i for i, g in enumerate(genotypes)}
            return tuple(place[tuple(sorted(order[a] for a in g))] for g in genotypes)
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
    if not left.is_finite() or left < _LEAST:
        return None
    out = list(values)
    out[k - 1] = f"{max(left, Decimal(0)):f}".encode()
    return b",".join(out)


def _partner(key: bytes) -> bytes:
    """Give the key of the ALTs' values for that of REF, or the other way round."""
    pairs = PAIRS | VARSCAN
    other = {alt: ref for ref, alt in pairs.items()}
    name = key.decode(errors="replace")
    return (pairs.get(name) or other.get(name, "")).encode()


def _pair(rule: Rule, value: bytes, other: bytes, n_alt: int, k: int) -> bytes | None:
    """Exchange the value of REF with that of ALT k, which stands in another key."""
    of_ref, of_alts = (value, other) if rule is Rule.PAIR_REF else (other, value)
    refs, alts = of_ref.split(b","), of_alts.split(b",")
    if len(alts) != n_alt * len(refs) or b"." in (*refs, *alts):
        return None
    width = len(refs)
    if rule is Rule.PAIR_REF:
        return b",".join(alts[(k - 1) * width : k * width])
    return b",".join([*alts[: (k - 1) * width], *refs, *alts[k * width :]])


def _local(rule: Rule, value: bytes, laa: bytes, k: int) -> bytes | None:
    """Exchange alleles in a field of local alleles (VCF 4.5, section 1.6.2).

    A sample's local alleles are REF and the ALTs that LAA lists, ascending. With the new
    REF among them its values are put in order. Without it nothing was said of the new REF:
    the old REF joins the list, and only the genotype follows.
    """
    listed = [] if laa == b"." else laa.split(b",")
    if not all(a.isdigit() and a != b"0" for a in listed) or len(set(listed)) < len(listed):
        return None
    old = [0, *map(int, listed)]
    new = [0, *sorted({*old[1:], k})]
    swap = {0: k, k: 0}
    if rule is Rule.LOCAL_LIST:
        return b",".join(b"%d" % a for a in new[1:])
    if rule is Rule.LOCAL_GENOTYPE:
        return _local_genotype(value, old, new, swap)
    order = [old.index(swap.get(a, a)) if swap.get(a, a) in old else -1 for a in new]
    values = value.split(b",")
    if rule is Rule.LOCAL_ALT or -1 in order:
        return None
    if rule is Rule.LOCAL_ALLELE:
        return _in_order(values, order)
    return _in_order(values, genotype_order(len(values), tuple(order)))


def _local_genotype(
    gt: bytes, old: list[int], new: list[int], swap: Mapping[int, int]
) -> bytes | None:
    if any(int(a) >= len(old) for a in _DIGITS.findall(gt)):
        return None

    def renumber(found: bytes) -> bytes:
        allele = old[int(found)]
        return b"%d" % new.index(swap.get(allele, allele))

    return _DIGITS.sub(lambda found: renumber(found[0]), gt)
