"""HGVS names worked out by hand, each on both strands, on a gene one can read.

The gene (forward): 10 bases upstream, exon 1 with a 5' UTR of 6 and `ATG GCT AAA GG`, an
intron of 40 (GT...AG), exon 2 with `T CTG TGT GAC TAA` and a 3' UTR of 8, and a tail. Its
mirror image has the same names.
"""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from gene_builders import alleles, build, reverse_complement
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer

UP, UTR5, CDS1 = "TTTTTTTTTT", "CCACCC", "ATGGCTAAAGG"
INTRON = "GTAAGTCCCC" + "CATCATCATC" + "CATCATCTTC" + "TTCTTTTCAG"
CDS2, UTR3, TAIL = "TCTGTGTGACTAA", "GGCCTTGG", "A" * 30
GENE = UP + UTR5 + CDS1 + INTRON + CDS2 + UTR3 + TAIL
EXONS = [(11, 27), (68, 88)]
CDS = [(17, 27), (68, 80)]
EXTRA = ";version=3"

Names = tuple[str | None, str | None]


class Gene:
    """A gene of one transcript, its alleles given on the forward gene."""

    def __init__(
        self, folder: Path, strand: str, gene: str, coding: bool, **more: Any
    ) -> None:
        self.gene, self.strand, n = gene, strand, len(gene)
        exons = more.pop("exons", EXONS)
        cds = more.pop("cds", CDS) if coding else []
        if strand == "-":
            exons, cds = (
                [(n + 1 - b, n + 1 - a) for a, b in part[::-1]] for part in (exons, cds)
            )
        held = gene if strand == "+" else reverse_complement(gene)
        self.model = build(folder, held, rows(exons, cds, strand=strand, **more))
        with OpenedReference(folder / "r.fa") as reference:
            self.describe = Describer(self.model, reference)
            self.as_vep = Describer(self.model, reference, as_vep=True)
        self.held = held

    def names(self, first: int, last: int, new: str, vep: bool = False) -> Names:
        """Names of bases first to last replaced by `new`; last = first - 1 inserts."""
        if self.strand == "-":
            n = len(self.gene)
            first, last, new = n + 1 - last, n + 1 - first, reverse_complement(new)
        old = self.held[first - 1 : last]
        anchor = "" if old and new else self.held[first - 2]
        frame = alleles((first - len(anchor), anchor + old, anchor + new))
        found = consequences(self.model, frame, describe=self.as_vep if vep else self.describe)
        assert found.height == 1
        return found["hgvsc"][0], found["hgvsp"][0]


@pytest.fixture(scope="module", params=["+", "-"])
def gene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gene:
    return Gene(
        tmp_path_factory.mktemp("g"),
        request.param,
        GENE,
        coding=True,
        extra=EXTRA,
        cds_extra=";protein_id=ENSP1;version=2",
    )


