"""CHROM and REF of the records of a file against the assembly."""

import numpy as np
import numpy.typing as npt

from varhouse.genome.assemblies import named
from varhouse.genome.contigs import Contigs
from varhouse.genome.refcompare import (
    REF_AGREES,
    REF_DIFFERS,
    REF_OPEN,
    REF_OUTSIDE,
    compare_ref,
    open_refs,
)
from varhouse.genome.reference import Reference
from varhouse.vcf.account.faults import Fault
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.duplicates import ElsewhereWatch
from varhouse.vcf.check.plausibility import World
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.lines import RecordBatch

Longs = npt.NDArray[np.int64]


class AssemblyRules:
    """Compares contigs and REF with the assembly; `checked` counts how REF fared."""

    def __init__(
        self, account: Account, contigs: Contigs, reference: Reference | None
    ) -> None:
        self.account, self.contigs, self.reference = account, contigs, reference
        self.world = World(account, contigs, reference)
        self.elsewhere: ElsewhereWatch | None = None
        self.checked = {"agrees": 0, "differs": 0, "outside": 0, "unchecked": 0}
        self._declared: dict[str, int | None] = {}

    def take_header(self, header: Header) -> None:
        """Take the contigs that the header declares."""
        self._declared = header.contigs
        for name, length in header.contigs.items():
            contig = self.contigs.canonical(name)
            known = self.contigs.by_name[contig].length if contig else None
            if length is not None and known is not None and length != known:
                self.account.add(
                    "VH-H-005",
                    f"declared with {named(length)}; the assembly has {named(known)}",
                    contig=name,
                    name="contig",
                    value=str(length),
                )
        self.world.take_header(header)

    def length_of(self, chrom: str, contig: str | None) -> int | None:
        """Give the bases of a contig: of the assembly, else as the header declares it."""
        if contig is not None:
            if self.reference is not None and self.reference.is_whole(contig):
                return self.reference.length(contig)
            if known := self.contigs.by_name[contig].length:
                return known
        # Some write length=0 for what they do not know.
        return self._declared.get(chrom) or None

    def take(
        self,
        batch: RecordBatch,
        rows: Longs,
        chrom: str,
        contig: str | None,
        *,
        is_new: bool,
        marks: Longs | None,
    ) -> None:
        """Check records of one CHROM, which the assembly calls `contig` (None: has not).

        Parameters
        ----------
        rows
            Their places in the batch.
        is_new
            Whether they are the first ones of this CHROM.
        marks
            int64[batch.size]: what is found is marked here (`Faults.marks`); None: nowhere.
        """
        if contig is None:
            _mark(marks, rows, Fault.CONTIG_UNKNOWN)
            self._report_unknown(batch, rows, chrom, is_new=is_new)
        elif self.reference is not None:
            # A POS that is no number is a fault of its own (VH-B-005).
            rows = rows[batch.pos[rows] >= 0]
            self._check_ref(batch, rows, chrom, contig, self.reference, marks)

    def _report_unknown(
        self, batch: RecordBatch, rows: Longs, chrom: str, *, is_new: bool
    ) -> None:
        # A file may have very many: look for what each may be only if it is shown.
        if not is_new or self.account.room("VH-R-001") <= 0:
            self.account.more("VH-R-001", rows.size)
            return
        self.account.add(
            "VH-R-001",
            self.world.unknown(chrom),
            line=batch.line + int(rows[0]),
            contig=chrom,
            pos=int(batch.pos[rows[0]]),
            name="CHROM",
            value=chrom[:200],
            count=rows.size,
        )

    def _check_ref(
        self,
        batch: RecordBatch,
        rows: Longs,
        chrom: str,
        contig: str,
        reference: Reference,
        marks: Longs | None,
    ) -> None:
        sequence, whole = reference.sequence(contig), reference.is_whole(contig)
        start, end, alt_end = (
            np.ascontiguousarray(batch.start[rows, c] - shift)
            for c, shift in ((3, 0), (4, 1), (5, 1))
        )
        state = compare_ref(sequence, batch.pos[rows], batch.text, start, end)
        open_refs(batch.text, state, batch.pos[rows], start, end, alt_end, sequence.size)
        agree, differ, unsaid, outside = (
            rows[state == s] for s in (REF_AGREES, REF_DIFFERS, REF_OPEN, REF_OUTSIDE)
        )
        _mark(marks, differ, Fault.REF_DIFFERS)
        _mark(marks, unsaid, Fault.REF_UNCHECKED)
        _mark(marks, outside, Fault.REF_OUTSIDE if whole else Fault.REF_UNCHECKED)
        self.checked["agrees"] += agree.size
        self.checked["differs"] += differ.size
        self.checked["unchecked"] += unsaid.size
        self.checked["outside" if whole else "unchecked"] += outside.size
        message = "REF is N, of an allele that is no sequence: nothing to compare"
        self._report(batch, unsaid, chrom, "VH-R-004", message)
        self.world.take(batch, differ, sequence, chrom)
        if self.elsewhere is not None:
            self.elsewhere.take(batch, agree, contig, chrom)
        message = "REF differs from the reference"
        self._report(batch, differ, chrom, "VH-R-002", message, sequence)
        if whole:
            message = f"past the contig's end ({sequence.size:,} bases)"
            self._report(batch, outside, chrom, "VH-R-003", message)
        else:
            message = "the reference does not hold this place"
            self._report(batch, outside, chrom, "VH-R-004", message)

    def _report(
        self,
        batch: RecordBatch,
        rows: Longs,
        chrom: str,
        code: str,
        message: str,
        sequence: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Tell of records; with a sequence, what it holds in the place of REF."""
        if not rows.size:
            return
        shown = rows[: max(1, self.account.room(code))]
        refs = batch.values("ref", shown)
        for i, (k, ref) in enumerate(zip(shown.tolist(), refs, strict=True)):
            pos = int(batch.pos[k])
            text = message
            if sequence is not None:
                held = sequence[pos - 1 : pos - 1 + min(len(ref), 20)].tobytes().decode()
                text = f"{message} ({held})"
            self.account.add(
                code,
                text,
                line=batch.line + k,
                contig=chrom,
                pos=pos,
                name="REF",
                value=ref[:60],
                count=rows.size - (shown.size - 1) if i == 0 else 1,
            )

    def forget(self) -> None:
        """Forget what was counted in a file that was not read to its end."""
        self.checked = dict.fromkeys(self.checked, 0)

    def finish(self) -> None:
        """Tell what only the whole file shows."""
        self.world.finish()


def _mark(marks: Longs | None, rows: Longs, fault: Fault) -> None:
    if marks is not None:
        marks[rows] |= 1 << int(fault)
