"""Split FORMAT and the sample columns of multiallelic records, compiled.

The rules are those of `split.py`. Every record is read once (how many values has each
cell, and is that a number that fits?) and once more for each ALT.
"""

import numpy as np
from numba import njit

from varhouse.normalise.info import (
    GENOTYPE,
    LEFT_OUT,
    LOCAL,
    NO_ALLELE,
    NO_PLOIDY,
    OF_ALL,
    OF_ALT,
    OF_GENOTYPES,
    UNEVEN,
    Bytes,
    Longs,
    Rules,
    copy_span,
    count_byte,
    count_loss,
    find_rule,
    no_losses,
)
from varhouse.normalise.samplecells import (
    PLAIN,
    local_place,
    ploidy_of,
    write_cell,
    write_local,
)

_TAB, _COMMA, _DOT, _COLON = 9, 44, 46, 58
_LEFT_OUT = -1


@njit(cache=True, nogil=True)
def _separate(written: int, out: Bytes, w: int) -> int:
    if written:
        out[w] = _COLON
        w += 1
    return w


@njit(cache=True, nogil=True)
def _cell_end(text: Bytes, start: int, end: int) -> int:
    while start < end and text[start] != _COLON and text[start] != _TAB:
        start += 1
    return start


@njit(cache=True, nogil=True)
def _judge(
    text: Bytes,
    start: int,
    end: int,
    n_alt: int,
    rules: Rules,
    rule: Longs,
    kind: Longs,
    ends: Longs,
    counts: Longs,
    record: int,
    losses: Longs,
) -> None:
    """Decide for each field whether it is split, copied or left out; count what is lost.

    Notes the end and the number of values of each cell, sample by sample.
    """
    most = np.ones(kind.size, np.int64)
    # Values there should be; 0: no list, -1: as many as some ploidy has genotypes.
    wanted = np.zeros(kind.size, np.int64)
    # Lists of another number of values, and Number=G lists that no ploidy has; a missing
    # value is neither.
    uneven, strange = np.zeros(kind.size, np.bool_), np.zeros(kind.size, np.bool_)
    for f in range(kind.size):
        if kind[f] == OF_GENOTYPES:
            wanted[f] = -1
        elif kind[f] == OF_ALT or kind[f] == OF_ALL:
            wanted[f] = n_alt + (kind[f] != OF_ALT)
    f, c, n, a = 0, 0, 1, start
    for j in range(start, end + 1):
        byte = text[j] if j < end else np.uint8(_TAB)
        if byte == _COMMA:
            n += 1
        elif byte in (_COLON, _TAB):
            ends[c], counts[c] = j, n
            c += 1
            if f < kind.size and wanted[f] != 0:
                most[f] = max(most[f], n)
                if n == 1:
                    uneven[f] |= j - a > 1 or (j > a and text[a] != _DOT)
                elif wanted[f] > 0:
                    uneven[f] |= n != wanted[f]
                else:
                    strange[f] |= ploidy_of(n, n_alt) == 0
            f = f + 1 if byte == _COLON else 0
            n, a = 1, j + 1
    for f in range(kind.size):
        if wanted[f] == 0:
            continue
        is_text = rules.is_text[rule[f]]
        if most[f] == 1 and not is_text:
            kind[f] = PLAIN
        elif wanted[f] < 0:
            if most[f] > 1 and ploidy_of(most[f], n_alt) == 0:
                kind[f] = _LEFT_OUT
        elif not is_text and most[f] != wanted[f]:
            kind[f] = _LEFT_OUT
        if kind[f] == _LEFT_OUT:
            count_loss(losses, rule[f], LEFT_OUT, record)
        else:
            if strange[f]:
                count_loss(losses, rule[f], NO_PLOIDY, record)
            if uneven[f]:
                count_loss(losses, rule[f], UNEVEN, record)


