"""What a file is against the world: its assembly, and why its REF does not fit.

A single REF that differs is a fault of its record. Many together have one cause, and
the records show which: the header names another assembly, REF and ALT stand the wrong
way round (PLINK 1 writes the major allele as REF), the alleles are those of the other
strand, or POS counts from 0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genome.assemblies import Claim, build_of_header, build_of_lengths, same_build
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import COMPLEMENT, Reference
from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.header import Header, known_meta
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]

ENOUGH = 8
"""Fewer SNVs than this show no pattern: by chance one in three fits any of them."""

SHARE = 0.85
"""Share of the SNVs that must fit for a pattern to be named."""

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)

_SNV, _SWAP, _FLIP, _LATER, _EARLIER, _AMBIGUOUS = range(6)
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


@nb.njit(cache=True, nogil=True)
def _patterns(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    sequence, pos, text, ref0, ref1, alt1, rows, upper, complement, count, first
):
    """Count how REF and ALT of biallelic SNVs relate to the reference around them.

    `rows` differ from the reference. `first` takes the first row of a swap (-1: none).
    """
    for k in rows:
        if ref1[k] - ref0[k] != 1 or alt1[k] - ref1[k] != 2:
            continue
        p = pos[k] - 1
        if p < 0 or p >= sequence.size:
            continue
        r, a = upper[text[ref0[k]]], upper[text[ref1[k] + 1]]
        if a != 65 and a != 67 and a != 71 and a != 84:
            continue
        here = sequence[p]
        count[_SNV] += 1
        if a == here:
            count[_SWAP] += 1
            if complement[r] == a:
                count[_AMBIGUOUS] += 1
            if first[0] < 0:
                first[0] = k
        elif complement[r] == here:
            count[_FLIP] += 1
        if p + 1 < sequence.size and sequence[p + 1] == r:
            count[_LATER] += 1
        if p > 0 and sequence[p - 1] == r:
            count[_EARLIER] += 1


@dataclass
class World:
    """Gathers, batch by batch, why records do not fit the reference.

    `take_header` once, `take` for the records whose REF differs, `finish` at the end.
    """

    account: Account
    contigs: Contigs
    reference: Reference | None
    count: Ints = field(default_factory=lambda: np.zeros(6, np.int64))
    example: tuple[int, str, int] | None = None
    claim: Claim | None = None
    header: Header | None = None

    def take_header(self, header: Header) -> None:
        """Compare what the header says of the assembly with the reference."""
        self.header = header
        self.claim = build_of_header(header.text, header.contigs)
        own = self.own_build()
        if self.claim and own and not same_build(self.claim.build, own):
            self.account.add(
                "VH-R-009",
                f"the header is of {self.claim.build} by its {self.claim.why}; "
                f"the reference is {own}",
                name="header",
                value=self.claim.build,
            )
        # GATK's command line says md5 too, without a digest.
        if self.reference is not None and ("md5=" in header.text or "M5=" in header.text):
            self._check_digests(header)

    def own_build(self) -> str | None:
        """Name the assembly of the reference or of the aliases table, if it is known."""
        claim = build_of_lengths({c.name: c.length for c in self.contigs.contigs})
        return claim.build if claim else None

    def _check_digests(self, header: Header) -> None:
        """Compare the MD5s in the header with those of the sequences, where whole."""
        assert self.reference is not None
        for number, line in enumerate(header.text.split("\n"), 1):
            if not line.startswith("##contig"):
                continue
            meta = known_meta(line)
            said = _md5_of(meta)
            contig = self.contigs.canonical(meta.get("ID", ""))
            if not _MD5.fullmatch(said) or contig is None:
                continue
            if not self.reference.is_whole(contig):
                continue
            held = self.reference.md5(contig)
            if held != said.lower():
                self.account.add(
                    "VH-R-010",
                    f"the header's MD5 of the sequence is {said}; that of the reference's "
                    f"contig {contig} is {held}: other bases",
                    line=number,
                    contig=meta.get("ID"),
                    name="contig",
                    value=said,
                )

    def unknown(self, name: str) -> str:
        """Say that a contig is not in the assembly, and which one it may be.

        The MD5 in the header decides, then the length there, then the spelling.
        """
        if self.header is not None:
            said = re.search(
                rf"##contig=<[^\n]*\bID={re.escape(name)}[,>][^\n]*", self.header.text
            )
            meta = known_meta(said[0]) if said else {}
            digest = _md5_of(meta).lower()
            held = self.reference if _MD5.fullmatch(digest) else None
            for contig in self._whole() if held is not None else ():
                if held is not None and held.md5(contig) == digest:
                    return f"no contig {name!r} in this assembly; its MD5 is that of {contig}"
            length = self.header.contigs.get(name)
            same = [c.name for c in self.contigs.contigs if c.length == length]
            if length is not None and len(same) == 1:
                return (
                    f"no contig {name!r} in this assembly; it is as long as {same[0]} "
                    f"({length:,} bases)"
                )
        return self.contigs.unknown(name)

    def _whole(self) -> list[str]:
        if self.reference is None:
            return []
        return [c for c in self.contigs.names if self.reference.is_whole(c)]

    def take(
        self,
        batch: RecordBatch,
        rows: Ints,
        sequence: npt.NDArray[np.uint8],
        chrom: str,
    ) -> None:
        """Take records of a batch whose REF differs from `sequence` (their contig)."""
        if not rows.size:
            return
        first = np.full(1, -1, np.int64)
        _patterns(
            sequence,
            batch.pos,
            batch.text,
            batch.start[:, 3],
            batch.start[:, 4] - 1,
            batch.start[:, 5] - 1,
            rows,
            _UPPER,
            COMPLEMENT,
            self.count,
            first,
        )
        k = int(first[0])
        if self.example is None and k >= 0:
            self.example = (batch.line + k, chrom, int(batch.pos[k]))

    def finish(self) -> None:
        """Name the pattern, if the records that differ show one."""
        c = self.count
        snvs = int(c[_SNV])
        if snvs < ENOUGH:
            return
        line, contig, pos = self.example or (None, None, None)
        # On the other strand A>T reads T>A: it fits both patterns.
        swap, flip = int(c[_SWAP]), int(c[_FLIP] + c[_AMBIGUOUS])
        later, earlier = int(c[_LATER]), int(c[_EARLIER])
        if swap >= SHARE * snvs:
            self.account.add(
                "VH-R-006",
                f"{swap:,} of {snvs:,} SNVs ({swap / snvs:.0%}) whose REF differs have the "
                "reference's base as ALT: REF and ALT are swapped, as PLINK 1 writes them",
                line=line,
                contig=contig,
                pos=pos,
                name="REF",
            )
        elif max(later, earlier) >= SHARE * snvs:
            step = "too small by 1: it counts from 0" if later > earlier else "too large by 1"
            self.account.add(
                "VH-R-008",
                f"{max(later, earlier):,} of {snvs:,} SNVs whose REF differs fit the base "
                f"beside: POS is {step}",
                name="POS",
            )
        elif flip >= SHARE * snvs:
            self.account.add(
                "VH-R-007",
                f"{flip:,} of {snvs:,} SNVs ({flip / snvs:.0%}) whose REF differs fit as "
                "their complement: the alleles are those of the other strand",
                name="REF",
            )

    def likely(self) -> str:
        """Say the likely true assembly, as an ending of the message on the REF rate."""
        own = self.own_build()
        if self.claim is not None and (own is None or not same_build(self.claim.build, own)):
            return f"; by its {self.claim.why} the file is of {self.claim.build}"
        return f"; the reference is {own}" if own else ""


def _md5_of(contig: Mapping[str, str]) -> str:
    """Give the digest that a contig line says, as VCF or as SAM spells it; else nothing."""
    return contig.get("md5", contig.get("M5", ""))
