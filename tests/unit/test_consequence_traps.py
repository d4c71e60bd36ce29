"""The traps of batch consequence calling, one named test each, on a gene one can read.

Numbers are those of the trap list in the design notes. The gene (forward): 10 bases
upstream, exon 1 with a 5' UTR of 6 and `ATG GCT AAA GG`, an intron of 40 (GT...AG),
exon 2 with `T CTG TGT GAC TAA` and a 3' UTR of 8, and a tail.
"""

from pathlib import Path

import polars as pl
import pytest
from gene_builders import alleles, build, call, gff3_text, reverse_complement, terms
from gene_builders import transcript_rows as rows

from varhouse.consequence import consequences
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer
from varhouse.transcripts.genemodel import GeneModel

UP, UTR5, CDS1 = "TTTTTTTTTT", "CCACCC", "ATGGCTAAAGG"
INTRON = "GTAAGTCCCC" + "CATCATCATC" + "CATCATCTTC" + "TTCTTTTCAG"
CDS2, UTR3, TAIL = "TCTGTGTGACTAA", "GGCCTTGG", "A" * 30
GENE = UP + UTR5 + CDS1 + INTRON + CDS2 + UTR3 + TAIL
EXONS = [(11, 27), (68, 88)]
CDS = [(17, 27), (68, 80)]


