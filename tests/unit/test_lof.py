"""Loss of function and its reasons, each on both strands, on a gene of three exons.

CDS of 300 bases: `ATG` and `GAA` repeated, 120 bases in exon 1 and 2, 60 with `TAA` in
exon 3; a 5' UTR of 6. The last junction stands at CDS base 240.
"""

from pathlib import Path

import pytest
from gene_builders import alleles, build, reverse_complement
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.consequence.lof import FLAGS, REASONS

UTR5, UTR3 = "CCACCC", "GGCCTTGG"
PARTS = ("ATG" + "GAA" * 39, "GAA" * 40, "GAA" * 19 + "TAA")
INTRON = "GTAAGT" + "C" * 20 + "TTTTCTTTTCAG"
UP, TAIL = "T" * 10, "A" * 30

Found = tuple[str | None, str | None, str | None]


class Gene:
    """The gene with introns of one's own; CDS bases are counted from 1."""

    def __init__(
        self,
        folder: Path,
        strand: str,
        introns: tuple[str, ...] = (INTRON, INTRON),
        parts: tuple[str, ...] = PARTS,
        leader: str = "",
        **more: str,
    ) -> None:
        text, exons, cds = UP, [], []
        if leader:
            exons.append((len(text) + 1, len(text) + 6))
            text += "CACACA" + leader
        for i, part in enumerate(parts):
            first = len(text) + 1
            text += UTR5 if i == 0 else ""
            cds.append((len(text) + 1, len(text) + len(part)))
            text += part + (UTR3 if i == len(parts) - 1 else "")
            exons.append((first, len(text)))
            text += introns[i] if i < len(parts) - 1 else TAIL
        self.text, self.strand, self.n = text, strand, len(text)
        self.cds = [p for a, b in cds for p in range(a, b + 1)]
        self.exons = exons
        if strand == "-":
            exons, cds = (
                [(self.n + 1 - b, self.n + 1 - a) for a, b in x[::-1]] for x in (exons, cds)
            )
        self.held = text if strand == "+" else reverse_complement(text)
        self.model = build(folder, self.held, rows(exons, cds, strand=strand, **more))

    def lof(self, first: int, new: str, size: int = 1) -> Found:
        """Class of `size` bases from a place of the forward gene on replaced by `new`."""
        last = first + size - 1
        if self.strand == "-":
            first, last = self.n + 1 - last, self.n + 1 - first
            new = reverse_complement(new)
        old = self.held[first - 1 : last]
        anchor = "" if old and new else self.held[first - 2]
        frame = alleles((first - len(anchor), anchor + old, anchor + new))
        row = consequences(self.model, frame).row(0, named=True)
        return row["lof"], row["lof_reasons"], row["lof_flags"]

    def stop(self, codon: int) -> Found:
        """GAA to TAA."""
        return self.lof(self.cds[3 * codon - 3], "T")


