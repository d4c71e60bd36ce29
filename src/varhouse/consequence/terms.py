"""Sequence Ontology terms as bits of one int64 mask.

Ranks and impacts are those of Ensembl release 115 (`Bio::EnsEMBL::Variation::Utils::
Constants`); rank 1 is the most severe and bit = rank - 1. So the most severe term of a
set is its lowest bit, the union over transcripts is OR, and a filter is AND.
"""

import numpy as np

_TABLE = """
transcript_ablation HIGH
splice_acceptor_variant HIGH
splice_donor_variant HIGH
stop_gained HIGH
frameshift_variant HIGH
stop_lost HIGH
start_lost HIGH
transcript_amplification HIGH
feature_elongation HIGH
feature_truncation HIGH
inframe_insertion MODERATE
inframe_deletion MODERATE
missense_variant MODERATE
protein_altering_variant MODERATE
splice_donor_5th_base_variant LOW
splice_region_variant LOW
splice_donor_region_variant LOW
splice_polypyrimidine_tract_variant LOW
incomplete_terminal_codon_variant LOW
start_retained_variant LOW
stop_retained_variant LOW
synonymous_variant LOW
coding_sequence_variant MODIFIER
mature_miRNA_variant MODIFIER
5_prime_UTR_variant MODIFIER
3_prime_UTR_variant MODIFIER
non_coding_transcript_exon_variant MODIFIER
intron_variant MODIFIER
NMD_transcript_variant MODIFIER
non_coding_transcript_variant MODIFIER
coding_transcript_variant MODIFIER
upstream_gene_variant MODIFIER
downstream_gene_variant MODIFIER
TFBS_ablation MODERATE
TFBS_amplification MODIFIER
TF_binding_site_variant MODIFIER
regulatory_region_ablation MODIFIER
regulatory_region_amplification MODIFIER
regulatory_region_variant MODIFIER
intergenic_variant MODIFIER
sequence_variant MODIFIER
"""

_ROWS = [line.split() for line in _TABLE.split("\n") if line]

TERMS: tuple[str, ...] = tuple(row[0] for row in _ROWS)
"""Terms by rank; `TERMS[i]` is bit i."""

IMPACT: tuple[str, ...] = tuple(row[1] for row in _ROWS)
"""Impact of each term, by rank."""


def mask_of(*terms: str) -> np.int64:
    """Give the mask of some terms."""
    return np.int64(sum(1 << TERMS.index(t) for t in terms))


def terms_of(mask: int) -> str:
    """Write a mask as terms, most severe first, joined by `&`."""
    return "&".join(t for i, t in enumerate(TERMS) if mask >> i & 1)


def impact_of(mask: int) -> str:
    """Give the impact of the most severe term of a mask that is not 0."""
    return IMPACT[(mask & -mask).bit_length() - 1]


ABLATION = mask_of("transcript_ablation")
ACCEPTOR = mask_of("splice_acceptor_variant")
DONOR = mask_of("splice_donor_variant")
STOP_GAINED = mask_of("stop_gained")
FRAMESHIFT = mask_of("frameshift_variant")
STOP_LOST = mask_of("stop_lost")
START_LOST = mask_of("start_lost")
INFRAME_INSERTION = mask_of("inframe_insertion")
INFRAME_DELETION = mask_of("inframe_deletion")
MISSENSE = mask_of("missense_variant")
PROTEIN_ALTERING = mask_of("protein_altering_variant")
DONOR_5TH = mask_of("splice_donor_5th_base_variant")
SPLICE_REGION = mask_of("splice_region_variant")
DONOR_REGION = mask_of("splice_donor_region_variant")
POLYPYRIMIDINE = mask_of("splice_polypyrimidine_tract_variant")
INCOMPLETE_TERMINAL = mask_of("incomplete_terminal_codon_variant")
START_RETAINED = mask_of("start_retained_variant")
STOP_RETAINED = mask_of("stop_retained_variant")
SYNONYMOUS = mask_of("synonymous_variant")
CODING_SEQUENCE = mask_of("coding_sequence_variant")
UTR_5 = mask_of("5_prime_UTR_variant")
UTR_3 = mask_of("3_prime_UTR_variant")
NON_CODING_EXON = mask_of("non_coding_transcript_exon_variant")
INTRON = mask_of("intron_variant")
NMD = mask_of("NMD_transcript_variant")
NON_CODING = mask_of("non_coding_transcript_variant")
UPSTREAM = mask_of("upstream_gene_variant")
DOWNSTREAM = mask_of("downstream_gene_variant")