@pytest.mark.parametrize(
    ("first", "last", "new", "hgvsc", "hgvsp"),
    [
        # Substitutions: missense, silent, nonsense, start, stop.
        (20, 20, "A", "c.4G>A", "p.Ala2Thr"),
        (22, 22, "C", "c.6T>C", "p.Ala2="),
        (23, 23, "T", "c.7A>T", "p.Lys3Ter"),
        (17, 17, "G", "c.1A>G", "p.Met1?"),
        (80, 80, "C", "c.24A>C", "p.Ter8TyrextTer?"),
        (80, 80, "G", "c.24A>G", "p.Ter8="),
        # UTR and intron; the middle of 40 bases counts from the exon before.
        (13, 13, "G", "c.-4A>G", None),
        (81, 81, "A", "c.*1G>A", None),
        (88, 88, "A", "c.*8G>A", None),
        (28, 28, "A", "c.11+1G>A", None),
        (67, 67, "C", "c.12-1G>C", None),
        (47, 47, "G", "c.11+20C>G", None),
        (48, 48, "G", "c.12-20C>G", None),
        # In-frame changes.
        (23, 25, "", "c.7_9del", "p.Lys3del"),
        (26, 25, "AAA", "c.7_9dup", "p.Lys3dup"),
        (23, 22, "GAT", "c.6_7insGAT", "p.Ala2_Lys3insAsp"),
        (23, 22, "GATGAC", "c.6_7insGATGAC", "p.Ala2_Lys3insAspAsp"),
        (20, 22, "AAC", "c.4_6delinsAAC", "p.Ala2Asn"),
        (20, 22, "AGC", "c.4_6inv", "p.Ala2Ser"),
        (20, 25, "TAC", "c.4_9delinsTAC", "p.Ala2_Lys3delinsTyr"),
        (20, 25, "", "c.5_10del", "p.Ala2_Lys3del"),
        (23, 22, "TAG", "c.6_7insTAG", "p.Lys3Ter"),
        # Frames lost: no stop behind, a stop 4 residues on, a stop at once.
        (20, 20, "", "c.4del", "p.Ala2LeufsTer?"),
        (19, 19, "", "c.4del", "p.Ala2LeufsTer?"),
        (23, 22, "C", "c.6_7insC", "p.Lys3GlnfsTer5"),
        (23, 22, "TA", "c.6_7insTA", "p.Lys3Ter"),
        (17, 19, "", "c.1_3del", "p.Met1?"),
        # An exon's base moves into the intron, never over it; then nobody knows the protein.
        (27, 27, "", "c.11+1del", None),
        (26, 29, "", "c.10_11+2del", None),
        (68, 67, "CC", "c.12-1_12insCC", "p.Asp7ValfsTer?"),
        (30, 29, "GT", "c.11+1_11+2dup", None),
        # What lies before the transcript cannot be repeated by a name in it.
        (12, 11, "TTC", "c.-6_-5insTTC", None),
        # Not wholly inside.
        (10, 12, "", None, None),
        (5, 5, "A", None, None),
    ],
)  # fmt: skip
def test_names(
    gene: Gene, first: int, last: int, new: str, hgvsc: str | None, hgvsp: str | None
) -> None:
    found = gene.names(first, last, new)
    expected = (hgvsc and f"T.3:{hgvsc}", hgvsp and f"ENSP1.2:{hgvsp}")
    assert found == expected


@pytest.mark.parametrize("strand", ["+", "-"])
def test_transcript_without_cds_is_numbered_from_its_start(
    tmp_path: Path, strand: str
) -> None:
    gene = Gene(tmp_path, strand, GENE, coding=False, biotype="lncRNA")
    assert gene.names(13, 13, "G") == ("T:n.3A>G", None)
    assert gene.names(28, 28, "A") == ("T:n.17+1G>A", None)
    assert gene.names(68, 68, "A") == ("T:n.18T>A", None)
    assert gene.names(26, 25, "AAA") == ("T:n.13_15dup", None)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_extension_counts_to_the_next_stop(tmp_path: Path, strand: str) -> None:
    longer = GENE.replace("TAAGGCCTTGG", "TAAGGCTAAGG")
    gene = Gene(tmp_path, strand, longer, coding=True)
    # TAC GGC TAA: the new stop is the second codon behind the old one.
    assert gene.names(80, 80, "C") == ("T:c.24A>C", "PT:p.Ter8TyrextTer2")