@pytest.fixture(params=["+", "-"])
def strand(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_place_in_the_transcript(tmp_path: Path, strand: str) -> None:
    gene = Gene(tmp_path / "m", strand)
    assert gene.stop(10) == ("HC", None, None)
    # Base 190 is the last that is more than 50 before the junction: codon 64 begins there.
    assert gene.stop(64) == ("HC", None, None)
    assert gene.stop(65) == ("LC", "NMD_ESCAPE", None)
    assert gene.stop(90) == ("LC", "NMD_ESCAPE", None)
    assert gene.stop(95) == ("LC", "NMD_ESCAPE", None)
    assert gene.stop(96) == ("LC", "END_TRUNC&NMD_ESCAPE", None)
    # Frames: by the place of the allele, not of the new stop codon.
    assert gene.lof(gene.cds[29], "") == ("HC", None, None)
    assert gene.lof(gene.cds[289], "") == ("LC", "END_TRUNC&NMD_ESCAPE", None)
    # What is no candidate has no class.
    assert gene.lof(gene.cds[28], "C") == (None, None, None)
    assert gene.lof(gene.cds[0], "C") == (None, None, None)


def test_splice_sites(tmp_path: Path, strand: str) -> None:
    gene = Gene(tmp_path / "m", strand)
    donor, acceptor = gene.exons[0][1] + 1, gene.exons[1][0] - 1
    assert gene.lof(donor, "A") == ("HC", None, None)
    assert gene.lof(acceptor, "C") == ("HC", None, None)
    assert gene.lof(donor + 3, "C") == (None, None, None)


def test_non_canonical_sites(tmp_path: Path, strand: str) -> None:
    odd = "ATAAGT" + INTRON[6:]
    gene = Gene(tmp_path / "a", strand, (odd, INTRON))
    donor = gene.exons[0][1] + 1
    assert gene.lof(donor, "C") == ("LC", "NON_CAN_SPLICE", None)
    assert gene.stop(10) == ("LC", "NON_CAN_SPLICE_SURR", None)
    # Exon 2 follows the odd intron, but that ends with AG.
    assert gene.stop(50) == ("HC", None, None)
    # GC-AG is canonical here.
    gc = Gene(tmp_path / "b", strand, ("GCAAGT" + INTRON[6:], INTRON))
    assert gc.lof(donor, "A") == ("HC", None, None)
    ac = Gene(tmp_path / "c", strand, (INTRON[:-2] + "AC", INTRON))
    assert ac.stop(50) == ("LC", "NON_CAN_SPLICE_SURR", None)
    # Nobody knows what N is.
    unknown = Gene(tmp_path / "d", strand, (INTRON[:-2] + "NN", INTRON))
    assert unknown.stop(50) == ("HC", None, None)


def test_small_introns(tmp_path: Path, strand: str) -> None:
    gene = Gene(tmp_path / "m", strand, ("GTAAGTCCCCTCAG", INTRON))
    assert gene.lof(gene.exons[0][1] + 1, "A") == ("LC", "SMALL_INTRON", None)
    assert gene.stop(10) == ("LC", "NON_CAN_SPLICE_SURR", None)


def test_splicing_of_utrs(tmp_path: Path, strand: str) -> None:
    gene = Gene(tmp_path / "m", strand, leader=INTRON)
    assert gene.lof(gene.exons[0][1] + 1, "A") == ("LC", "5UTR_SPLICE", None)
    assert gene.lof(gene.exons[1][1] + 1, "A") == ("HC", None, None)


def test_flags_leave_it_high(tmp_path: Path, strand: str) -> None:
    nagnag = Gene(tmp_path / "a", strand, (INTRON[:-3] + "CAGCAG", INTRON))
    acceptor = nagnag.exons[1][0] - 1
    assert nagnag.lof(acceptor, "C") == ("HC", None, "NAGNAG_SITE")
    assert nagnag.lof(nagnag.exons[0][1] + 1, "A") == ("HC", None, None)
    single = Gene(tmp_path / "b", strand, (), ("".join(PARTS),))
    assert single.stop(90) == ("HC", None, "SINGLE_EXON")
    assert single.stop(97) == ("LC", "END_TRUNC", "SINGLE_EXON")


def test_transcripts_that_are_not_whole_or_not_coding(tmp_path: Path, strand: str) -> None:
    for i, tag in enumerate(("cds_start_NF", "cds_end_NF")):
        gene = Gene(tmp_path / str(i), strand, extra=f";tag=basic,{tag}")
        assert gene.stop(10) == ("LC", "INCOMPLETE_CDS", None)
        row = consequences(gene.model, alleles((gene.n // 2, gene.held[gene.n // 2 - 1], "N")))
        assert row["flags"][0] == tag
    decay = Gene(tmp_path / "d", strand, biotype="nonsense_mediated_decay")
    assert decay.stop(10) == (None, None, None)


def test_a_slippage_does_not_begin_another_last_exon(tmp_path: Path, strand: str) -> None:
    # Exon 2 is the last; in its midst the CDS jumps over a base.
    first, last = "ATG" + "GAA" * 39, "GAA" * 25 + "T" + "GAA" * 70 + "TAA"
    text = UP + first + INTRON + last + UTR3 + TAIL
    at = len(UP + first + INTRON) + 1
    exons = [(11, 10 + len(first)), (at, at - 1 + len(last + UTR3))]
    cds = [exons[0], (at, at + 74), (at + 76, at + len(last) - 1)]
    pos, change, n = at + 30, ("G", "T"), len(text)
    if strand == "-":
        text, pos, change = reverse_complement(text), n + 1 - pos, ("C", "A")
        exons, cds = ([(n + 1 - b, n + 1 - a) for a, b in x[::-1]] for x in (exons, cds))
    # 45 bases from the slippage it would be near the end of another exon; 75 it is not.
    model = build(tmp_path / "m", text, rows(exons, cds, strand=strand))
    assert model.has_slippage
    for shift in (0, -30):
        place = pos + shift if strand == "+" else pos - shift
        row = consequences(model, alleles((place, *change))).row(0, named=True)
        assert (row["lof"], row["lof_reasons"]) == ("LC", "NMD_ESCAPE")


def test_insertion_between_exon_and_intron_is_of_neither(tmp_path: Path) -> None:
    gene = Gene(tmp_path / "m", "+")
    end = gene.exons[0][1]
    frame = alleles((end, gene.text[end - 1], gene.text[end - 1] + "C"))
    row = consequences(gene.model, frame).row(0, named=True)
    if "frameshift_variant" in row["consequence"]:
        assert (row["lof"], row["lof_reasons"]) == ("LC", "EXON_INTRON_UNDEF")


def test_every_reason_is_in_the_docs() -> None:
    page = Path(__file__).parents[2] / "docs" / "loss-of-function.md"
    text = page.read_text()
    assert [n for n in (*REASONS, *FLAGS) if f"`{n}`" not in text] == []
