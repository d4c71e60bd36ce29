"""Look at lifted indels again: the edges of their blocks, gaps that slide, the way back.

Step 5 of the rule in `kernel.py`; compiled passes over columns.
"""

import numpy as np
from numba import njit

from varhouse.genome.reference import CONCRETE
from varhouse.liftover.chain import BLOCK, END, N_HITS, START, Flags
from varhouse.liftover.kernel import COMPLEMENT_OF, IS_BASE, UPPER
from varhouse.liftover.positions import find_segment


@njit(cache=True, nogil=True)
def _right_end(seq, begin, held, q, n, alt, a0):  # type: ignore[no-untyped-def]
    """Give the base behind a pure indel in its right-most place.

    A deletion of the `n` bases at `q` (a0 < 0), or an insertion of `n` letters before q.
    """
    if a0 < 0:
        while q + n < held and CONCRETE[seq[begin + q]] == CONCRETE[seq[begin + q + n]]:
            q += 1
        return q + n
    turn = 0
    while q < held and CONCRETE[seq[begin + q]] == alt[a0 + turn]:
        q += 1
        turn = turn + 1 if turn + 1 < n else 0
    return q


@njit(cache=True, nogil=True)
def _differs(  # type: ignore[no-untyped-def]
    seq, begin, low, high, source_seq, source_begin, source_held, place, sign
):
    """Tell whether target [low, high) and its place in the source differ, where held."""
    for t in range(low, high):
        s = sign * (t - place)
        if 0 <= s < source_held:
            c = CONCRETE[source_seq[source_begin + s]]
            if (c if sign > 0 else COMPLEMENT_OF[c]) != CONCRETE[seq[begin + t]]:
                return True
    return False


@njit(cache=True, nogil=True)
def _letter(contig, at, back):  # type: ignore[no-untyped-def]
    """Give a base of a contig, of the other strand if `back`; 0 where it is not held."""
    seq, begin, held = contig
    if at < 0 or at >= held:
        return np.uint8(0)
    c = CONCRETE[seq[begin + at]]
    return COMPLEMENT_OF[c] if back else c


@njit(cache=True, nogil=True)
def _image(b, x, blocks):  # type: ignore[no-untyped-def]
    """Give the target place of source place `x` on the diagonal of a block."""
    _, start, end, place, reverse, _, _ = blocks
    return place[b] + (end[b] - 1 - x if reverse[b] else x - start[b])


@njit(cache=True, nogil=True)
def _slides(b, right, wanted, blocks, target, source):  # type: ignore[no-untyped-def]
    """Tell whether the gap at an end of a block can slide `wanted` bases into it.

    `right` is the end with the larger place in the source. Source bases that are not held
    are taken for those of the target they lie on.
    """
    _, start, end, _, reverse, _, number = blocks
    n = b + 1 if right else b - 1
    if n < 0 or n >= start.size or number[n] != number[b] or wanted > end[b] - start[b]:
        return False
    for j in range(wanted):
        x = start[n] - 1 - j if right else end[n] + j
        there = _letter(target, _image(n, x, blocks), reverse[b])
        here = _letter(source, x, False)
        if here == 0 and start[b] <= x < end[b]:
            here = _letter(target, _image(b, x, blocks), reverse[b])
        if here == 0 or here != there:
            return False
    return True


@njit(cache=True, nogil=True)
def _is_insertion(ref, r0, r1, alt, a0, a1):  # type: ignore[no-untyped-def]
    """Tell whether an allele, trimmed, only inserts bases."""
    least = r1 - r0
    if a1 - a0 <= least:
        return False
    same = 0
    while same < least and UPPER[ref[r0 + same]] == UPPER[alt[a0 + same]]:
        same += 1
    behind = 0
    while behind < least and UPPER[ref[r1 - 1 - behind]] == UPPER[alt[a1 - 1 - behind]]:
        behind += 1
    return same + behind >= least


