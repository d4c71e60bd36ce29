"""Terms at start and stop codons, by the Sequence Ontology.

With and without UTRs, on both strands. The CDS is `ATG GCT AAA GGT CTG TGT TAA`, of one exon;
a transcript without UTRs ends with it, as those of bacteria, viruses and most mitochondria do.
Places are those of the CDS: 1 is the A of ATG, 21 the last A of TAA; bases before and behind
count on.
"""

from pathlib import Path
from typing import NamedTuple

import pytest
from gene_builders import build, call, reverse_complement
from gene_builders import transcript_rows as rows

from varhouse.transcripts.genemodel import GeneModel

BEFORE, CODING, BEHIND = "TTGACTTGCATTCTGC", "ATGGCTAAAGGTCTGTGTTAA", "GGCCTTGGTGACCATTAG"
LEAD, N = len(BEFORE), len(CODING)


class Gene(NamedTuple):
    """A gene of one exon; edits are given on its CDS, whatever its strand."""

    model: GeneModel
    genome: str
    strand: str

    def row(self, first: int, last: int, new: str, as_vep: bool = False) -> dict[str, object]:
        """Replace bases first to last of the CDS; last = first - 1 inserts before first."""
        low, high = first + LEAD, last + LEAD
        if self.strand == "-":
            n = len(self.genome)
            low, high, new = n + 1 - high, n + 1 - low, reverse_complement(new)
        old = self.genome[low - 1 : high]
        anchor = "" if old and new else self.genome[low - 2]
        return call(self.model, low - len(anchor), anchor + old, anchor + new, as_vep=as_vep)

    def terms(self, first: int, last: int, new: str) -> str:
        return str(self.row(first, last, new)["consequence"])


def gene(folder: Path, strand: str, utr: int, coding: str = CODING, extra: str = "") -> Gene:
    genome = BEFORE + coding + BEHIND
    n = len(genome)
    exon, cds = (LEAD + 1 - utr, LEAD + len(coding) + utr), (LEAD + 1, LEAD + len(coding))
    if strand == "-":
        exon, cds = ((n + 1 - b, n + 1 - a) for a, b in (exon, cds))
    held = genome if strand == "+" else reverse_complement(genome)
    made = rows([exon], [cds], strand=strand, cds_extra=extra)
    return Gene(build(folder, held, made), held, strand)


@pytest.fixture(scope="module", params=["+", "-"])
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gene:
    """Without UTRs."""
    return gene(tmp_path_factory.mktemp("bare"), request.param, 0)


