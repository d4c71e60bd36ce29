"""One edit of a CDS in text: what the rules at the edges of the reading frame look at."""

from dataclasses import dataclass
from functools import cached_property

from varhouse.transcripts.geneticcode import is_start, may_begin, translate


@dataclass(frozen=True)
class Edit:
    """One edit: bases [first, stop) of the CDS become `alt`.

    `cdna` is the transcript from `utr` bases before codon 0 on, `length` the CDS with
    the `lead` bases of padding. Codons that are not read by the genetic code are in
    lower case, so that `translate` knows them as long as all their bases stand together.
    Where an end lies outside the transcript or in an intron (`first_known`, `stop_known`),
    `first` and `stop` are the exonic bases that are touched.
    """

    cdna: bytes
    utr: int
    length: int
    lead: int
    code: int
    start_known: bool
    end_known: bool
    first: int
    stop: int
    first_known: bool
    stop_known: bool
    insertion: bool
    alt: bytes

    @property
    def gain(self) -> int:
        """Bases by which ALT is longer."""
        return len(self.alt) - (self.stop - self.first)

    @property
    def readable(self) -> bool:
        """Whether the edited transcript is known: both ends lie in its exons."""
        return self.first_known and self.stop_known

    @property
    def inside(self) -> bool:
        """Whether the edit is one of codons: both ends lie inside the CDS."""
        if self.insertion:
            return self.readable and self.lead < self.first < self.length
        return self.readable and self.first >= self.lead and self.stop <= self.length

    def cds(self, a: int, b: int) -> bytes:
        """Bases [a, b) of the CDS; the padding reads N."""
        held = self.cdna[self.utr + max(a, self.lead) : self.utr + b]
        return b"N" * max(0, self.lead - a) + held

    @cached_property
    def edited(self) -> bytes:
        """The transcript with the allele in it."""
        at = self.utr
        return self.cdna[: at + self.first] + self.alt + self.cdna[at + self.stop :]

    @cached_property
    def first_codon(self) -> int:
        """The first codon touched."""
        return self.first // 3

    @cached_property
    def ref_codons(self) -> bytes:
        """REF's bases of the codons touched; none for an insertion between two."""
        last = (self.stop - 1) // 3 if self.stop > self.first else (self.first - 1) // 3
        if last < self.first_codon:
            return b""
        return self.cds(3 * self.first_codon, min(3 * (last + 1), self.length))

    @cached_property
    def alt_codons(self) -> bytes:
        """What stands in place of `ref_codons`."""
        ref, begin = self.ref_codons, 3 * self.first_codon
        if not ref:
            return self.alt
        return ref[: self.first - begin] + self.alt + ref[self.stop - begin :]

    @cached_property
    def touches_start(self) -> bool:
        """Whether bases of a start codon that is known go, or others come between them."""
        inside = 0 < self.first < 3 if self.insertion else self.first < 3 and self.stop > 0
        return self.start_known and inside and may_begin(self.cds(0, 3), self.code)

    @cached_property
    def has_stop(self) -> bool:
        """Whether the CDS is known to end, and with a stop codon."""
        n = self.length
        whole = self.end_known and n % 3 == 0
        return whole and translate(self.cds(n - 3, n), self.code) == "*"

    @cached_property
    def touches_stop(self) -> bool:
        """As `touches_start`; an insertion right before the stop codon touches it not."""
        n = self.length
        inside = n - 3 < self.first < n if self.insertion else self.first < n < self.stop + 3
        return self.has_stop and inside

    @cached_property
    def keeps_cds(self) -> bool:
        """Whether the whole CDS is there still, and only bases before it are others."""
        behind = len(self.cdna) - self.utr - self.length
        until = len(self.edited) - behind
        return self.edited[:until].endswith(self.cdna[self.utr : self.utr + self.length])

    @cached_property
    def keeps_start(self) -> bool:
        """Whether a start codon stands where the CDS begins, or the whole CDS is there.

        Where bases before the CDS are gone too, it begins as far before what is left of it.
        """
        if self.keeps_cds:
            return True
        at = self.utr + (self.gain if self.first < 0 else 0)
        codon = self.edited[max(at, 0) : max(at + 3, 0)]
        same = codon == self.cdna[self.utr : self.utr + 3]
        return at >= 0 and len(codon) == 3 and (same or is_start(codon, self.code))

    def read_on(self, codons: int) -> str:
        """Translate codons of the edited transcript from the first one touched on.

        Returns
        -------
        str
            Fewer residues where the transcript ends before.
        """
        at = self.utr + 3 * self.first_codon
        bases = self.edited[at : at + 3 * codons]
        return translate(bases[: len(bases) // 3 * 3], self.code)
