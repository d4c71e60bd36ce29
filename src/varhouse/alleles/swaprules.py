"""What becomes of each field when a record's alleles change: one table for each change.

`rule_of`: REF and an ALT change places. `strand_rule_of`: the record comes to lie on the other
strand, and its alleles are reverse-complemented.

REF and an ALT change places:

By name first: reserved keys of VCF 4.1 to 4.5 and those of tools in wide use (GATK and
Mutect2, FreeBayes, Strelka, VarScan, samtools, DeepVariant, imputation servers, dbSNP and
ClinVar, annotators). Then by Number: values of R and G are put in the new order, those of A
cannot follow, as nothing is known of REF. All others are about the place, the person or the
whole record, and stay.

On the other strand, by name alone: what was read forward was read in reverse, what names bases
names their complements, left is right. Tests that ask for a difference between the strands or
the ends, in either direction (FS, SOR, SAP, EPP, RPP, VDB, ReadPosRankSum), stay.
"""

import re
from enum import Enum
from functools import cache


class Rule(Enum):
    """What becomes of a value."""

    KEEP = "does not depend on which allele is REF"
    LOST = "is of one ALT, or compares ALT with REF: nothing says what it would be"
    BY_ALLELE = "a value for each allele (Number=R)"
    BY_GENOTYPE = "a value for each genotype (Number=G)"
    PIPES = "a value for each allele, separated by |"
    GENOTYPE = "allele numbers separated by / or |"
    FREQUENCY = "a share for each ALT; with REF they make 1"
    COUNT = "a number for each ALT; with REF they make AN of the same affix"
    DOSE = "copies of each ALT; with REF they make the ploidy"
    HAPLOTYPES = "the share of the one ALT on each haplotype"
    TWOS = "two values for each allele, those of REF first"
    PAIR_REF = "the value of REF; those of the ALTs have a key of their own"
    PAIR_ALT = "values of the ALTs; that of REF has a key of its own"
    LOCAL_LIST = "numbers of the ALTs that matter to the sample (LAA)"
    LOCAL_GENOTYPE = "allele numbers that count in REF and the ALTs of LAA"
    LOCAL_ALLELE = "a value for REF and each ALT of LAA (Number=LR)"
    LOCAL_ALT = "a value for each ALT of LAA (Number=LA)"
    LOCAL_GENOTYPES = "a value for each genotype of REF and the ALTs of LAA (Number=LG)"


PAIRS = {
    # FreeBayes: observations, qualities, partial ones, strands, ends, mapping.
    "RO": "AO", "QR": "QA", "PRO": "PAO", "PQR": "PQA", "SRF": "SAF", "SRR": "SAR",
    "SRP": "SAP", "EPPR": "EPP", "RPPR": "RPP", "MQMR": "MQM", "PAIREDR": "PAIRED",
    "TAR": "TIR", "RBQ": "ABQ",  # Strelka (tiers), VarScan
}  # fmt: skip
"""Key of the value of REF to the key of those of the ALTs."""

VARSCAN = {"RD": "AD", "RDF": "ADF", "RDR": "ADR"}
"""Pairs of VarScan, which declares AD with Number=1: reads of ALT alone."""

_NUMBERS = {
    "A": Rule.LOST, "R": Rule.BY_ALLELE, "G": Rule.BY_GENOTYPE, "LA": Rule.LOCAL_ALT,
    "LR": Rule.LOCAL_ALLELE, "LG": Rule.LOCAL_GENOTYPES,
}  # fmt: skip

_NAMES = {
    # Reserved; HQ and Number=P follow the haplotypes. CNL and CNP are by copy number, whatever
    # their Number says. AA is a base, not an allele number.
    Rule.KEEP: "AA AN DP HQ GQ PS PSL PSO PSQ PQ PID FT CN CNL CNP CNQ LEN"
    # Alike for both alleles, or of whichever is the rarer; Strelka counts bases by name.
    " MAF HWE ExcHet ExcessHet InbreedingCoeff FS AU CU GU TU TOR R2 DR2 AR2 ER2",
    Rule.BY_ALLELE: "AD ADF ADR DPR F1R2 F2R1 FAD MBQ MFRL MMQ RPA QS CAF TOPMED",
    Rule.BY_GENOTYPE: "GL PL GP PP GLE PRI",
    Rule.PIPES: "AS_SB_TABLE AS_RAW_MQ",
    Rule.GENOTYPE: "GT PGT",
    Rule.FREQUENCY: "AF AAF VAF AP1 AP2",
    Rule.DOSE: "DS EC",
    Rule.HAPLOTYPES: "HDS ADS AP",
    Rule.TWOS: "SB DP4 STRAND_BIAS SAC",
    Rule.PAIR_REF: " ".join(PAIRS),
    Rule.PAIR_ALT: " ".join(PAIRS.values()),
    Rule.LOCAL_LIST: "LAA",
    Rule.LOCAL_GENOTYPE: "LGT",
    Rule.LOCAL_ALLELE: "LAD LADF LADR",
    Rule.LOCAL_ALT: "LEC",
    Rule.LOCAL_GENOTYPES: "LGL LGP LPL LPP",
    # Tests of ALT against REF; qualities of a genotype that was the reference.
    Rule.LOST: "BaseQRankSum ClippingRankSum LikelihoodRankSum MQRankSum ReadPosRankSum SOR QD"
    " RGQ RPB MQB BQB RPBZ MQBZ BQBZ SCBZ SGB VDB PV4 I16 FQ AF1 AC1 G3 AB ABP ABHet ABHom"
    # Maximum likelihood counts, Mutect2, Strelka, FreeBayes, VarScan.
    " MLEAC MLEAF TLOD NLOD NALOD POPAF MPOS SGT NT CIGAR TYPE RUN RPL RPR DPRA MEANALT"
    " FREQ PVAL GPV SPV WT HET HOM UGT CGT HOB ICB"
    # Consequences, names and ids of ALT; counts of people that carry it.
    " CSQ ANN EFF LOF NMD BCSQ vep MC ALLELEID SPDI nhomalt n_hom_alt",
}
_BY_NAME = {name: rule for rule, names in _NAMES.items() for name in names.split()}