@njit(cache=True, nogil=True)
def _write_columns(
    text: Bytes,
    start: int,
    end: int,
    n_alt: int,
    k: int,
    other: int,
    rules: Rules,
    rule: Longs,
    kind: Longs,
    ends: Longs,
    counts: Longs,
    unknown: Longs,
    bad: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Write the samples of ALT k, a tab before each."""
    a, c = start, 0
    laa = -1
    for f in range(kind.size):
        if kind[f] == LOCAL and laa < 0:
            laa = f
    while a <= end:
        out[w] = _TAB
        w += 1
        n_local, place = 0, 0
        if laa >= 0:
            x, begin = 0, a
            while x < laa and ends[c + x] < end and text[ends[c + x]] == _COLON:
                begin = ends[c + x] + 1
                x += 1
            if x == laa:
                n_local, place = local_place(text, begin, ends[c + x], k)
        f, written, more = 0, 0, True
        while more:
            b, n = ends[c], counts[c]
            c += 1
            more = b < end and text[b] == _COLON
            if f >= kind.size or kind[f] != _LEFT_OUT:
                w = _separate(written, out, w)
                written += 1
                if f >= kind.size:
                    # More cells than FORMAT has keys: as they came, for others to find.
                    w = copy_span(text, a, b, out, w)
                else:
                    is_text = rule[f] >= 0 and rules.is_text[rule[f]]
                    if kind[f] >= LOCAL:
                        w = write_local(
                            text, a, b, n, kind[f], n_local, place, bad[f : f + 1], out, w
                        )
                    else:
                        w = write_cell(
                            text, a, b, n, kind[f], is_text, n_alt, k, other, unknown, out, w
                        )
            a = b + 1
            f += 1
        # Trailing fields may be left off (VCF 4.3, section 1.6.2).
        for i in range(f, kind.size):
            if kind[i] != _LEFT_OUT:
                w = _separate(written, out, w)
                written += 1
                out[w] = _DOT
                w += 1
                if kind[i] == OF_ALL and not rules.is_text[rule[i]]:
                    out[w], out[w + 1] = _COMMA, _DOT
                    w += 2
        if written == 0:
            out[w] = _DOT
            w += 1
    return w


@njit(cache=True, nogil=True)
def split_samples(
    text: Bytes,
    form: Longs,
    sample: Longs,
    end: Longs,
    n_alt: Longs,
    rules: Rules,
    other: int,
    info_at: Longs,
    infos: Bytes,
) -> tuple[Longs, Bytes, Longs]:
    """Split FORMAT and the samples of records, and put them behind what is split before.

    Parameters
    ----------
    text
        The lines.
    form, sample, end
        int64[n]: first byte of FORMAT and of the first sample (behind `end` if there is
        none), end of the line.
    n_alt
        int64[n]: number of ALTs.
    rules
        FORMAT keys that are split, GT among them.
    other
        Byte for an allele of GT that is neither REF nor the ALT.
    info_at, infos
        What `split_info` gives for the records.

    Returns
    -------
    tuple
        `(at, out, losses)` as of `split_info`, with FORMAT and samples at the end.
    """
    total, slots = infos.size, 0
    for i in range(form.size):
        if form[i] <= end[i]:
            # Each cell may get a missing value or two more.
            fields = 1 + count_byte(text, form[i], min(sample[i], end[i]), _COLON)
            columns = 1 + count_byte(text, min(sample[i], end[i]), end[i], _TAB)
            total += n_alt[i] * (end[i] - form[i] + 2 + columns * (4 * fields + 1))
        slots += n_alt[i]
    out = np.empty(total, np.uint8)
    at = np.zeros(slots + 1, np.int64)
    losses = no_losses(rules)
    w, m = 0, 0
    for i in range(form.size):
        if form[i] > end[i] or sample[i] > end[i]:
            for _ in range(n_alt[i]):
                w = copy_span(infos, info_at[m], info_at[m + 1], out, w)
                if form[i] <= end[i]:
                    out[w] = _TAB
                    w = copy_span(text, form[i], end[i], out, w + 1)
                m += 1
                at[m] = w
            continue
        fields = 1 + count_byte(text, form[i], sample[i] - 1, _COLON)
        rule, kind = np.full(fields, -1, np.int64), np.zeros(fields, np.int64)
        starts = np.empty(fields + 1, np.int64)
        a = form[i]
        for f in range(fields):
            b = _cell_end(text, a, sample[i] - 1)
            starts[f], starts[f + 1] = a, b + 1
            rule[f] = find_rule(rules, text, a, b)
            if rule[f] >= 0:
                kind[f] = rules.number[rule[f]]
            a = b + 1
        cells = 1 + count_byte(text, sample[i], end[i], _COLON)
        cells += count_byte(text, sample[i], end[i], _TAB)
        ends, counts = np.empty(cells, np.int64), np.empty(cells, np.int64)
        _judge(text, sample[i], end[i], n_alt[i], rules, rule, kind, ends, counts, i, losses)
        unknown = np.zeros(1, np.int64)
        bad = np.zeros(fields, np.int64)
        for k in range(1, n_alt[i] + 1):
            w = copy_span(infos, info_at[m], info_at[m + 1], out, w)
            out[w] = _TAB
            w += 1
            written = 0
            for f in range(fields):
                if kind[f] != _LEFT_OUT:
                    w = _separate(written, out, w)
                    written += 1
                    w = copy_span(text, starts[f], starts[f + 1] - 1, out, w)
            if written == 0:
                out[w] = _DOT
                w += 1
            w = _write_columns(
                text,
                sample[i],
                end[i],
                n_alt[i],
                k,
                other,
                rules,
                rule,
                kind,
                ends,
                counts,
                unknown,
                bad,
                out,
                w,
            )
            m += 1
            at[m] = w
        for f in range(fields):
            if bad[f]:
                count_loss(losses, rule[f], UNEVEN, i)
        if unknown[0]:
            for f in range(fields):
                if kind[f] == GENOTYPE:
                    count_loss(losses, rule[f], NO_ALLELE, i)
                    break
    return at, out[:w], losses