@pytest.fixture(scope="module")
def forward(tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    return build(tmp_path_factory.mktemp("f") / "m", GENE, rows(EXONS, CDS))


@pytest.fixture(scope="module")
def reverse(tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    """The same gene on the other strand: base p is base mirror(p)."""
    return build(
        tmp_path_factory.mktemp("r") / "m",
        reverse_complement(GENE),
        rows(
            [(mirror(b), mirror(a)) for a, b in EXONS[::-1]],
            [(mirror(b), mirror(a)) for a, b in CDS[::-1]],
            strand="-",
        ),
    )


def mirror(pos: int) -> int:
    return len(GENE) + 1 - pos


def insertion(model: GeneModel, after: int, bases: str, name: str = "T") -> dict[str, object]:
    """Insert bases behind a position (VCF notation with the base before)."""
    return call(model, after, GENE[after - 1], GENE[after - 1] + bases, name)


def deletion(model: GeneModel, first: int, last: int, name: str = "T") -> dict[str, object]:
    return call(model, first - 1, GENE[first - 2 : last], GENE[first - 2], name)


def test_fixture_reads_as_described(forward: GeneModel) -> None:
    assert bytes(b"ACGTN"[i] for i in forward.cdna) == (UTR5 + CDS1 + CDS2 + UTR3).encode()
    assert GENE[27:29] == "GT"
    assert GENE[65:67] == "AG"


@pytest.mark.parametrize(
    ("after", "bases", "expected"),
    [
        (10, "AA", "upstream_gene_variant"),
        (88, "AA", "downstream_gene_variant"),
        (11, "AA", "5_prime_UTR_variant"),
        (27, "AA", "frameshift_variant&splice_region_variant"),
        (28, "AA", "splice_donor_variant"),
        (29, "AA", "splice_region_variant&intron_variant"),
        (16, "AA", "5_prime_UTR_variant"),
        (80, "AA", "3_prime_UTR_variant"),
    ],
)
def test_01_insertion_at_an_edge(
    forward: GeneModel, after: int, bases: str, expected: str
) -> None:
    assert insertion(forward, after, bases)["consequence"] == expected


def test_01_insertion_between_codons_has_no_ref_codon(forward: GeneModel) -> None:
    found = insertion(forward, 22, "CCC")
    assert found["consequence"] == "inframe_insertion"
    assert (found["codons"], found["amino_acids"]) == ("-/CCC", "-/P")
    assert (found["protein_start"], found["protein_end"]) == (2, 3)
    assert (found["cds_start"], found["cds_end"]) == (6, 7)


def test_02_deletion_across_exon_and_intron(forward: GeneModel) -> None:
    found = deletion(forward, 26, 29)
    assert found["consequence"] == "splice_donor_variant&coding_sequence_variant"
    assert (found["exon"], found["intron"]) == ("1/2", "1/1")
    assert (found["cds_start"], found["cds_end"]) == (10, None)
    assert found["codons"] is None
    assert (
        deletion(forward, 66, 69)["consequence"]
        == "splice_acceptor_variant&coding_sequence_variant"
    )


def test_03_insertion_that_changes_a_residue_and_adds(forward: GeneModel) -> None:
    # AAA -> A CCC AA: K becomes TQ.
    found = insertion(forward, 23, "CCC")
    assert found["consequence"] == "protein_altering_variant"
    assert (found["codons"], found["amino_acids"]) == ("aaa/aCCCaa", "K/TQ")


def test_04_frameshift_with_a_stop_in_the_touched_codons(forward: GeneModel) -> None:
    found = insertion(forward, 22, "TAAC")
    assert found["consequence"] == "stop_gained&frameshift_variant"
    # A stop further on is not looked for.
    assert insertion(forward, 22, "CC")["consequence"] == "frameshift_variant"


def test_05_inframe_deletion_is_on_codons(forward: GeneModel) -> None:
    found = deletion(forward, 71, 73)
    # tCTG tgt -> the codons' ends stay: GGT CTG TGT -> CTG removed.
    assert found["consequence"].split("&")[0] == "inframe_deletion"
    assert deletion(forward, 21, 23)["consequence"] == "inframe_deletion"


def test_06_start_lost_and_start_retained(forward: GeneModel, tmp_path: Path) -> None:
    assert terms(forward, 17, "A", "C") == "start_lost"
    # CC ATG -> ACC|ATG again: the sequence before still ends in the start codon.
    assert deletion(forward, 17, 19)["consequence"] == "start_lost&inframe_deletion"
    no_utr = build(
        tmp_path / "m",
        CDS1 + INTRON + CDS2 + TAIL,
        rows([(1, 11), (52, 64)], [(1, 11), (52, 64)]),
    )
    assert terms(no_utr, 3, "G", "A") == "start_lost"


def test_07_start_that_is_no_atg(tmp_path: Path) -> None:
    model = build(tmp_path / "m", GENE.replace("ATGGCT", "CTGGCT"), rows(EXONS, CDS))
    # Whatever the codon, a protein begins with Met.
    assert terms(model, 17, "C", "A") == "start_retained_variant"
    # CTG -> TTG: still leucine, yet no ATG.
    assert terms(model, 17, "C", "T") == "start_lost"


def test_08_stop_lost_by_mnv(forward: GeneModel) -> None:
    assert GENE[77:80] == "TAA"
    assert terms(forward, 78, "TA", "CC") == "stop_lost"
    # VEP has stop_lost for an MNV only where it is inside the CDS.
    assert terms(forward, 80, "AG", "CC") == "stop_lost&3_prime_UTR_variant"
    assert terms(forward, 80, "AG", "GC") == "stop_retained_variant&3_prime_UTR_variant"


@pytest.mark.parametrize(("first", "last"), [(79, 81), (80, 82)])
def test_09_stop_that_the_next_bases_restore(tmp_path: Path, first: int, last: int) -> None:
    """`TAA|TAAGG` without three bases over the border still reads TAA."""
    gene = GENE.replace(CDS2 + UTR3, CDS2 + "TAAGGCCT")
    model = build(tmp_path / "m", gene, rows(EXONS, CDS))
    found = terms(model, first - 1, gene[first - 2 : last], gene[first - 2])
    assert found == "stop_retained_variant&3_prime_UTR_variant"


def test_10_insertion_before_the_stop_that_loses_the_frame(forward: GeneModel) -> None:
    """VEP says stop_retained for `-/X`; the length is no multiple of 3."""
    found = insertion(forward, 77, "TA")
    assert (found["consequence"], found["amino_acids"]) == ("frameshift_variant", "-/X")
    # A whole stop codon before the stop: the protein stays as it was.
    whole = insertion(forward, 77, "TGA")["consequence"]
    assert whole == "inframe_insertion&stop_retained_variant"


def test_11_cds_that_is_no_multiple_of_three(tmp_path: Path) -> None:
    model = build(
        tmp_path / "m", GENE, rows(EXONS, [(17, 27), (68, 76)], extra=";tag=cds_end_NF")
    )
    found = call(model, 76, "A", "C")
    assert found["consequence"] == "incomplete_terminal_codon_variant&coding_sequence_variant"
    assert found["codons"] == "gA/gC"
    assert found["amino_acids"] == "X"


def test_12_first_phase_is_padded(tmp_path: Path) -> None:
    model = build(
        tmp_path / "m",
        GENE,
        rows(EXONS, [(18, 27), (68, 80)], phase=2, extra=";tag=cds_start_NF"),
    )
    # NTG: no start codon is known, so none can be lost.
    found = call(model, 18, "T", "A")
    assert found["consequence"] == "coding_sequence_variant"
    assert found["amino_acids"] == "X"
    assert found["codons"] == "nTg/nAg"
    # The next codons are in frame.
    assert terms(model, 21, "C", "A") == "missense_variant"
    assert call(model, 21, "C", "A")["protein_start"] == 2


def names(
    folder: Path, model: GeneModel, pos: int, ref: str, alt: str, as_vep: bool = False
) -> tuple[str | None, str | None]:
    """HGVS names of an allele on the one transcript, without their prefixes."""
    with OpenedReference(folder / "r.fa") as reference:
        describe = Describer(model, reference, as_vep=as_vep)
        found = consequences(model, alleles((pos, ref, alt)), describe=describe)
    hgvsc, hgvsp = found["hgvsc"][0], found["hgvsp"][0]
    return hgvsc and hgvsc.split(":")[1], hgvsp and hgvsp.split(":")[1]


def test_13_numbers_behind_an_incomplete_first_codon(tmp_path: Path) -> None:
    """One numbering by default; with `as_vep` the padding counts for SNVs, as in VEP."""
    sequence = UP + "GGCTAAAGG" + INTRON + CDS2 + UTR3 + TAIL
    exons = [(11, 19), (60, 80)]
    model = build(tmp_path / "m", sequence, rows(exons, [(11, 19), (60, 72)], phase=1))
    assert names(tmp_path / "m", model, 13, "C", "A")[0] == "c.3C>A"
    assert names(tmp_path / "m", model, 13, "C", "A", as_vep=True)[0] == "c.5C>A"
    for vep in (False, True):
        assert names(tmp_path / "m", model, 12, "GC", "G", as_vep=vep)[0] == "c.3del"
        assert names(tmp_path / "m", model, 20, "G", "A", as_vep=vep)[0] == "c.9+1G>A"


def test_14_tiny_intron_has_no_splice_sites(tmp_path: Path) -> None:
    sequence = UP + UTR5 + "ATGGCTAAA" + "GTCCCAG" + "GGTCTGTGTGACTAA" + UTR3 + TAIL
    model = build(tmp_path / "m", sequence, rows([(11, 25), (33, 55)], [(17, 25), (33, 47)]))
    found = call(model, 26, "G", "A")
    assert "splice" not in str(found["consequence"])
    assert "intron_variant" not in str(found["consequence"])


@pytest.mark.parametrize("size", [1, 2])
def test_15_exon_of_one_or_two_bases(tmp_path: Path, size: int) -> None:
    sequence = UP + UTR5 + CDS1 + INTRON + "TC"[:size] + INTRON + CDS2 + UTR3 + TAIL
    middle = (68, 67 + size)
    last = (108 + size, 128 + size)
    model = build(
        tmp_path / "m",
        sequence,
        rows([(11, 27), middle, last], [(17, 27), middle, (last[0], last[0] + 12)]),
    )
    for pos in range(1, len(sequence) - 4):
        ref = sequence[pos - 1]
        frame = alleles(
            (pos, ref, "A" if ref != "A" else "C"),
            (pos, ref, ref + "CG"),
            (pos, sequence[pos - 1 : pos + 3], ref),
        )
        assert consequences(model, frame).height == 3
    assert terms(model, 68, "T", "A") == "splice_region_variant&synonymous_variant"


def test_16_splice_terms_exclude_each_other(forward: GeneModel) -> None:
    by_place = {
        p: terms(forward, p, GENE[p - 1], "A" if GENE[p - 1] != "A" else "C")
        for p in range(24, 72)
    }
    assert by_place[28] == by_place[29] == "splice_donor_variant"
    assert by_place[30] == "splice_donor_region_variant&intron_variant"
    assert by_place[32] == "splice_donor_5th_base_variant&intron_variant"
    assert by_place[34] == "splice_region_variant&intron_variant"
    assert by_place[36] == "intron_variant"
    assert by_place[51] == "splice_polypyrimidine_tract_variant&intron_variant"
    assert by_place[50] == "intron_variant"
    assert by_place[65] == (
        "splice_region_variant&splice_polypyrimidine_tract_variant&intron_variant"
    )
    assert by_place[66] == by_place[67] == "splice_acceptor_variant"
    assert "splice_region_variant" in by_place[27]
    # No tract term where an exon base is touched.
    assert "polypyrimidine" not in str(deletion(forward, 60, 70)["consequence"])


def test_17_utr_term_needs_an_exon_base(forward: GeneModel, tmp_path: Path) -> None:
    assert deletion(forward, 12, 13)["consequence"] == "5_prime_UTR_variant"
    model = build(tmp_path / "m", GENE, rows(EXONS, [(68, 80)]))
    assert terms(model, 40, GENE[39], "A") == "intron_variant"
    assert terms(model, 12, GENE[11], "A") == "5_prime_UTR_variant"


def test_18_non_coding_insertions_need_exon_on_both_sides(tmp_path: Path) -> None:
    model = build(tmp_path / "m", GENE, rows(EXONS, biotype="lncRNA"))
    assert insertion(model, 15, "AA")["consequence"] == "non_coding_transcript_exon_variant"
    at_edge = str(insertion(model, 27, "AA")["consequence"])
    assert at_edge == "splice_region_variant&non_coding_transcript_variant"
    no_cds = build(tmp_path / "n", GENE, rows(EXONS))
    assert terms(no_cds, 40, GENE[39], "A") == "intron_variant"


def test_19_nmd_is_added_to_every_term_inside(tmp_path: Path) -> None:
    model = build(tmp_path / "m", GENE, rows(EXONS, CDS, biotype="nonsense_mediated_decay"))
    assert terms(model, 21, "C", "A") == "missense_variant&NMD_transcript_variant"
    assert terms(model, 40, GENE[39], "A") == "intron_variant&NMD_transcript_variant"
    assert insertion(model, 22, "C")["consequence"] == (
        "frameshift_variant&NMD_transcript_variant"
    )
    assert terms(model, 5, "T", "A") == "upstream_gene_variant"


def test_20_deletion_of_a_whole_transcript(tmp_path: Path) -> None:
    both = rows(EXONS, CDS) + rows([(80, 112)], name="U", gene="H", biotype="lncRNA")
    model = build(tmp_path / "m", GENE, both)
    assert deletion(model, 11, 88)["consequence"] == "transcript_ablation"
    other = deletion(model, 11, 88, "U")["consequence"]
    assert other == "non_coding_transcript_exon_variant"
    assert call(model, 10, GENE[9:70], GENE[9])["exon"] == "1-2/2"


def test_21_five_thousand_bases_by_strand(tmp_path: Path) -> None:
    sequence = "A" * 6000 + "C" * 100 + "A" * 6000
    both = rows([(6001, 6100)], name="F", biotype="lncRNA")
    both += rows([(6001, 6100)], name="R", gene="H", strand="-", biotype="lncRNA")
    model = build(tmp_path / "m", sequence, both)
    for pos, forward_term, distance in (
        (1001, "upstream_gene_variant", 5000),
        (6000, "upstream_gene_variant", 1),
        (6101, "downstream_gene_variant", 1),
        (11100, "downstream_gene_variant", 5000),
    ):
        other = {"up": "downstream", "do": "upstream"}[forward_term[:2]] + "_gene_variant"
        found = call(model, pos, "A", "G", "F")
        assert (found["consequence"], found["distance"]) == (forward_term, distance)
        assert terms(model, pos, "A", "G", "R") == other
    for pos in (1000, 11101):
        assert consequences(model, alleles((pos, "A", "G"))).is_empty()


def test_22_shared_bases_are_taken_off_an_mnv(forward: GeneModel) -> None:
    """VEP gives the positions of the whole block; here the allele is what changes."""
    block, single = call(forward, 20, "GCT", "ACT"), call(forward, 20, "G", "A")
    same = ["consequence", "cds_start", "cds_end", "codons", "amino_acids", "hgvsc"]
    assert [block[k] for k in same] == [single[k] for k in same]
    # What is left is one block: its splice site is that of all its bases.
    assert terms(forward, 26, "GGGT", "CGGA") == (
        "splice_donor_variant&coding_sequence_variant"
    )


def test_23_names_are_shifted_terms_are_not(tmp_path: Path, forward: GeneModel) -> None:
    """The last base of exon 1 is deleted; its name moves into the intron."""
    model = build(tmp_path / "m", GENE, rows(EXONS, CDS))
    assert GENE[25:28] == "GGG"
    assert terms(model, 26, "GG", "G") == "frameshift_variant&splice_region_variant"
    assert names(tmp_path / "m", model, 26, "GG", "G") == ("c.11+1del", None)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_24_shifts_near_the_end_of_a_contig(tmp_path: Path, strand: str) -> None:
    """VEP looks 1,000 bases to each side and shifts wrongly on short contigs."""
    sequence = "ATGGCTAAAGGTCTGTGTGACTAA" + "C" * 12
    held = sequence if strand == "+" else reverse_complement(sequence)
    n = len(sequence)
    cds = [(1, 24)] if strand == "+" else [(n - 23, n)]
    model = build(tmp_path / "m", held, rows([(1, n)], cds, strand=strand))
    pos, ref, alt = (24, "AC", "A") if strand == "+" else (1, "GG", "G")
    assert names(tmp_path / "m", model, pos, ref, alt)[0] == "c.*12del"


def test_25_intron_before_the_last_base_of_the_cds(tmp_path: Path) -> None:
    """VEP names it `c.*-7`, which is no position."""
    sequence = UP + UTR5 + "ATGGCTAAATA" + INTRON + "A" + UTR3 + TAIL
    model = build(tmp_path / "m", sequence, rows([(11, 27), (68, 76)], [(17, 27), (68, 68)]))
    assert sequence[60] == "T"
    assert names(tmp_path / "m", model, 61, "T", "C")[0] == "c.12-7T>C"
    assert names(tmp_path / "m", model, 68, "A", "C")[0] == "c.12A>C"


def test_26_base_that_is_read_twice(tmp_path: Path) -> None:
    """One row that changes both codons (more in `test_slippage.py`)."""
    sequence = "C" + "ATGGCTAAAGGTTAATGA" + "C" * 20
    text = [
        ("gene", 2, 18, "+", ".", "ID=gene-V"),
        ("CDS", 2, 10, "+", "0", "ID=cds-P;Parent=gene-V"),
        ("CDS", 10, 18, "+", "0", "ID=cds-P;Parent=gene-V"),
    ]
    model = build(tmp_path / "m", sequence, text)
    found = call(model, 10, "A", "C", "P")
    assert (found["codons"], found["amino_acids"]) == ("aaAAgg/aaCCgg", "KR/NR")
    assert names(tmp_path / "m", model, 10, "A", "C") == (
        "c.9_10delinsCC",
        "p.Lys3Asn",
    )


def test_27_dialects_give_the_same_calls(forward: GeneModel, tmp_path: Path) -> None:
    gtf = []
    common = 'gene_id "G"; gene_name "NG"; transcript_id "T"; gene_biotype "protein_coding";'
    parts = [("CDS", 17, 27), ("CDS", 68, 77), ("stop_codon", 78, 80)]
    for kind, a, b in [*(("exon", *e) for e in EXONS), *parts]:
        gtf.append("\t".join(["c", "t", kind, str(a), str(b), ".", "+", "0", common]))
    model = build(tmp_path / "g", GENE, "\n".join(reversed(gtf)) + "\n")
    frame = alleles(
        *((p, GENE[p - 1], "ACGT"[("ACGT".index(GENE[p - 1]) + 1) % 4]) for p in range(5, 95))
    )
    drop = ["genes_digest", "canonical"]
    assert (
        consequences(model, frame).drop(drop).equals(consequences(forward, frame).drop(drop))
    )


def test_27_cds_without_transcript_and_transl_table(tmp_path: Path) -> None:
    sequence = "CCCC" + "ATGTGAGCTTAA" + "CCCC"
    text = [
        ("gene", 5, 16, "+", ".", "ID=gene-L1;Name=nsp;gene_biotype=protein_coding"),
        ("CDS", 5, 16, "+", "0", "ID=cds-P1;Parent=gene-L1;protein_id=P1;transl_table=4"),
    ]
    model = build(tmp_path / "m", sequence, text)
    # TGA is tryptophan in table 4, so its change to TGC is no lost stop.
    found = call(model, 10, "A", "C", "P1")
    assert (found["consequence"], found["amino_acids"]) == ("missense_variant", "W/C")
    assert (found["gene_id"], found["gene_name"]) == ("L1", "nsp")
    bacterial = build(tmp_path / "b", sequence, gff3_text(text).replace("table=4", "table=11"))
    assert terms(bacterial, 10, "A", "C", "P1") == "stop_lost"


def test_28_mitochondria_use_table_2(tmp_path: Path) -> None:
    sequence = "CCCC" + "ATGATAAGATGATAA" + "CCCC"
    contigs = Contigs([Contig("chrM", ["c"], "NC_012920.1"), Contig("chr9", ["d"])])
    both = gff3_text(rows([(5, 19)], [(5, 19)])) + gff3_text(
        rows([(5, 19)], [(5, 19)], name="U", gene="H"), "d"
    )
    model = build(tmp_path / "m", {"c": sequence, "d": sequence}, both, contigs)
    for pos, expected in ((8, "I/V M/V"), (11, "R/G */G"), (16, "*/C W/C")):
        ref = sequence[pos - 1]
        alt = "C" if pos == 16 else "G"
        standard = call(model, pos, ref, alt, "U", "chr9")["amino_acids"]
        mito = call(model, pos, ref, alt, "T", "chrM")["amino_acids"]
        assert f"{standard} {mito}" == expected
    assert call(model, 11, "A", "G", "T", "chrM")["consequence"] == "stop_lost"


def test_29_unknown_letters(tmp_path: Path) -> None:
    soft = GENE.replace("GCTAAA", "gcnaaa")
    model = build(tmp_path / "m", soft, rows(EXONS, CDS))
    found = call(model, 20, "G", "A")
    assert (found["consequence"], found["amino_acids"]) == ("coding_sequence_variant", "X")
    assert found["codons"] == "Gcn/Acn"
    assert terms(model, 24, "a", "c") == "missense_variant"
    assert call(model, 23, "A", "N")["consequence"] == "coding_sequence_variant"
    frame = alleles(*((21, "C", a) for a in ("*", "<DEL>", ".", "", "R", "C[c:9[", "<*>")))
    assert consequences(model, frame).is_empty()


def test_30_ref_that_is_not_the_references(tmp_path: Path) -> None:
    """Counted, and without a name: what it would say of the reference is not true."""
    model = build(tmp_path / "m", GENE, rows(EXONS, CDS))
    frame = alleles((20, "G", "A"), (21, "G", "A"), (21, "CTA", "C"), (21, "CTC", "C"))
    with OpenedReference(tmp_path / "m" / "r.fa") as reference:
        describe = Describer(model, reference)
        found = consequences(model, frame, describe=describe)
    named = found.filter(pl.col("hgvsc").is_not_null())
    assert named.select("pos", "ref").rows() == [(20, "G"), (21, "CTA")]
    assert describe.mismatches == 2


def test_31_transcripts_without_gene_or_row_are_kept(tmp_path: Path) -> None:
    lines = [r for r in rows(EXONS, CDS) if r[0] != "gene"]
    model = build(tmp_path / "m", GENE, lines)
    assert model.meta["counts"]["transcripts_without_gene_row"] == 1
    assert terms(model, 21, "C", "A") == "missense_variant"
    bare = build(tmp_path / "b", GENE, [r for r in lines if r[0] != "transcript"])
    assert bare.meta["counts"]["transcripts_without_row"] == 1
    assert terms(bare, 21, "C", "A") == "missense_variant"


def test_32_order_and_duplicate_genes(forward: GeneModel, tmp_path: Path) -> None:
    lines = rows(EXONS, CDS)
    model = build(tmp_path / "m", GENE, [*lines[::-1], lines[0]])
    frame = alleles((21, "C", "A"), (30, "A", "C"), (75, "G", "GTT"))
    drop = ["genes_digest"]
    assert (
        consequences(model, frame).drop(drop).equals(consequences(forward, frame).drop(drop))
    )


def test_33_selenocysteine_is_no_stop(tmp_path: Path) -> None:
    """More in `test_translation_exceptions.py`."""
    gene = GENE.replace("GCTAAA", "GCTTGA")
    sec = rows(EXONS, CDS, cds_extra=";transl_except=(pos:23..25%2Caa:Sec)")
    model = build(tmp_path / "m", gene, sec)
    assert call(model, 25, "A", "C")["amino_acids"] == "U/C"
    assert terms(model, 25, "A", "C") == "missense_variant&splice_region_variant"


def test_every_trap_has_a_test() -> None:
    found = {int(n[5:7]) for n in globals() if n.startswith("test_") and n[5:7].isdigit()}
    assert found == set(range(1, 34))


def test_strands_mirror_each_other(forward: GeneModel, reverse: GeneModel) -> None:
    """The reverse gene gives the same calls on mirrored alleles."""
    other = reverse_complement(GENE)
    for first in range(5, 100):
        for size in (1, 2, 3):
            last = first + size - 1
            a = deletion(forward, first, last)
            low, high = mirror(last), mirror(first)
            b = call(reverse, low - 1, other[low - 2 : high], other[low - 2])
            for column in (
                "terms",
                "exon",
                "intron",
                "cds_start",
                "cds_end",
                "amino_acids",
                "codons",
            ):
                assert a[column] == b[column], (first, last, column)


def test_most_severe_is_per_allele(tmp_path: Path) -> None:
    both = rows(EXONS, CDS) + rows(
        [(5, 110)], name="U", gene="H", biotype="lncRNA", extra=";tag=Ensembl_canonical"
    )
    model = build(tmp_path / "m", GENE, both)
    found = consequences(model, alleles((21, "C", "A"), (10, "T", "G")))
    assert found.select("pos", "transcript_id", "most_severe", "canonical").rows() == [
        (10, "T", False, False),
        (10, "U", True, True),
        (21, "T", True, False),
        (21, "U", False, True),
    ]