_LOST = re.compile(
    r"AS_\w+|CLN\w+|VRS_\w+|dbNSFP_\w+|\w*(?i:hgvs|nhomalt|nhemi|popmax|grpmax)\w*|"
    r"(?:\w+_)?faf\d*(?:_\w+)?"
)
_EXTREME = re.compile(r"(?i:(?:.*_)?(?:max|min)(?:_.*)?)")
_FREQUENCY = re.compile(r"(?:\w+_)?AF(?:_\w+)?")
COUNT = re.compile(r"((?:\w+_)?)AC((?:_\w+)?)")
"""AC with an affix (`AC_east`); AN has the same."""


@cache
def rule_of(kind: str, name: str, number: str | None) -> Rule:
    """Give the rule of a key.

    Parameters
    ----------
    kind
        INFO or FORMAT.
    number
        As the header declares it, else as the specification does; None: not known.
    """
    rule = _BY_NAME.get(name)
    if rule is not None:
        return rule
    if kind == "INFO" and number not in ("0", "R", "G"):
        if _LOST.fullmatch(name):
            return Rule.LOST
        if _FREQUENCY.fullmatch(name):
            return Rule.LOST if _EXTREME.fullmatch(name) else Rule.FREQUENCY
        if COUNT.fullmatch(name):
            return Rule.COUNT
    return _NUMBERS.get(number or "", Rule.KEEP)


class StrandRule(Enum):
    """What becomes of a value on the other strand."""

    KEEP = "does not depend on the strand"
    LOST = "names strands, bases or places in a way that cannot follow"
    OTHER_KEY = "of one strand, end or base; that of the other has a key of its own"
    TWOS = "a value of the forward and one of the reverse strand, once or for each allele"
    PIPES = "the same for each allele, separated by |"
    FIRST_FOUR = "sixteen values, the first four forward and reverse of REF and of ALT"
    BY_BASE = "a value for each of A, C, G and T"
    BASES = "bases of the place, as REF and ALT"


_STRANDS = {
    # GATK and bcftools, FreeBayes, VarScan, local alleles.
    "ADF": "ADR", "F1R2": "F2R1", "SAF": "SAR", "SRF": "SRR", "RPL": "RPR", "RDF": "RDR",
    "LADF": "LADR", "REF_F1R2": "REF_F2R1", "ALT_F1R2": "ALT_F2R1",
    # Ion Torrent, Strelka, ClairS.
    "FSAF": "FSAR", "FSRF": "FSRR", "AU": "TU", "CU": "GU", "NAU": "NTU", "NCU": "NGU",
}  # fmt: skip
"""Keys that change places on the other strand."""
OTHER_STRAND = _STRANDS | {b: a for a, b in _STRANDS.items()}

_STRAND_NAMES = {
    StrandRule.OTHER_KEY: " ".join(OTHER_STRAND),
    # VarDict gives RD two values, VarScan one.
    StrandRule.TWOS: "DP4 SB STRAND_BIAS SAC ALD RD DPS",
    StrandRule.PIPES: "AS_SB_TABLE AS_SB",
    StrandRule.FIRST_FOUR: "I16",
    StrandRule.BY_BASE: "BCOUNT",
    StrandRule.BASES: "AA",
    # Signed comparisons of the strands or of places in reads; strand artefacts in order.
    StrandRule.LOST: "RPBZ MQSBZ ODDRATIO SA_POST_PROB SA_MAP_AF REFBIAS VARBIAS FWDB REVB"
    # Letters of alleles, units and neighbours; orientation of a gene or an rs id.
    " CSQ ANN EFF LOF NMD BCSQ vep SPDI CIGAR RU LSEQ RSEQ FLANKSEQ CONTEXT STRAND RV"
    " OREF OALT OMAPALT",
}
_BY_STRAND_NAME = {n: rule for rule, names in _STRAND_NAMES.items() for n in names.split()}
_STRAND_LOST = re.compile(r"VRS_\w+|\w*(?i:hgvs)\w*")


@cache
def strand_rule_of(kind: str, name: str) -> StrandRule:
    """Give the rule of a key (`kind`: INFO or FORMAT) on the other strand."""
    rule = _BY_STRAND_NAME.get(name)
    if rule is None and kind == "INFO" and _STRAND_LOST.fullmatch(name):
        return StrandRule.LOST
    return rule or StrandRule.KEEP