@pytest.fixture(scope="module", params=["+", "-"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gene:
    """With UTRs of 9 bases."""
    return gene(tmp_path_factory.mktemp("whole"), request.param, 9)


PREMATURE = [
    # Between codons, inside one whose residue stays, and with the frame lost.
    (7, 6, "TAG", "stop_gained&inframe_insertion"),
    (7, 6, "CCCTAACCC", "stop_gained&inframe_insertion"),
    (15, 14, "GTAGCT", "stop_gained&inframe_insertion"),
    (15, 14, "GTAGC", "stop_gained&frameshift_variant"),
    (15, 14, "GTAGCTC", "stop_gained&frameshift_variant"),
    (7, 9, "TAATTT", "stop_gained"),
    (7, 12, "TTTTAG", "stop_gained"),
    (7, 12, "TAG", "stop_gained"),
    (7, 9, "TAGT", "stop_gained&frameshift_variant"),
    # Before the stop codon, the residue before it with it: two stops, the first one new.
    (16, 21, "TAATAA", "stop_gained"),
]


@pytest.mark.parametrize(("first", "last", "new", "expected"), PREMATURE)
def test_a_stop_that_is_brought_is_gained(
    bare: Gene, whole: Gene, first: int, last: int, new: str, expected: str
) -> None:
    for g in (bare, whole):
        row = g.row(first, last, new)
        assert row["consequence"] == expected
        assert row["impact"] == "HIGH"
        assert row["lof"] in ("HC", "LC")


def test_vep_calls_some_of_them_retained(whole: Gene) -> None:
    """The option copies VEP 112 and later (Ensembl/ensembl-vep issue 1710)."""
    for new in ("GTAGCT", "GTAGC"):
        found = whole.row(15, 14, new, as_vep=True)
        assert found["consequence"] == "inframe_insertion&stop_retained_variant"
        assert found["impact"] == "MODERATE"


START = [
    (1, 1, "G", "start_lost"),
    (3, 3, "A", "start_lost"),
    (1, 3, "CTC", "start_lost"),
    (1, 5, "TTTTT", "start_lost"),
    (1, 3, "", "start_lost&inframe_deletion"),
    (1, 6, "", "start_lost&inframe_deletion"),
    (2, 4, "", "start_lost&inframe_deletion"),
    (2, 3, "", "frameshift_variant&start_lost"),
    (1, 4, "", "frameshift_variant&start_lost"),
    (2, 1, "CATG", "frameshift_variant&start_lost"),
    (2, 1, "CAC", "start_lost"),
    # The start codon stays, and the frame behind it changes, or not.
    (3, 2, "G", "frameshift_variant&start_retained_variant"),
    (3, 2, "GCA", "inframe_insertion&start_retained_variant"),
    # Only what stands before the CDS is another: it is whole.
    (2, 1, "CA", "start_retained_variant"),
    (3, 2, "GAT", "start_retained_variant"),
    (4, 6, "", "inframe_deletion"),
]


@pytest.mark.parametrize(("first", "last", "new", "expected"), START)
def test_start_codon(
    bare: Gene, whole: Gene, first: int, last: int, new: str, expected: str
) -> None:
    assert bare.terms(first, last, new) == expected
    assert whole.terms(first, last, new) == expected


STOP = [
    (19, 21, "", "stop_lost&inframe_deletion"),
    (16, 21, "", "stop_lost&inframe_deletion"),
    (19, 19, "", "frameshift_variant&stop_lost"),
    (20, 19, "C", "frameshift_variant&stop_lost"),
    (20, 19, "CTC", "stop_lost"),
    (19, 20, "CC", "stop_lost"),
    (21, 21, "C", "stop_lost"),
    # A stop codon still stands there.
    (20, 20, "G", "stop_retained_variant"),
    (18, 20, "CTG", "stop_retained_variant"),
    (20, 19, "A", "stop_retained_variant"),
    (20, 19, "AGT", "inframe_insertion&stop_retained_variant"),
    (19, 18, "TAA", "inframe_insertion&stop_retained_variant"),
    (19, 18, "TAAG", "stop_retained_variant"),
    # Another residue before it.
    (18, 20, "GTG", "missense_variant&stop_retained_variant"),
    # Residues before it.
    (19, 18, "GAT", "inframe_insertion"),
    (20, 19, "ACTA", "frameshift_variant&stop_lost"),
    (20, 19, "ATTA", "frameshift_variant&stop_lost"),
]


@pytest.mark.parametrize(("first", "last", "new", "expected"), STOP)
def test_stop_codon(
    bare: Gene, whole: Gene, first: int, last: int, new: str, expected: str
) -> None:
    found = bare.terms(first, last, new), whole.terms(first, last, new)
    if expected == "stop_lost" and last < first:
        # A residue comes, too.
        expected += "&protein_altering_variant"
    assert found == (expected, expected)


@pytest.mark.parametrize(
    ("first", "last", "new", "expected"),
    [
        (-1, 1, "", "start_lost"),
        (0, 1, "GC", "start_lost"),
        (-5, 12, "", "start_lost"),
        (18, 24, "", "stop_lost"),
        (21, 22, "CC", "stop_lost"),
        (21, 23, "", "stop_lost"),
    ],
)
def test_edits_over_the_ends(
    bare: Gene, whole: Gene, first: int, last: int, new: str, expected: str
) -> None:
    """What lies outside the transcript is no UTR of it."""
    utr = "5_prime_UTR_variant" if first < 1 else "3_prime_UTR_variant"
    assert bare.terms(first, last, new) == expected
    assert whole.terms(first, last, new) == f"{expected}&{utr}"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_bases_behind_bring_a_stop_codon(tmp_path: Path, strand: str) -> None:
    """`CTA TAG|TAG` without `ATA`: another stop codon stands in the old place."""
    coding = CODING[:-3] + "CTATAG"
    genome = BEFORE + coding + "TAGGCC" + BEHIND
    exon, cds = (LEAD + 1, LEAD + len(coding) + 6), (LEAD + 1, LEAD + len(coding))
    if strand == "-":
        n = len(genome)
        exon, cds = ((n + 1 - b, n + 1 - a) for a, b in (exon, cds))
        genome = reverse_complement(genome)
    model = build(tmp_path / "m", genome, rows([exon], [cds], strand=strand))
    g = Gene(model, genome, strand)
    # CTA TAG TAG becomes CTG TAG: still leucine, and a stop codon.
    assert g.terms(21, 23, "") == "inframe_deletion&stop_retained_variant"


def test_the_base_behind_the_stop_codon(bare: Gene, whole: Gene) -> None:
    """TAA becomes TAG with the first base of the 3' UTR; outside nothing is read."""
    assert whole.terms(21, 21, "") == "stop_retained_variant"
    assert bare.terms(21, 21, "") == "frameshift_variant&stop_lost"


def test_edits_beyond_the_transcript(whole: Gene) -> None:
    assert whole.terms(-12, 2, "") == "start_lost&5_prime_UTR_variant"
    assert whole.terms(20, 34, "") == "stop_lost&3_prime_UTR_variant"
    assert whole.terms(-8, 30, "") == "transcript_ablation"
    assert whole.terms(1, 21, "") == "stop_lost&start_lost&inframe_deletion"


def test_the_whole_transcript(bare: Gene) -> None:
    assert bare.terms(1, 21, "") == "transcript_ablation"
    assert bare.terms(-3, 25, "") == "transcript_ablation"
    assert bare.terms(0, 0, "") == "upstream_gene_variant"
    # Replaced by as many bases, it is not deleted.
    assert bare.terms(1, 21, "C" * 21) == "stop_lost&start_lost"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_bases_behind_restore_start_and_stop(tmp_path: Path, strand: str) -> None:
    g = gene(tmp_path / "a", strand, 9, coding="ATG" + CODING)
    assert g.terms(1, 3, "") == "inframe_deletion&start_retained_variant"
    twice = gene(tmp_path / "b", strand, 0, coding="ATG" + CODING)
    assert twice.terms(1, 3, "") == "inframe_deletion&start_retained_variant"


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("utr", [0, 9])
def test_start_codons_of_bacteria(tmp_path: Path, strand: str, utr: int) -> None:
    """GTG starts; what it becomes starts if the genetic code says so (NCBI, table 11)."""
    g = gene(tmp_path / "g", strand, utr, "GTG" + CODING[3:], ";transl_table=11")
    assert g.terms(1, 1, "A") == "start_retained_variant"
    assert g.terms(1, 1, "T") == "start_retained_variant"
    # Still valine, yet no start.
    assert g.terms(3, 3, "A") == "start_lost"
    assert g.terms(2, 2, "C") == "start_lost"
    assert g.terms(1, 3, "ATA") == "start_retained_variant"
    assert g.terms(1, 4, "ATGA") == "missense_variant&start_retained_variant"
    assert g.terms(1, 1, "") == "frameshift_variant&start_lost"
    # The same GTG in the standard code, where ATG alone takes its place.
    nuclear = gene(tmp_path / "n", strand, utr, "GTG" + CODING[3:])
    assert nuclear.terms(1, 1, "A") == "start_retained_variant"
    assert nuclear.terms(1, 1, "T") == "start_lost"


def test_start_codons_of_mitochondria(tmp_path: Path) -> None:
    g = gene(tmp_path / "m", "+", 0, "ATA" + CODING[3:], ";transl_table=2")
    assert g.terms(3, 3, "G") == "start_retained_variant"
    assert g.terms(3, 3, "T") == "start_retained_variant"
    assert g.terms(1, 1, "C") == "start_lost"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_first_codon_that_begins_nothing(tmp_path: Path, strand: str) -> None:
    """GCT begins no protein: the start is not in the annotation, and none can be lost."""
    g = gene(tmp_path / "g", strand, 9, CODING[3:])
    assert g.terms(1, 1, "T") == "missense_variant"
    assert g.terms(3, 3, "C") == "synonymous_variant"
    assert g.terms(1, 3, "") == "inframe_deletion"
    assert g.terms(-1, 1, "") == "coding_sequence_variant&5_prime_UTR_variant"
