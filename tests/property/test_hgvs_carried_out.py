"""Carrying out a name gives what the allele gives, on any small gene."""

import tempfile
from pathlib import Path

import polars as pl
from hgvs_reading import (
    Transcript,
    apply_to_genome,
    check_protein,
    edit_of,
    protein,
    reverse_complement,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer
from varhouse.hgvs import protein as protein_names
from varhouse.hgvs import transcript as transcript_names

LENGTH = 150
KEY = ["contig", "pos", "ref", "alt"]
# Repeats of one and two bases: what may be shifted.
PIECES = ["A", "C", "G", "T", "AC", "ACAC", "GG", "TTT", "CAG", "CAGCAG", "ATG"]


@st.composite
def genes(draw: st.DrawFn) -> tuple[str, Transcript]:
    genome = ""
    while len(genome) < LENGTH:
        genome += draw(st.sampled_from(PIECES))
    genome = genome[:LENGTH]
    n = draw(st.integers(1, 3))
    cuts = sorted(draw(st.sets(st.integers(20, 130), min_size=2 * n, max_size=2 * n)))
    exons = [(cuts[2 * i], cuts[2 * i + 1]) for i in range(n)]
    strand = draw(st.sampled_from("+-"))
    bases = [p for a, b in exons for p in range(a, b + 1)]
    cds: list[tuple[int, int]] = []
    if len(bases) >= 9 and draw(st.booleans()):
        first = draw(st.integers(0, len(bases) - 9))
        codons = draw(st.integers(3, (len(bases) - first) // 3))
        low, high = bases[first], bases[first + 3 * codons - 1]
        cds = [(max(a, low), min(b, high)) for a, b in exons if a <= high and b >= low]
    return genome, Transcript(exons, cds, strand)


def annotation(t: Transcript) -> str:
    low, high = t.exons[0][0], t.exons[-1][1]
    lines = [
        f"c\tt\tgene\t{low}\t{high}\t.\t{t.strand}\t.\tID=gene:G",
        f"c\tt\ttranscript\t{low}\t{high}\t.\t{t.strand}\t.\tID=transcript:T;Parent=gene:G",
    ]
    lines += [
        f"c\tt\texon\t{a}\t{b}\t.\t{t.strand}\t.\tParent=transcript:T" for a, b in t.exons
    ]
    done = 0
    for a, b in t.cds if t.strand == "+" else t.cds[::-1]:
        lines.append(
            f"c\tt\tCDS\t{a}\t{b}\t.\t{t.strand}\t{-done % 3}\tID=CDS:P;Parent=transcript:T"
        )
        done += b - a + 1
    return "##gff-version 3\n" + "\n".join(lines) + "\n"


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, int, str]:
    size = draw(st.sampled_from([0, 0, 1, 1, 2, 3, 3, 6, 9]))
    first = draw(st.integers(15, 135 - size))
    new = draw(st.sampled_from(["", "A", "C", "G", "T", "AC", "CAG", "TTAG", "ACACAC", "TGA"]))
    return first, first + size - 1, new


def vcf(genome: str, first: int, last: int, new: str) -> tuple[str, int, str, str]:
    old = genome[first - 1 : last]
    if old and new:
        return "c", first, old, new
    anchor = genome[first - 2]
    return "c", first - 1, anchor + old, anchor + new


def frame_of(rows: list[tuple[str, int, str, str]]) -> pl.DataFrame:
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


@settings(
    max_examples=20, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate]
)
@given(genes(), st.lists(edits(), min_size=20, max_size=40))
def test_names_do_what_the_alleles_do(
    gene: tuple[str, Transcript], changes: list[tuple[int, int, str]]
) -> None:
    genome, transcript = gene
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        (folder / "r.fa").write_text(f">c\n{genome}\n")
        (folder / "g.gff3").write_text(annotation(transcript))
        with OpenedReference(folder / "r.fa") as reference:
            model = load_genes(compile_genes(folder / "g.gff3", reference, folder / "m"))
            describe = Describer(model, reference)
            alleles = frame_of([vcf(genome, *c) for c in changes]).filter(
                pl.col("ref") != pl.col("alt")
            )
            found = consequences(model, alleles, describe=describe)
            names = {
                (r["pos"], r["ref"], r["alt"]): (r["hgvsc"], r["hgvsp"], r["distance"])
                for r in found.to_dicts()
            }
            shifted = []
            for (pos, ref, alt), (hgvsc, hgvsp, distance) in names.items():
                edited = genome[: pos - 1] + alt + genome[pos - 1 + len(ref) :]
                if hgvsc is None:
                    # Past the end of the transcript the edit has no c. name.
                    assert hgvsp in (None, "P:p.Met1?")
                    continue
                assert distance is None
                name = hgvsc.split(".", 1)[1]
                assert apply_to_genome(name, transcript, genome) == edited, name
                edit = edit_of(name, transcript, genome)
                # Written as doubled bases, a copy of the outermost base stands outside.
                ends = {transcript.exons[0][0], transcript.exons[-1][1]}
                if not (name.endswith("dup") and ends & {edit[0], edit[1]}):
                    shifted.append((hgvsc, vcf(genome, *edit)))
                if hgvsp is not None:
                    _check(hgvsp.split(".", 1)[1], name, genome, transcript)
            # Described again from where it was shifted to, an allele has the same name.
            again = frame_of([v for _, v in shifted])
            rows = pl.Series(range(again.height), dtype=pl.Int64).to_numpy()
            compiled = _versions()
            second = describe(again, rows, rows * 0).hgvsc.to_list()
            assert second == [n for n, _ in shifted]
            # Nor is code compiled anew for numbers that are not those of a frame.
            assert not shifted or _versions() == compiled


def _versions() -> list[int]:
    return [len(f.signatures) for f in (transcript_names._write_all, protein_names._write_all)]


def _check(hgvsp: str, name: str, genome: str, transcript: Transcript) -> None:
    """Check a p. name on the proteins of the spliced transcript, before and after."""
    first, last, new = edit_of(name, transcript, genome)
    if name.endswith("dup"):
        # The copy stands on the 3' side; that may be an exon's edge.
        new = genome[first - 1 : last]
        first, last = (last + 1, last) if transcript.strand == "+" else (first, first - 1)
    marked = [p for a, b in transcript.exons for p in range(a, b + 1)]
    before = [p for p in marked if p < first]
    behind = [p for p in marked if p > last]
    sense = "".join(genome[p - 1] for p in before) + new
    sense += "".join(genome[p - 1] for p in behind)
    coding = transcript.exonic(transcript.cds)
    spliced = transcript.spliced(genome)
    start = transcript.exonic(transcript.exons).index(coding[0])
    edited = sense if transcript.strand == "+" else reverse_complement(sense)
    if hgvsp == "?":
        return
    if "*" in protein(spliced[start : start + len(coding) - 3], 0):
        # A CDS with a stop codon in it: names behind it describe no protein.
        return
    # Without a stop codon at the end of the CDS both run on.
    ref, new = protein(spliced, start), protein(edited, start)
    if hgvsp.startswith("Met1"):
        # Proteins begin with Met, whatever their first codon.
        ref, new = "M" + ref[1:], "M" + new[1:]
    check_protein(hgvsp, ref, new)