@njit(cache=True, nogil=True)
def at_sliding_gap(  # type: ignore[no-untyped-def]
    rows, contig, pos, alleles, segments, blocks, targets, sources
) -> Flags:
    """Mark insertions among some rows whose REF touches a gap that can slide.

    Whether the base before an insertion lies in a block depends on where the aligner put
    the gap. (A deletion of bases of which some have no place in the target is held back
    either way, as spanning the gap or as standing at it.)
    """
    first, table = segments.first, segments.table
    seq, starts, lengths = targets
    source_seq, source_starts, source_lengths = sources
    ref, ref_at, alt, alt_at = alleles
    out = np.zeros(rows.size, np.bool_)
    block_target, start, _, _, _, block_source, number = blocks
    for i in range(rows.size):
        k = rows[i]
        c, p, m = np.int64(contig[k]), pos[k], ref_at[k + 1] - ref_at[k]
        if c < 0 or not _is_insertion(
            ref, ref_at[k], ref_at[k + 1], alt, alt_at[k], alt_at[k + 1]
        ):
            continue
        low, high = first[c], first[c + 1]
        while low < high:
            middle = (low + high) >> 1
            if table[middle, START] <= p:
                low = middle + 1
            else:
                high = middle
        # The last row that begins at or before p, and those that begin inside REF.
        for r in range(max(low - 1, first[c]), first[c + 1]):
            if table[r, START] >= p + m:
                break
            b = table[r, BLOCK]
            if b + 1 >= start.size or number[b + 1] != number[b] or start[b + 1] < p:
                continue
            t, s = np.int64(block_target[b]), np.int64(block_source[b])
            target = seq, starts[t], lengths[t]
            source = source_seq, source_starts[s], source_lengths[s]
            out[i] |= _slides(b, True, 1, blocks, target, source)
            out[i] |= _slides(b + 1, False, 1, blocks, target, source)
    return out


@njit(cache=True, nogil=True)
def check_indels(  # type: ignore[no-untyped-def]
    blocks, chain_sizes, source_sizes, segments, targets, sources, image, pos, alleles
) -> tuple[Flags, Flags]:
    """Look at lifted, left-aligned alleles again: (at a gap, ambiguous on the way back).

    `segments` is `Chain.backward`; `image` is the block, the place in the target and the
    bases of each REF before left-aligning, `pos` (0-based) and `alleles` what came of it.
    Ambiguous: another block leads to the place as well; or left-aligning passed a base in
    which the assemblies differ.
    """
    first, table, shift, bucket_first, bucket = segments
    seq, starts, lengths = targets
    source_seq, source_starts, source_lengths = sources
    block, place, size = image
    ref, ref_at, alt, alt_at = alleles
    n = pos.size
    at_gap, ambiguous = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    (block_target, block_start, block_end, block_place, block_reverse, block_source, _) = (
        blocks
    )
    for k in range(n):
        b = block[k]
        t = np.int64(block_target[b])
        low, high = block_place[b], block_place[b] + block_end[b] - block_start[b]
        nr, na, p = ref_at[k + 1] - ref_at[k], alt_at[k + 1] - alt_at[k], pos[k]
        r0, a0 = ref_at[k], alt_at[k]
        from_, to = p, p + nr
        is_sequence = IS_BASE[alt[a0]]
        if is_sequence and nr != na and min(nr, na) == 1:
            # Anchored by the base behind only at the start of a contig, where a left-aligned
            # indel whose last bases agree stands before the first base.
            behind = p == 0 and ref[r0 + nr - 1] == alt[a0 + na - 1]
            anchored = not behind and ref[r0] == alt[a0]
            if anchored or behind:
                q = p + 1 if anchored else p
                end = _right_end(
                    seq,
                    starts[t],
                    lengths[t],
                    q,
                    abs(nr - na),
                    alt,
                    -1 if nr > na else (a0 + 1 if anchored else a0),
                )
                # The first and the last base of both contigs need no neighbour.
                whole = block_start[b] == 0 and low == 0
                last = block_end[b] == source_sizes[block_source[b]]
                last = last and high == chain_sizes[t]
                if block_reverse[b]:
                    whole = low == 0 and block_end[b] == source_sizes[block_source[b]]
                    last = block_start[b] == 0 and high == chain_sizes[t]
                if q - 1 < low and not whole:
                    at_gap[k] = True
                if end >= high and not (last and end == high):
                    at_gap[k] = True
                s = np.int64(block_source[b])
                target = seq, starts[t], lengths[t]
                source = source_seq, source_starts[s], source_lengths[s]
                back = block_reverse[b]
                at_gap[k] = (
                    at_gap[k]
                    or _slides(b, back, q - low, blocks, target, source)
                    or _slides(b, not back, high - end, blocks, target, source)
                )
                if at_gap[k]:
                    continue
                from_, to = max(q - 1, low), min(max(end + 1, place[k] + size[k]), high)
                sign = -1 if block_reverse[b] else 1
                base = low + block_end[b] - 1 if sign < 0 else low - block_start[b]
                # t = base + sign * source position.
                ambiguous[k] = _differs(
                    seq,
                    starts[t],
                    from_,
                    min(to, lengths[t]),
                    source_seq,
                    source_starts[s],
                    source_lengths[s],
                    base,
                    sign,
                )
        row = find_segment(first, table, shift, bucket_first, bucket, t, from_)
        if row < 0 or table[row, N_HITS] > 1 or table[row, END] < to:
            ambiguous[k] = True
    return at_gap, ambiguous