@pytest.mark.parametrize("strand", ["+", "-"])
def test_incomplete_first_codon(tmp_path: Path, strand: str) -> None:
    # Phase 1: one base of a codon whose first two are not there, then GGC TAA AGG ...
    other = GENE.replace("ATGGCTAAAGG", "ATGGCCAAAGG")
    gene = Gene(tmp_path, strand, other, coding=True, phase=1)
    assert gene.names(17, 17, "G") == ("T:c.1A>G", "PT:p.?")
    assert gene.names(18, 18, "C") == ("T:c.2T>C", "PT:p.Trp2Arg")
    # VEP counts the two bases that are not there, for SNVs only.
    assert gene.names(18, 18, "C", vep=True) == ("T:c.4T>C", "PT:p.Trp2Arg")
    assert gene.names(20, 19, "CC", vep=True)[0] == "T:c.3_4insCC"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_genetic_code_of_the_model_is_used(tmp_path: Path, strand: str) -> None:
    gene = Gene(tmp_path, strand, GENE, coding=True, cds_extra=";transl_table=2")
    # Vertebrate mitochondria: AGA is a stop, ATA is Met.
    assert gene.names(23, 25, "AGA")[1] == "PT:p.Lys3Ter"
    assert gene.names(23, 25, "ATA")[1] == "PT:p.Lys3Met"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_long_alleles_fit(tmp_path: Path, strand: str) -> None:
    """Names as long as their alleles, more than any constant."""
    codons = "GCTAAAGAC" * 60
    longer = GENE.replace("ATGGCTAAAGG", "ATG" + codons + "GCTAAAGG")
    n = len(codons)
    exons, cds = [(11, 27 + n), (68 + n, 88 + n)], [(17, 27 + n), (68 + n, 80 + n)]
    gene = Gene(tmp_path, strand, longer, coding=True, exons=exons, cds=cds)
    assert gene.names(17, 16 + n, "")[1] == "PT:p.Met1?"
    assert gene.names(17, 16 + n, "", vep=True)[1] == f"PT:p.Met{'AlaLysAsp' * 60}"[:-3] + (
        f"1_?{n // 3}"
    )
    new = "TGTGACGAA" * 60
    hgvsc, hgvsp = gene.names(23, 22, new)
    assert hgvsc == f"T:c.6_7ins{new}"
    assert hgvsp == f"PT:p.Ala2_Lys3ins{'CysAspGlu' * 60}"


def test_alleles_without_a_name(gene: Gene) -> None:
    frame = alleles((20, gene.held[19], gene.held[19]), (20, "N", "<DEL>"))
    found = gene.describe(frame, pl.Series([0, 1]).to_numpy(), pl.Series([0, 0]).to_numpy())
    assert found.hgvsc.to_list() == [None, None]
    assert found.hgvsp.to_list() == [None, None]


def test_a_shift_is_counted_on_the_genome(gene: Gene) -> None:
    first = 19 if gene.strand == "+" else len(gene.gene) + 1 - 19
    anchor = gene.held[first - 2]
    frame = alleles((first - 1, anchor + gene.held[first - 1], anchor))
    found = consequences(gene.model, frame, describe=gene.describe)
    assert found["hgvs_offset"].to_list() == [1 if gene.strand == "+" else -1]


