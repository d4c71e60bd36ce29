"""Fields that stand twice in a record: of all alleles, and of a sample's local ones.

"If a field and it's local-allele equivalent are both defined they must encode identical
information or one must ignored by containing the MISSING value or omitted" (VCF 4.5, section
1.6.2). Files with both are rare: each such record is looked at by itself.
"""

import numpy as np

from varhouse.vcf.account.problems import Account
from varhouse.vcf.samples.layout import distinct_texts
from varhouse.vcf.text.lines import RecordBatch

_PAIRS = {
    "LAD": ("AD", "R"), "LADF": ("ADF", "R"), "LADR": ("ADR", "R"), "LEC": ("EC", "A"),
    "LGL": ("GL", "G"), "LGP": ("GP", "G"), "LPL": ("PL", "G"), "LPP": ("PP", "G"),
}  # fmt: skip
"""Key of local alleles to the key of all alleles, and its Number."""


def check_local_copies(batch: RecordBatch, account: Account, names: list[str]) -> None:
    """Tell where both forms of a field are given and differ (VH-M-017).

    Parameters
    ----------
    names
        Names of the samples.
    """
    start = np.minimum(batch.start[:, 8], batch.end)
    end = np.maximum(np.minimum(batch.start[:, 9] - 1, batch.end), start)
    number, spans = distinct_texts(batch.text, start, end)
    for code, (a, b) in enumerate(spans.tolist()):
        keys = batch.text[a:b].tobytes().decode("utf-8", "replace").split(":")
        pairs = [
            (keys.index(local), keys.index(whole), of)
            for local, (whole, of) in _PAIRS.items()
            if local in keys and whole in keys
        ]
        if pairs and "LAA" in keys:
            for k in np.flatnonzero(number == code).tolist():
                _check_record(batch, k, keys, pairs, account, names)


def _check_record(
    batch: RecordBatch,
    k: int,
    keys: list[str],
    pairs: list[tuple[int, int, str]],
    account: Account,
    names: list[str],
) -> None:
    line = batch.lines(np.array([k]))[0]
    cells = line.split("\t")
    laa = keys.index("LAA")
    for s, sample in enumerate(cells[9:]):
        fields = sample.split(":")
        fields += ["."] * (len(keys) - len(fields))
        text = fields[laa].split(",") if fields[laa] not in (".", "") else []
        alleles = [0, *(int(t) for t in text if t.isdigit())]
        for local, whole, of in pairs:
            if not _same(fields[local].split(","), fields[whole].split(","), alleles, of):
                account.add(
                    "VH-M-017",
                    f"{keys[local]} and {keys[whole]} differ: {fields[whole][:60]}",
                    line=batch.line + k,
                    contig=cells[0],
                    pos=int(batch.pos[k]),
                    name=f"FORMAT/{keys[local]} of {names[s] if s < len(names) else s}",
                    value=fields[local][:200],
                )


def _same(local: list[str], whole: list[str], alleles: list[int], of: str) -> bool:
    """Tell whether the values that both forms give agree; wrong counts are not judged."""
    if local in (["."], [""]) or whole in (["."], [""]):
        return True
    if of == "A":
        wanted = [a - 1 for a in alleles[1:]]
    elif of == "R":
        wanted = alleles
    else:
        ploidy = _ploidy(len(local), len(alleles))
        wanted = [_index(sorted(alleles[i] for i in g)) for g in _orders(ploidy, len(alleles))]
    if len(wanted) != len(local):
        return True
    pairs = ((v, whole[w]) for v, w in zip(local, wanted, strict=True) if w < len(whole))
    return all(a == b or "." in (a, b) or _value(a) == _value(b) for a, b in pairs)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _ploidy(n: int, alleles: int) -> int:
    """Give the ploidy at which `n` genotypes can be made of so many alleles; 0 for none."""
    ways, ploidy = 1, 0
    while ways < n and ploidy < 16:
        ploidy += 1
        ways = ways * (alleles - 1 + ploidy) // ploidy
    return ploidy if ways == n else 0


def _orders(ploidy: int, alleles: int) -> list[tuple[int, ...]]:
    """List genotypes in the order of section 1.6.2."""
    if ploidy == 0:
        return [()]
    return [(*g, a) for a in range(alleles) for g in _orders(ploidy - 1, a + 1)]


def _index(genotype: list[int]) -> int:
    """Give the place of a genotype of sorted alleles: sum of C(k + m - 1, m)."""
    at = 0
    for m, allele in enumerate(genotype, 1):
        ways = 1
        for j in range(1, m + 1):
            ways = ways * (allele - 1 + j) // j
        at += ways if allele else 0
    return at
