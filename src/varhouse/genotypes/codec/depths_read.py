"""AD, DP, GQ and PL of a block out of their streams, only as far as they are asked for."""

from collections.abc import Sequence

import numpy as np

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Bools, Int32, Int64
from varhouse.genotypes.codec.cells import Cells
from varhouse.genotypes.codec.column import Column, Odd
from varhouse.genotypes.codec.depths import (
    DEPTH,
    FIRST,
    GROUP,
    HAS_AD,
    HAS_DP,
    HAS_GQ,
    HAS_PL,
    HEAD,
    KIND,
    MASK,
    MOST_ALLELES,
    ODD,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    RAW,
    READS,
    SECOND_HIGH,
    SECOND_LOW,
    STREAMS,
    SUM,
)
from varhouse.genotypes.codec.depths_decode import read_depths, read_kinds
from varhouse.genotypes.codec.dictionary import gather_texts
from varhouse.genotypes.codec.likelihoods_decode import read_likelihoods, read_qualities
from varhouse.genotypes.codec.one import LARGEST_FIELD, odd_from
from varhouse.genotypes.codec.streams import Packed, unpack
from varhouse.genotypes.fields import Bytes, Field

_AD, _DP, _GQ, _PL = range(4)


def _streams_for(wanted: Sequence[str], has: Bytes) -> list[str]:
    """Say which fields must be read so that the wanted ones can be."""

    def both(a: int, b: int) -> bool:
        return bool(((has & a > 0) & (has & b > 0)).any())

    need = set(wanted)
    if "GQ" in need and both(HAS_GQ, HAS_PL):
        need.add("PL")
    if "PL" in need:
        need.add("DP")
        if both(HAS_PL, HAS_AD):
            need.add("AD")
    if need & {"AD", "DP"}:
        need.add("DP")
        if bool(((has & HAS_AD > 0) & (has & HAS_DP == 0)).any()):
            need.add("AD")
    return [f for f in GROUP if f in need]


_OWN = {
    "AD": [SUM, READS, RAW + _AD],
    "DP": [DEPTH, RAW + _DP],
    "GQ": [QUALITY, RAW + _GQ],
    "PL": [FIRST, SECOND_LOW, SECOND_HIGH, OTHER_LOW, OTHER_HIGH, RAW + _PL],
}
"""Streams of each field beside the heads, the mask and the kinds."""

_DAMAGED = "a block of the FORMAT fields AD, DP, GQ, PL is damaged"


def _split_odd(packed: Packed, n_cells: int) -> dict[str, Odd]:
    """Read the odd texts of each field of the group."""
    data, at = unpack(packed, range(ODD, STREAMS))
    places, lengths, texts = (data[at[k] : at[k + 1]] for k in range(ODD, STREAMS))
    odd = odd_from(places, lengths, texts, 4 * n_cells)
    out = {}
    for f, name in enumerate(GROUP):
        which = np.flatnonzero(odd.cells % 4 == f)
        cut = odd.texts.cut
        pairs = np.stack([cut[:-1][which], cut[1:][which]], 1).ravel()
        mine = gather_texts(odd.texts.data, pairs, np.arange(which.size))
        out[name] = Odd(odd.cells[which] // 4, mine)
    return out


def decode_depths(
    packed: Packed, parameters: list[int], wanted: Sequence[str], n: int, people: int
) -> dict[str, Column]:
    """Read the wanted fields of the group, of n records.

    Raises
    ------
    StoreError
        The bytes are not those of such a block.
    """
    counts = dict(zip(GROUP, parameters, strict=False))
    if len(parameters) != 6 or len(packed.sizes) != STREAMS:
        raise StoreError(f"{_DAMAGED}: its parameters")
    if not all(0 <= count <= LARGEST_FIELD for count in counts.values()):
        raise StoreError(f"{_DAMAGED}: it claims {max(counts.values())} values")
    ratio, delta = parameters[4:]
    heads = unpack(packed, [HEAD]).data
    if heads.size != 2 * n or heads[:n].max(initial=0) > MOST_ALLELES:
        raise StoreError(f"{_DAMAGED}: heads of its records")
    flags: Bytes = heads[n:] & np.uint8(15)
    head, fill = (heads[:n], flags), heads[n:] >> 4
    need = _streams_for(wanted, head[1])
    data, at = unpack(packed, {MASK, KIND, *(k for f in need for k in _OWN[f])})
    kinds = _all_kinds(data, at, head, people)
    empty = np.zeros(0, np.int32), np.zeros(n * people + 1, np.int32)
    out: dict[str, tuple[Int32, Int32]] = dict.fromkeys(GROUP, empty)
    for f in need:
        out[f] = np.empty(counts[f], np.int32), np.empty(n * people + 1, np.int32)
    base = np.zeros(n * people, np.int32)
    well = True
    if "DP" in need:
        want_ad = "AD" in need
        ad = out["AD"] if want_ad else (empty[0], empty[1].copy())
        well = read_depths(
            data, at, head, people, kinds, delta, want_ad, base, *out["DP"], *ad
        )
    if well and "PL" in need:
        well = read_likelihoods(
            data, at, head, fill, people, kinds, ratio, base, *out["AD"], *out["PL"]
        )
    if well and "GQ" in need:
        well = read_qualities(data, at, head[1], people, kinds, *out["PL"], *out["GQ"])
    if not well:
        raise StoreError(f"{_DAMAGED}: its values are not all there")
    odd = _split_odd(packed, n * people) if packed.sizes[ODD] else {}
    bits = dict(zip(GROUP, (HAS_AD, HAS_DP, HAS_GQ, HAS_PL), strict=True))
    return {
        f: Column(
            Field(f, True),
            people,
            Cells(*out[f], head[1] & bits[f] > 0),
            odd.get(f, Odd.none()),
        )
        for f in wanted
    }


def _all_kinds(data: Bytes, at: Int64, head: tuple[Bytes, Bytes], people: int) -> Bytes:
    """Spread mask and kinds over the cells of a block."""
    n_mask = int((head[1] > 0).sum()) * people
    mask = data[at[MASK] : at[MASK + 1]]
    if mask.size != (n_mask + 7) // 8:
        raise StoreError(f"{_DAMAGED}: its mask has another length")
    copied: Bools = np.unpackbits(mask, count=n_mask).view(np.bool_)
    kinds = np.zeros(head[1].size * people, np.uint8)
    written = data[at[KIND] : at[KIND + 1]]
    if not read_kinds(head[1], head[0].astype(np.int64), people, copied, written, kinds):
        raise StoreError(f"{_DAMAGED}: kinds of its cells")
    return kinds
