"""Normalise blocks of VCF text: lines in, lines out, and what was held back.

Records with one ALT keep every byte but POS, REF and ALT (and INFO/END, which bcftools
sets for an allele it changes). Only the few lines whose END moves are made in Python.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from varhouse.alleles.extent import Alt, is_open, measure, read_fields
from varhouse.genome.reference import Reference
from varhouse.normalise.kernel import Packed, normalise_packed
from varhouse.normalise.order import sort_keys
from varhouse.normalise.split import Splitter, set_end
from varhouse.normalise.status import Status
from varhouse.normalise.symbolic import move_span
from varhouse.normalise.text import (
    Bytes,
    Flags,
    Longs,
    assemble,
    contig_runs,
    has_end_key,
    split_alts,
)

_CHROM, _POS, _ID, _REF, _ALT, _QUAL, _FILTER, _INFO, _FORMAT, _SAMPLE = range(10)
_DETAIL_BASES = 40
_NO_POS = "POS is no whole number from 0 to 2,147,483,647"


@dataclass(frozen=True)
class Lines:
    """Data lines of a file, cut at their tabs.

    Attributes
    ----------
    text
        uint8: the lines.
    start
        int64[n, 10]: first byte of CHROM ... FORMAT and of the first sample; behind the
        end of the line for a column it lacks.
    end
        int64[n]: end of each line without its line end.
    tabs
        int[n]: tabs in each line.
    pos
        int64[n]: POS (1-based), -1 where it is no number.
    line
        1-based line number of the first line in the file.
    record
        0-based ordinal of the first line among the records of the file.
    """

    text: Bytes
    start: Longs
    end: Longs
    tabs: np.ndarray[tuple[int], np.dtype[np.signedinteger]]
    pos: Longs
    line: int
    record: int


@dataclass(frozen=True)
class Reject:
    """A record, or one ALT of it, that was held back; `reason` is a code."""

    line: int
    contig: str
    pos: int
    ref: str
    alt: str
    reason: str
    detail: str
    text: str


@dataclass(frozen=True)
class Output:
    """Normalised lines of a block: sort keys, lines, and the key of the last record.

    Line k is `buffers[source[k]][span[k, 0] : span[k, 1]]`, its newline included: what
    has not changed lies in the block itself.
    """

    keys: Longs
    buffers: list[Bytes]
    source: Longs
    span: Longs
    bound: int
    rejects: list[Reject]


@dataclass
class VcfNormaliser:
    """Normalises the blocks of one file, in order.

    Attributes
    ----------
    reference
        The opened reference; contig names of the file are looked up in its aliases.
    splitter
        Splits the fields of multiallelic records.
    columns
        Columns of each line: 8, or 9 and the number of samples.
    keep_unchecked
        Keep alleles whose REF lies outside of what the reference holds (trimmed only).
    sites
        Write the first eight columns only, letters in upper case, and behind them the
        record's ordinal and the 1-based number of the ALT.
    wanted
        Decides which records are read, by canonical contig, first and last base of REF.
    lists_rejects
        Whether alleles that are held back are listed one by one, or counted only.
    """

    reference: Reference
    splitter: Splitter
    columns: int
    keep_unchecked: bool = False
    sites: bool = False
    wanted: Callable[[str | None, Longs, Longs], Flags] | None = None
    lists_rejects: bool = True
    contigs: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _bound: int = 0

    def block(self, lines: Lines) -> Output:
        """Normalise one block of lines."""
        rejects: list[Reject] = []
        usable = self._usable(lines, rejects)
        rank, code, canonical = self._contigs(lines, usable)
        rows = self._select(lines, usable, code, canonical)
        if usable.size:
            self._bound = int(sort_keys(rank[-1], lines.pos[usable[-1]]))
        if not rows.size:
            none = np.zeros(0, np.int64)
            return Output(none, [], none, np.zeros((0, 2), np.int64), self._bound, rejects)
        chosen = usable[rows]
        start = lines.start[chosen]
        alt_row, index, alt_off, alt_len = split_alts(
            lines.text, start[:, _ALT].copy(), start[:, _QUAL] - 1
        )
        at = chosen[alt_row]
        ref_len = lines.start[at, _ALT] - 1 - lines.start[at, _REF]
        found = normalise_packed(
            *self.reference.packed(canonical),
            code[rows][alt_row],
            lines.pos[at],
            lines.text,
            lines.start[at, _REF],
            ref_len,
            lines.text,
            alt_off,
            alt_len,
        )
        status = found[5]
        self.counts.update(
            {Status(s).code: int(n) for s, n in enumerate(np.bincount(status)) if n}
        )
        self.counts["records"] += chosen.size
        keep = status < Status.REF_MISMATCH
        if not self.keep_unchecked:
            keep &= status != Status.REF_UNCHECKED
        for k in np.flatnonzero(~keep).tolist() if self.lists_rejects else ():
            rejects.append(self._reject(lines, at[k], (alt_off[k], alt_len[k]), status[k]))
        n_alt = np.bincount(alt_row, minlength=chosen.size)
        found, ends, late = self._shift_symbolic(
            lines, at, alt_off, alt_len, found, index, n_alt[alt_row]
        )
        several = n_alt > 1
        self.counts["multiallelic"] += int(several.sum())
        alleles = _Alleles(
            at, index, alt_off, alt_len, ref_len, several[alt_row], found, ends, late
        )
        written, span, made = self._write(lines, alleles, np.flatnonzero(keep))
        keys = sort_keys(rank[rows][alt_row], np.maximum(found[0].astype(np.int64), 0))
        rejects.sort(key=lambda r: r.line)
        source = written.astype(np.int64)
        return Output(keys[keep], [lines.text, made], source, span, self._bound, rejects)

    def _shift_symbolic(
        self,
        lines: Lines,
        at: Longs,
        alt_off: Longs,
        alt_len: Longs,
        found: Packed,
        index: Longs,
        n_alt: Longs,
    ) -> tuple[Packed, dict[int, int], list[int]]:
        """Move `<DEL>` and `<DUP>` left: (alleles, END of symbolic ones, those before it).

        The third are ALTs that end before the END of their record, which is of another.
        """
        kept = np.flatnonzero((found[5] == Status.KEPT) & (alt_len > 4))
        rows = kept[lines.text[alt_off[kept]] == ord("<")]
        ends: dict[int, int] = {}
        late: list[int] = []
        if not rows.size:
            return found, ends, late
        new_pos, ref = found[0].copy(), found[1].copy()
        own = self.splitter.numbers.get(("INFO", "SVLEN")) == "A"
        changed = 0
        for k in rows.tolist():
            r = int(at[k])
            alt = _text(lines, alt_off[k], alt_off[k] + alt_len[k])
            if not is_open(alt):
                continue
            chrom = _text(lines, int(lines.start[r, _CHROM]), int(lines.start[r, _POS]) - 1)
            contig = self.reference.contigs.canonical(chrom)
            if contig is None:
                continue
            info = lines.text[lines.start[r, _INFO] : _info_end(lines, r)].tobytes()
            pos = int(new_pos[k])
            ref_size = int(found[2][k + 1] - found[2][k])
            which = Alt(int(index[k]), int(n_alt[k]), own)
            fields = read_fields(info)
            size = measure(alt, fields, pos, ref_size, which)
            moved = move_span(self.reference, contig, pos, ref_size, alt, size)
            far = max(size.length or 0, size.span or 0, ref_size - 1)
            end = fields.get("END", "")
            if which.of > 1 and far and end.isdecimal() and int(end) > pos + far:
                late.append(k)
            if moved is not None:
                changed += moved.pos != pos or ref_size > 1
                new_pos[k], ref[found[2][k]] = moved.pos, ord(moved.base)
                ends[k] = moved.pos + far
            elif ref_size == 1 and not alt.startswith("<INS"):
                ends[k] = pos + far
        self.counts[Status.CHANGED.code] += changed
        self.counts[Status.KEPT.code] -= changed
        return (new_pos, ref, *found[2:]), ends, late

    def _usable(self, lines: Lines, rejects: list[Reject]) -> Longs:
        """Give the rows that are records; report those that are none."""
        width = lines.end - lines.start[:, 0]
        columns, pos = lines.tabs == self.columns - 1, lines.pos >= 0
        for k in np.flatnonzero((width > 0) & ~(columns & pos)).tolist():
            if not columns[k]:
                detail = f"{lines.tabs[k] + 1} columns, the header has {self.columns}"
                rejects.append(self._plain_reject(lines, k, "columns", detail))
            else:
                rejects.append(self._plain_reject(lines, k, "pos_invalid", _NO_POS))
            self.counts[rejects[-1].reason] += 1
        return np.flatnonzero((width > 0) & columns & pos)

    def _contigs(self, lines: Lines, rows: Longs) -> tuple[Longs, Longs, list[str]]:
        """Give each row its contig's rank in the file and its place in a list of names."""
        start, end = lines.start[rows, _CHROM].copy(), lines.start[rows, _POS] - 1
        runs = contig_runs(lines.text, start, end)
        ranks, codes = np.empty(runs.size, np.int64), np.empty(runs.size, np.int64)
        canonical: dict[str, int] = {}
        for i, k in enumerate(runs.tolist()):
            name = lines.text[start[k] : end[k]].tobytes().decode(errors="replace")
            ranks[i] = self.contigs.setdefault(name, len(self.contigs))
            known = self.reference.contigs.canonical(name)
            codes[i] = -1 if known is None else canonical.setdefault(known, len(canonical))
        sizes = np.diff(np.append(runs, rows.size))
        return np.repeat(ranks, sizes), np.repeat(codes, sizes), list(canonical)

    def _select(self, lines: Lines, usable: Longs, code: Longs, canonical: list[str]) -> Longs:
        """Give the places in `usable` of the records that are wanted."""
        if self.wanted is None:
            return np.arange(usable.size)
        keep = np.zeros(usable.size, np.bool_)
        first = lines.pos[usable]
        last = first + lines.start[usable, _ALT] - 2 - lines.start[usable, _REF]
        for c in range(-1, len(canonical)):
            here = code == c
            name = canonical[c] if c >= 0 else None
            keep[here] = self.wanted(name, first[here], last[here])
        return np.flatnonzero(keep)

    def _write(
        self, lines: Lines, alleles: "_Alleles", keep: Longs
    ) -> tuple[Flags, Longs, Bytes]:
        """Write the alleles that are kept and change (see `assemble`)."""
        at = alleles.record[keep]
        start, end = lines.start[at], lines.end[at]
        new_pos, ref, ref_at, alt, alt_at, all_status = alleles.found
        status = all_status[keep]
        # A position that stays and a REF of the same length: nothing has changed.
        changed = new_pos[keep] != lines.pos[at]
        changed |= ref_at[keep + 1] - ref_at[keep] != alleles.ref_len[keep]
        # As bcftools does, a record without ALT keeps the first base of REF.
        lone = (status == Status.KEPT) & (alleles.ref_len[keep] > 1)
        lone &= lines.text[alleles.alt_off[keep]] == ord(".")
        lone &= alleles.alt_len[keep] == 1
        self.counts["ref_cut"] += int(lone.sum())
        single = np.isin(keep, np.fromiter(alleles.ends, np.int64, len(alleles.ends)))
        # The END of a record may be of another of its ALTs.
        changed |= single & ((alleles.ref_len[keep] > 1) | np.isin(keep, alleles.late))
        own = changed | self.sites
        ref_span = _spans(start[:, _REF], start[:, _ALT] - 1)
        ref_span[lone, 1] = ref_span[lone, 0] + 1
        ref_span[own] = _spans(ref_at[keep], ref_at[keep + 1])[own]
        ref_span[single, 1] = ref_span[single, 0] + 1
        alt_span = _spans(alleles.alt_off[keep], alleles.alt_off[keep] + alleles.alt_len[keep])
        alt_span[own] = _spans(alt_at[keep], alt_at[keep + 1])[own]
        info_end = np.minimum(start[:, _FORMAT] - 1, end)
        end_moves = np.zeros(keep.size, np.bool_)
        moved = np.flatnonzero(changed)
        end_moves[moved] = has_end_key(lines.text, start[moved, _INFO], info_end[moved])
        split = alleles.several[keep]
        tails, tail = self._tails(lines, alleles, keep, split, end_moves)
        made = split | end_moves
        tail[~made, 0] = start[~made, _QUAL]
        tail[~made, 1] = info_end[~made] if self.sites else end[~made]
        suffix = np.zeros((keep.size, 0), np.int64)
        if self.sites:
            ordinal = at + lines.record
            suffix = np.stack([ordinal, alleles.index[keep]], 1)
        return assemble(
            lines.text,
            _spans(start[:, 0], end),
            ~(own | split | lone),
            _spans(start[:, _CHROM], start[:, _POS] - 1),
            _spans(start[:, _ID], start[:, _REF] - 1),
            new_pos[keep].astype(np.int64),
            own,
            ref,
            alt,
            ref_span,
            alt_span,
            made,
            tails,
            tail,
            suffix,
        )

    def _tails(
        self, lines: Lines, alleles: "_Alleles", keep: Longs, split: Flags, end_moves: Flags
    ) -> tuple[Bytes, Longs]:
        """Make anew what follows ALT where it changes.

        Returns the texts and a span in them for every kept allele; the spans of the
        others are left to the caller.
        """
        tail = np.zeros((keep.size, 2), np.int64)
        rows = np.flatnonzero(split)
        # The records of the rows, each once.
        records, which = np.unique(alleles.record[keep[rows]], return_inverse=True)
        n_alt = np.bincount(alleles.record, minlength=lines.end.size)[records]
        first = np.append(0, np.cumsum(n_alt))
        start, end = lines.start[records], lines.end[records]
        at, infos = self.splitter.infos(
            lines.text,
            start[:, _QUAL].copy(),
            start[:, _INFO].copy(),
            np.minimum(start[:, _FORMAT] - 1, end),
            n_alt,
            start[:, _CHROM],
        )
        if not self.sites and records.size:
            at, infos = self.splitter.tails(
                lines.text,
                start[:, _FORMAT].copy(),
                start[:, _SAMPLE].copy(),
                end,
                n_alt,
                at,
                infos,
                start[:, _CHROM],
            )
        place = first[which] + alleles.index[keep[rows]] - 1
        tail[rows] = _spans(at[place], at[place + 1])
        moved = np.flatnonzero(end_moves).tolist()
        if not moved:
            return infos, tail
        pieces, size = [infos], infos.size
        for i in moved:
            k = int(keep[i])
            record = int(alleles.record[k])
            if split[i]:
                piece = infos[tail[i, 0] : tail[i, 1]].tobytes()
            else:
                stop = _info_end(lines, record) if self.sites else int(lines.end[record])
                piece = lines.text[lines.start[record, _QUAL] : stop].tobytes()
            new_pos, _, ref_at = alleles.found[:3]
            cells = piece.split(b"\t", 3)
            last = int(new_pos[k]) + int(ref_at[k + 1] - ref_at[k]) - 1
            last = alleles.ends.get(k, last)
            cells[2] = set_end(cells[2], last)
            piece = b"\t".join(cells)
            tail[i] = size, size + len(piece)
            size += len(piece)
            pieces.append(np.frombuffer(piece, np.uint8))
        return np.concatenate(pieces), tail

    def _reject(
        self, lines: Lines, record: int, alt_span: tuple[int, int], status: int
    ) -> Reject:
        code = Status(int(status))
        begin, size = (int(v) for v in alt_span)
        alt = _text(lines, begin, begin + size)
        pos, ref_start = int(lines.pos[record]), int(lines.start[record, _REF])
        n = int(lines.start[record, _ALT]) - 1 - ref_start
        chrom = _text(lines, int(lines.start[record, 0]), int(lines.start[record, 1]) - 1)
        contig = self.reference.contigs.canonical(chrom)
        detail = ""
        if code == Status.REF_MISMATCH and contig is not None:
            seq = self.reference.sequence(contig)[max(pos - 1, 0) : max(pos - 1 + n, 0)]
            detail = "the reference has " + seq[:_DETAIL_BASES].tobytes().decode()
            detail += "..." if n > _DETAIL_BASES else ""
        elif code == Status.REF_UNCHECKED:
            held = self.reference.length(contig) if contig is not None else 0
            detail = f"the reference holds {held:,} bases of {chrom}"
        elif code in (Status.ALT_INVALID, Status.REF_INVALID):
            detail = "letters other than A, C, G, T, N"
        elif code == Status.ALT_EQUALS_REF:
            detail = "no change"
        return self._plain_reject(lines, record, code.code, detail, alt)

    def _plain_reject(
        self, lines: Lines, row: int, reason: str, detail: str, alt: str | None = None
    ) -> Reject:
        cells = _text(lines, int(lines.start[row, 0]), int(lines.end[row])).split("\t", 5)
        cells += [""] * (5 - len(cells))
        return Reject(
            line=lines.line + int(row),
            contig=cells[0],
            pos=int(lines.pos[row]),
            ref=cells[3],
            alt=cells[4] if alt is None else alt,
            reason=reason,
            detail=detail,
            text=_text(lines, int(lines.start[row, 0]), int(lines.end[row])),
        )


@dataclass(frozen=True)
class _Alleles:
    """One row for each ALT of a block: its record (line), number, bytes and outcome.

    `ends` has the END of symbolic ALTs whose REF is one base now; those in `late` end before
    the END of their record.
    """

    record: Longs
    index: Longs
    alt_off: Longs
    alt_len: Longs
    ref_len: Longs
    several: Flags
    found: Packed
    ends: dict[int, int]
    late: list[int]


def _spans(start: Longs, end: Longs) -> Longs:
    return np.stack([start, end], 1)


def _info_end(lines: Lines, row: int) -> int:
    return min(int(lines.start[row, _FORMAT]) - 1, int(lines.end[row]))


def _text(lines: Lines, start: int, end: int) -> str:
    return lines.text[start:end].tobytes().decode(errors="replace")