# ATG GCT AAA GGT CTG TGT TAA GGC CTT GGT GAC CAT TAG: its stop codon, and the next one.
SHORT = "TTGACTTGCATTCTGC" + "ATGGCTAAAGGTCTGTGTTAA" + "GGCCTTGGTGACCATTAGCA"


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("first", "last", "new", "with_utr", "without"),
    [
        # An immediate stop codon, however it comes.
        (7, 9, "TAATTT", "Lys3Ter", "Lys3Ter"),
        (7, 9, "TAG", "Lys3Ter", "Lys3Ter"),
        (7, 6, "TAGGCC", "Lys3Ter", "Lys3Ter"),
        (15, 14, "GTAGC", "Cys6Ter", "Cys6Ter"),
        # Others on the way to it.
        (7, 6, "CCCTAACCC", "Ala2_Lys3insProTer", "Ala2_Lys3insProTer"),
        (7, 12, "TTTTAG", "Lys3_Gly4delinsPheTer", "Lys3_Gly4delinsPheTer"),
        # From before the stop codon through it: a frameshift.
        (16, 21, "", "Cys6GlyfsTer6", "Cys6fs"),
        (16, 23, "", "Cys6ProfsTer3", "Cys6fs"),
        # The stop codon itself: an extension, in whatever frame.
        (20, 19, "C", "Ter7SerextTer4", "Ter7SerextTer?"),
        (19, 21, "", "Ter7GlyextTer5", "Ter7?"),
        (19, 23, "", "Ter7ProextTer2", "Ter7?"),
        (21, 21, "C", "Ter7TyrextTer6", "Ter7TyrextTer?"),
        (20, 20, "G", "Ter7=", "Ter7="),
        (19, 18, "TAA", "Ter7=", "Ter7="),
        # The start codon, from wherever.
        (1, 3, "", "Met1?", "Met1?"),
        (-1, 1, "", "Met1?", "Met1?"),
        (2, 2, "C", "Met1?", "Met1?"),
    ],
)
def test_names_at_start_and_stop_codons(
    tmp_path: Path, strand: str, first: int, last: int, new: str, with_utr: str, without: str
) -> None:
    """HGVS Nomenclature 21.1: substitution, insertion, delins, deletion, extension."""
    for name, utr, expected in (("utr", 16, with_utr), ("bare", 0, without)):
        exon = [(17 - utr, 37 + min(utr + 4, 20) * (utr > 0))]
        gene = Gene(tmp_path / name, strand, SHORT, coding=True, exons=exon, cds=[(17, 37)])
        assert gene.names(first + 16, last + 16, new)[1] == f"PT:p.{expected}"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_start_codon_that_stays_is_met(tmp_path: Path, strand: str) -> None:
    """GTG begins with Met, as ATG and TTG do in bacteria; GTA begins nothing."""
    bacterial = SHORT.replace("ATGGCT", "GTGGCT")
    gene = Gene(
        tmp_path,
        strand,
        bacterial,
        coding=True,
        exons=[(17, 37)],
        cds=[(17, 37)],
        cds_extra=";transl_table=11",
    )
    assert gene.names(17, 17, "A") == ("T:c.1G>A", "PT:p.Met1=")
    assert gene.names(17, 17, "T") == ("T:c.1G>T", "PT:p.Met1=")
    assert gene.names(19, 19, "A") == ("T:c.3G>A", "PT:p.Met1?")
    assert gene.names(17, 17, "A", vep=True) == ("T:c.1G>A", "PT:p.Val1Met")


# ATG GCT AAA GGT CTG TGC TAA, a transcript without UTRs, and T: the codons TGC TAA can be
# shifted by one base, out of the transcript.
BARE = "ACGTCAGGCATTCAGG" + "ATGGCTAAAGGTCTGTGCTAA" + "TCCGATGCATCAGT"


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("first", "last", "new", "hgvsc", "hgvsp"),
    [
        # The last codon and the stop codon; the stop codon; half of it.
        (32, 37, "", "T:c.16_21del", "PT:p.Cys6fs"),
        (35, 37, "", "T:c.19_21del", "PT:p.Ter7?"),
        (36, 37, "", "T:c.20_21del", "PT:p.Ter7?"),
        # An insertion stays between two bases, unless it repeats the last ones.
        (37, 36, "TCA", "T:c.20_21insTCA", "PT:p.Ter7TyrextTer?"),
        (37, 36, "AC", "T:c.20_21insAC", "PT:p.Ter7="),
        (37, 36, "A", "T:c.21dup", "PT:p.Ter7="),
        (35, 34, "TAA", "T:c.19_21dup", "PT:p.Ter7="),
    ],
)
def test_a_shift_ends_with_the_transcript(
    tmp_path: Path, strand: str, first: int, last: int, new: str, hgvsc: str, hgvsp: str
) -> None:
    whole = [(17, 37)]
    gene = Gene(tmp_path, strand, BARE, coding=True, exons=whole, cds=whole)
    assert gene.names(first, last, new) == (hgvsc, hgvsp)
