"""Why an allele is not lifted: one stable word each, with a sentence for the docs."""

from enum import IntEnum


class Reason(IntEnum):
    """The outcome for one allele; everything but LIFTED goes to the rejects."""

    LIFTED = 0
    """The allele has a place in the target."""
    CONTIG_NOT_IN_CHAIN = 1
    """The chain file has no source contig of this name."""
    NO_CHAIN = 2
    """Neither the first nor the last base of REF lies in a block of a chain."""
    AMBIGUOUS = 3
    """Several chains of equal score hold REF: nothing says which one is meant."""
    STRAND_MIXED = 4
    """The ends of REF lie in blocks on different strands of the target."""
    SPANS_GAP = 5
    """The bases of REF do not lie in one block: a gap or the end of a chain is between."""
    CONTIG_MISSING = 6
    """The chain leads to a contig that the target FASTA does not hold."""
    TARGET_OUTSIDE = 7
    """The chain leads past the last base that the target FASTA holds of the contig."""
    SOURCE_REF_MISMATCH = 8
    """REF is not what the source FASTA has at POS."""
    REF_NOT_FOUND = 9
    """The target has neither REF nor ALT at the place (an ALT of another length than REF,
    `*` or `.` is not looked for)."""
    INDEL_AT_GAP = 10
    """The indel can be written at the edge of its block as well: the assemblies may differ
    inside its repeat, so that the same change makes another sequence in the target. The edge
    is where the gap can come to lie: an aligner puts it anywhere in a repeat."""
    SYMBOLIC = 11
    """Symbolic alleles (`<DEL>`, `<NON_REF>`), breakends and blocks of a gVCF (ALT `.` and
    an END behind REF) are not lifted."""
    ALLELE_INVALID = 12
    """REF or ALT is empty or holds other letters than bases, or ALT equals REF."""
    SWAP_OFF = 13
    """The target's reference is ALT, and swapping was switched off."""
    SWAP_OF_SPLIT = 14
    """The target's reference is one of several ALTs, and another ALT keeps the record from
    being lifted as a whole: the counts of an exchange need all ALTs."""
    LINE_INVALID = 15
    """The line is no record: wrong number of columns, or POS is no number."""

    @property
    def code(self) -> str:
        """The word in the rejects table, e.g. `no_chain`."""
        return self.name.lower()

    @property
    def says(self) -> str:
        """The sentence for people."""
        return SENTENCES[self]


SENTENCES: dict[Reason, str] = {
    Reason.LIFTED: "lifted",
    Reason.CONTIG_NOT_IN_CHAIN: "the chain file has no source contig of this name",
    Reason.NO_CHAIN: "REF lies in no block of any chain",
    Reason.AMBIGUOUS: "several chains of equal score hold REF",
    Reason.STRAND_MIXED: "the ends of REF lie in blocks on different strands",
    Reason.SPANS_GAP: "the bases of REF do not lie in one block of a chain",
    Reason.CONTIG_MISSING: "the target FASTA does not hold the contig",
    Reason.TARGET_OUTSIDE: "the place lies past what the target FASTA holds of the contig",
    Reason.SOURCE_REF_MISMATCH: "REF is not what the source FASTA has at POS",
    Reason.REF_NOT_FOUND: "the target has neither REF nor ALT at the place",
    Reason.INDEL_AT_GAP: "the indel reaches the edge of its block in the chain",
    Reason.SYMBOLIC: "symbolic alleles, breakends and reference blocks are not lifted",
    Reason.ALLELE_INVALID: "REF or ALT is no sequence of bases, or ALT equals REF",
    Reason.SWAP_OFF: "the target's reference is ALT, and swapping was switched off",
    Reason.SWAP_OF_SPLIT: "the target's reference is one of several ALTs of unlike outcome",
    Reason.LINE_INVALID: "the line is no record",
}
"""One line for each reason: the rejects file's `detail` and the help of the command."""
