"""Splice terms in and beside introns of 1 base on, against VEP's rule written out plainly.

`BaseTranscriptVariationAllele::_intron_effects` and `_intron_overlap` of Ensembl Variation:
an allele that overlaps an intron of `abs(end - start) <= 12` skips it, any other is asked for
the zones by coordinates alone. bcftools csq does not know tiny introns.
"""

from pathlib import Path

import pytest
from gene_builders import alleles, build, reverse_complement
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences

SPLICE = {
    "splice_donor_variant", "splice_acceptor_variant", "splice_donor_5th_base_variant",
    "splice_donor_region_variant", "splice_region_variant",
    "splice_polypyrimidine_tract_variant", "intron_variant",
}  # fmt: skip
Interval = tuple[int, int]


def overlap(a: int, b: int, c: int, d: int) -> bool:
    return b >= c and a <= d


def by_vep(
    first: int, last: int, introns: list[Interval], exons: list[Interval], forward: bool
) -> set[str]:
    """Terms of bases first to last (1-based; last = first - 1 for an insertion)."""
    found: set[str] = set()
    insertion = last < first
    for a, b in introns:
        if abs(b - a) <= 12 and overlap(first, last, a, b):
            continue
        left, right = ("donor", "acceptor") if forward else ("acceptor", "donor")
        for name, side in ((left, 0), (right, 1)):

            def zone(i: int, j: int, side: int = side, a: int = a, b: int = b) -> bool:
                low, high = (a + i, a + j) if side == 0 else (b - j, b - i)
                return overlap(first, last, low, high)

            if zone(0, 1):
                found.add(f"splice_{name}_variant")
            if name == "donor" and zone(4, 4):
                found.add("splice_donor_5th_base_variant")
            if name == "donor" and zone(2, 5):
                found.add("splice_donor_region_variant")
            if zone(2, 7) or zone(-3, -1):
                found.add("splice_region_variant")
            tract = zone(2, 16)
            if insertion and name == "acceptor":
                # One neighbour is enough.
                low, high = (a + 2, a + 16) if side == 0 else (b - 16, b - 2)
                tract = overlap(last, first, low, high)
            if name == "acceptor" and tract:
                found.add("splice_polypyrimidine_tract_variant")
        if insertion and (first in (a, a + 2) or last in (b, b - 2)):
            found.add("splice_region_variant")
        if overlap(first, last, a + 2, b - 2) or (
            insertion and (first == a + 2 or last == b - 2)
        ):
            found.add("intron_variant")
    low, high = min(first, last), max(first, last)
    if any(overlap(low, high, a, b) for a, b in exons):
        found.discard("splice_polypyrimidine_tract_variant")
    if "splice_donor_5th_base_variant" in found:
        found.discard("splice_donor_region_variant")
    narrow = {"splice_donor_variant", "splice_acceptor_variant"}
    narrow |= {"splice_donor_5th_base_variant", "splice_donor_region_variant"}
    if found & narrow:
        found.discard("splice_region_variant")
    return found


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    "sizes", [(1, 2), (3, 5), (8, 12), (13, 14), (2, 20), (16, 1), (4, 25)]
)
@pytest.mark.parametrize("middle", [1, 2, 4, 24])
def test_terms_are_vep_s(
    tmp_path: Path, strand: str, sizes: tuple[int, int], middle: int
) -> None:
    genome = "".join("ACGT"[(7 * i * i + 3 * i) % 4] + "CAGT"[(i * i) % 4] for i in range(80))
    first = (21, 50)
    second = (51 + sizes[0], 50 + sizes[0] + middle)
    third = (second[1] + 1 + sizes[1], second[1] + 40 + sizes[1])
    exons = [first, second, third]
    introns = [(first[1] + 1, second[0] - 1), (second[1] + 1, third[0] - 1)]
    n = len(genome)
    cds = [(30, 50), second, (third[0], third[1] - 10)]

    def turned(parts: list[Interval]) -> list[Interval]:
        return parts if strand == "+" else [(n + 1 - b, n + 1 - a) for a, b in parts[::-1]]

    held = genome if strand == "+" else reverse_complement(genome)
    exons, introns, cds = turned(exons), turned(introns), turned(cds)
    model = build(tmp_path / "m", held, rows(exons, cds, strand=strand))
    low, high = introns[0][0] - 20, introns[-1][1] + 20
    wanted = {}
    for pos in range(low, high):
        ref = held[pos - 1]
        wanted[pos, ref, "ACGT"["CGTA".index(ref)]] = (pos, pos)
        for size in (1, 3, 7):
            wanted[pos, held[pos - 1 : pos + size], ref] = (pos + 1, pos + size)
        wanted[pos, ref, ref + "CATG"] = (pos + 1, pos)
    found = consequences(model, alleles(*wanted))
    assert found.height == len(wanted)
    for row in found.to_dicts():
        place = wanted[row["pos"], row["ref"], row["alt"]]
        theirs = by_vep(*place, introns, exons, strand == "+")
        ours = set(row["consequence"].split("&")) & SPLICE
        assert ours == theirs, (row["pos"], row["ref"], row["alt"], introns, exons)
        assert row["consequence"]
    # Alone in its batch, an allele beside the intron is beside it all the same.
    place = introns[0][0] - 1
    alone = next(k for k in wanted if k[0] == place and len(k[1]) == len(k[2]))
    found = set(consequences(model, alleles(alone))["consequence"][0].split("&")) & SPLICE
    assert found == by_vep(place, place, introns, exons, strand == "+")
    assert found
