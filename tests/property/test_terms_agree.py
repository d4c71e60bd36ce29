"""Terms and protein names of random alleles against transcripts that are edited and read.

Random genes, on both strands, with and without UTRs, of one to four exons with introns from
1 base on, begun within a codon or not, of several genetic codes, some with selenocysteine;
random alleles, most at start, stop and splice sites. The reader below is slow and plain, and
uses nothing of the package.
"""

import random
from dataclasses import dataclass
from itertools import combinations

import polars as pl
import pytest
from hgvs_reading import CODE, check_protein, reverse_complement

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.hgvs import Describer

GENES, ALLELES = 150, 120
OTHER = {1: {}, 11: {}, 4: {"TGA": "W"}, 2: {"TGA": "W", "ATA": "M", "AGA": "*", "AGG": "*"}}
STARTS = {
    1: {"ATG"},
    11: {"TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"},
    4: {"TTA", "TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"},
    2: {"ATT", "ATC", "ATA", "ATG", "GTG"},
}
FRAME = ("frameshift_variant", "inframe_insertion", "inframe_deletion")
CONTRADICT = {
    frozenset(pair)
    for group in (
        ("start_lost", "start_retained_variant"),
        ("stop_lost", "stop_retained_variant", "stop_gained"),
        (*FRAME, "missense_variant", "synonymous_variant", "protein_altering_variant"),
        ("start_lost", "synonymous_variant"),
        ("start_lost", "missense_variant"),
        ("start_lost", "inframe_insertion"),
        ("stop_gained", "synonymous_variant"),
        ("stop_gained", "missense_variant"),
        ("stop_lost", "missense_variant"),
        ("stop_lost", "synonymous_variant"),
        ("upstream_gene_variant", "5_prime_UTR_variant"),
    )
    for pair in combinations(group, 2)
}


@dataclass
class Gene:
    """A transcript: the genome (sense), its exons and CDS in it (0-based, half-open)."""

    contig: str
    genome: str
    exons: list[tuple[int, int]]
    first: int
    length: int
    strand: str
    code: int
    phase: int
    sec: int | None

    @property
    def spliced(self) -> list[int]:
        return [p for a, b in self.exons for p in range(a, b)]

    @property
    def cds(self) -> list[int]:
        return self.spliced[self.first : self.first + self.length]

    def read(self, bases: str) -> str:
        table = CODE | OTHER[self.code]
        whole = len(bases) // 3 * 3
        return "".join(table.get(bases[i : i + 3], "X") for i in range(0, whole, 3))


def make_gene(rng: random.Random, number: int) -> Gene:
    code = rng.choice([1, 1, 1, 11, 4, 2])
    table = CODE | OTHER[code]
    sense = [c for c, a in table.items() if a != "*"]
    stops = [c for c, a in table.items() if a == "*"]
    start = rng.choice(["ATG", "ATG", rng.choice(sorted(STARTS[code]))])
    codons = [start, *rng.choices(sense, k=rng.randint(4, 12)), rng.choice(stops)]
    sec = None
    if code in (1, 11) and rng.random() < 0.2:
        sec = rng.randint(1, len(codons) - 2)
        codons[sec] = "TGA"
    phase = rng.choice([0, 0, 0, 1, 2])
    # A CDS that begins within a codon has lost its first bases.
    cds = "".join(codons)[(3 - phase) % 3 :]
    utr = [rng.choice([0, 0, 3, 8]) for _ in range(2)]
    bases = "".join(rng.choices("ACGT", k=utr[0])) + cds
    bases += "".join(rng.choices("ACGT", k=utr[1]))
    cuts = sorted(rng.sample(range(1, len(bases)), rng.randint(0, 3)))
    genome, exons = "".join(rng.choices("ACGT", k=25)), []
    for a, b in zip([0, *cuts], [*cuts, len(bases)], strict=True):
        if a:
            genome += "".join(rng.choices("ACGT", k=rng.choice([1, 2, 3, 5, 12, 13, 14, 25])))
        exons.append((len(genome), len(genome) + b - a))
        genome += bases[a:b]
    genome += "".join(rng.choices("ACGT", k=25))
    return Gene(
        f"c{number}", genome, exons, utr[0], len(cds), rng.choice("+-"), code, phase, sec
    )


def annotation(g: Gene) -> str:
    n = len(g.genome)

    def placed(a: int, b: int) -> tuple[int, int]:
        return (a + 1, b) if g.strand == "+" else (n - b + 1, n - a)

    low, high = placed(g.exons[0][0], g.exons[-1][1])
    head = f"{g.contig}\tt\t{{}}\t{{}}\t{{}}\t.\t{g.strand}\t{{}}\t{{}}"
    lines = [
        head.format("gene", low, high, ".", f"ID=gene:G{g.contig};biotype=protein_coding"),
        head.format(
            "transcript",
            low,
            high,
            ".",
            f"ID=transcript:{g.contig};Parent=gene:G{g.contig};biotype=protein_coding",
        ),
    ]
    except_ = ""
    if g.sec is not None:
        lead = (3 - g.phase) % 3
        places = [placed(p, p + 1)[0] for p in g.cds[3 * g.sec - lead : 3 * g.sec - lead + 3]]
        if max(places) - min(places) == 2:
            except_ = f";transl_except=(pos:{min(places)}..{max(places)}%2Caa:Sec)"
        else:
            g.sec = -1
    done, coding = 0, set(g.cds)
    for a, b in g.exons:
        lines.append(head.format("exon", *placed(a, b), ".", f"Parent=transcript:{g.contig}"))
        own = [p for p in range(a, b) if p in coding]
        if own:
            text = f"ID=CDS:{g.contig};Parent=transcript:{g.contig};transl_table={g.code}"
            frame = (g.phase - done) % 3
            lines.append(
                head.format("CDS", *placed(own[0], own[-1] + 1), frame, text + except_)
            )
            done += len(own)
    return "\n".join(lines) + "\n"


def make_edit(rng: random.Random, g: Gene) -> tuple[int, int, str]:
    """Bases [first, last) of the sense genome and what replaces them."""
    edges = [
        g.cds[0],
        g.cds[-1],
        *(p for e in g.exons for p in e),
        rng.randint(20, len(g.genome) - 20),
    ]
    first = rng.choice(edges) + rng.randint(-5, 5)
    size = rng.choice([0, 0, 0, 1, 1, 2, 3, 3, 4, 6, 9, rng.randint(10, 60)])
    last = min(first + size, len(g.genome) - 5)
    new = rng.choice(["", "".join(rng.choices("ACGT", k=rng.choice([1, 1, 2, 3, 3, 4, 6])))])
    if rng.random() < 0.2:
        new = rng.choice(["TAG", "TAA", "CTAG", "GTAGC", "GCTTAAG", "ATG", "CATG"])
    return first, last, new


def vcf(g: Gene, first: int, last: int, new: str) -> tuple[str, int, str, str] | None:
    genome, n = g.genome, len(g.genome)
    if g.strand == "-":
        genome, new = reverse_complement(genome), reverse_complement(new)
        first, last = n - last, n - first
    old = genome[first:last]
    if old == new:
        return None
    anchor = "" if old and new else genome[first - 1]
    return g.contig, first + 1 - len(anchor), anchor + old, anchor + new


def trimmed(g: Gene, first: int, last: int, new: str) -> tuple[int, int, str]:
    """Take off what REF and ALT share: in front of the genome first, then behind."""

    def front(first: int, last: int, new: str) -> tuple[int, int, str]:
        while first < last and new and g.genome[first] == new[0]:
            first, new = first + 1, new[1:]
        return first, last, new

    def behind(first: int, last: int, new: str) -> tuple[int, int, str]:
        while first < last and new and g.genome[last - 1] == new[-1]:
            last, new = last - 1, new[:-1]
        return first, last, new

    steps = (front, behind) if g.strand == "+" else (behind, front)
    for step in steps:
        first, last, new = step(first, last, new)
    return first, last, new


@pytest.fixture(scope="module")
def annotated(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[Gene, tuple[int, int, str], dict[str, object]]]:
    rng = random.Random(9)
    genes = [make_gene(rng, i) for i in range(GENES)]
    text = "##gff-version 3\n" + "".join(annotation(g) for g in genes)
    held = {
        g.contig: g.genome if g.strand == "+" else reverse_complement(g.genome) for g in genes
    }
    folder = tmp_path_factory.mktemp("agree")
    (folder / "r.fa").write_text("".join(f">{n}\n{b}\n" for n, b in held.items()))
    (folder / "g.gff3").write_text(text)
    edits = {}
    for g in genes:
        for _ in range(ALLELES):
            edit = make_edit(rng, g)
            key = vcf(g, *edit)
            if key is not None:
                edits[key] = g, trimmed(g, *edit)
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    frame = pl.DataFrame(list(edits), schema=schema, orient="row")
    with OpenedReference(folder / "r.fa") as reference:
        model = load_genes(compile_genes(folder / "g.gff3", reference, folder / "m"))
        rows = consequences(model, frame, describe=Describer(model, reference))
    assert rows.height == len(edits) > 10_000
    return [(*edits[r["contig"], r["pos"], r["ref"], r["alt"]], r) for r in rows.to_dicts()]


Annotated = list[tuple[Gene, tuple[int, int, str], dict[str, object]]]


def terms_of(row: dict[str, object]) -> set[str]:
    return set(str(row["consequence"]).split("&"))


def test_no_term_contradicts_another(annotated: Annotated) -> None:
    for g, (first, last, new), row in annotated:
        terms = terms_of(row)
        assert "" not in terms, row
        pairs = {frozenset(p) for p in combinations(terms, 2)}
        retained = {"stop_retained_variant", "start_retained_variant"}
        assert not pairs & CONTRADICT, row
        # An intron that goes as a whole does not count.
        exonic = set(g.spliced)
        gain = len(new) - sum(p in exonic for p in range(first, last))
        if terms & {"inframe_insertion", "inframe_deletion"}:
            assert gain % 3 == 0, row
            assert (gain > 0) == ("inframe_insertion" in terms), row
        if "frameshift_variant" in terms:
            assert gain % 3, row
        if terms & {"missense_variant", "synonymous_variant"}:
            assert gain == 0, row
        # One of the two has to say what becomes of the frame, or that it is not known.
        if row["codons"] and gain % 3 and "frameshift_variant" not in terms:
            assert terms & (retained | {"incomplete_terminal_codon_variant"}), row


def test_no_text_holds_a_nul(annotated: Annotated) -> None:
    for _, _, row in annotated:
        for name, value in row.items():
            assert not isinstance(value, str) or value.isprintable(), (name, row)


@dataclass
class Reading:
    """What is read of a transcript before and after an edit."""

    touches_start: bool
    keeps_start: bool
    touches_stop: bool
    ref: str
    new: str
    unchanged: bool


def read(g: Gene, first: int, last: int, new: str) -> Reading | None:
    """Edit the spliced transcript and read it; None where an end is in no exon."""
    places = g.spliced
    if first == last:
        if first - 1 not in places and first not in places:
            return None
        at = places.index(first) if first in places else places.index(first - 1) + 1
        a = b = at
    else:
        if first not in places or last - 1 not in places:
            return None
        a, b = places.index(first), places.index(last - 1) + 1
    bases = "".join(g.genome[p] for p in places)
    edited = bases[:a] + new + bases[b:]
    begin, end = g.first, g.first + g.length
    cds = bases[begin:end]
    before = min(max(begin, 0), len(edited))
    if a == b:
        touches_start, touches_stop = begin < a < begin + 3, end - 3 < a < end
    else:
        touches_start, touches_stop = a < begin + 3 and b > begin, a < end and b > end - 3
    behind = len(bases) - end
    keeps_cds = edited[: len(edited) - behind].endswith(cds) and touches_start
    if keeps_cds:
        before = len(edited) - behind - len(cds)
    elif a < begin < b:
        before = begin + len(new) - (b - a)
    codon = edited[before : before + 3] if before >= 0 else ""
    keeps = codon in STARTS[g.code] or codon == cds[:3]

    def residues(sequence: str, old: bool) -> str:
        whole = g.read(sequence)
        letters = list(whole)
        # Selenocysteine stays where its codon stands as it was.
        if g.sec is not None:
            k = 3 * g.sec
            if old or (a >= begin + k + 3):
                letters[g.sec] = "U"
        text = "".join(letters)
        return text[: text.index("*") + 1] if "*" in text else text

    ref, alt = residues(bases[begin:], True), residues(edited[max(before, 0) :], False)
    if keeps:
        ref, alt = "M" + ref[1:], "M" + alt[1:]
    return Reading(touches_start, keeps, touches_stop, ref, alt, ref == alt)


LOW = {
    "stop_retained_variant", "start_retained_variant", "synonymous_variant", "intron_variant",
    "5_prime_UTR_variant", "3_prime_UTR_variant", "splice_region_variant",
    "splice_donor_region_variant", "splice_donor_5th_base_variant", "splice_donor_variant",
    "splice_acceptor_variant", "splice_polypyrimidine_tract_variant",
    "upstream_gene_variant", "downstream_gene_variant",
}  # fmt: skip


def readings(annotated: Annotated) -> list[tuple[Reading, dict[str, object], int]]:
    found = []
    for g, (first, last, new), row in annotated:
        if g.phase or g.sec is not None:
            continue
        reading = read(g, first, last, new)
        if reading is not None and "transcript_ablation" not in str(row["consequence"]):
            exonic = set(g.spliced)
            gain = len(new) - sum(p in exonic for p in range(first, last))
            found.append((reading, row, gain))
    assert len(found) > 3_500
    return found


def test_start_codons(annotated: Annotated) -> None:
    seen = 0
    for reading, row, _ in readings(annotated):
        terms = terms_of(row)
        if not reading.touches_start:
            assert not terms & {"start_lost", "start_retained_variant"}, row
            continue
        seen += 1
        assert ("start_lost" in terms) == (not reading.keeps_start), row
        assert ("start_retained_variant" in terms) == reading.keeps_start, row
        lost = str(row["hgvsp"]).endswith(":p.Met1?")
        assert lost == (not reading.keeps_start), row
    assert seen > 300


def test_stop_codons(annotated: Annotated) -> None:
    seen = 0
    for reading, row, _ in readings(annotated):
        terms = terms_of(row)
        if reading.touches_start and not reading.keeps_start:
            continue
        same = reading.new.endswith("*") and len(reading.new) == len(reading.ref)
        if "stop_retained_variant" in terms:
            assert same, row
        if "stop_lost" in terms:
            assert reading.touches_stop, row
            # In another frame a stop codon may stand in the same place by chance.
            assert not same or "frameshift_variant" in terms, row
        if reading.touches_stop and reading.unchanged:
            assert "stop_retained_variant" in terms, row
        if reading.touches_stop and len(reading.new) > len(reading.ref) + 3:
            assert "stop_lost" in terms, row
        seen += reading.touches_stop
    assert seen > 300


def test_proteins_that_stay_and_that_change(annotated: Annotated) -> None:
    for reading, row, gain in readings(annotated):
        terms = terms_of(row)
        if reading.touches_start and not reading.keeps_start:
            continue
        if reading.unchanged and row["cds_start"] and row["cds_end"]:
            rest = terms - LOW
            if "stop_retained_variant" in terms:
                # A stop codon put in before the old one, or taken out before another.
                rest -= {"inframe_insertion", "inframe_deletion"}
            # A frame that is lost and reads the same all the way is lost all the same.
            assert not rest - {"frameshift_variant"}, row
        if "missense_variant" in terms:
            assert not reading.unchanged, row
        if "synonymous_variant" in terms:
            assert reading.unchanged, row
        if "stop_gained" in terms and gain < 9:
            assert len(reading.new) < len(reading.ref) + max(gain, 0) // 3, row


def test_names_of_proteins(annotated: Annotated) -> None:
    """Carried out on the old protein, a name gives the new one."""
    seen = 0
    for reading, row, _ in readings(annotated):
        if row["hgvsp"] is None or str(row["hgvsp"]).endswith((":p.?", ":p.Met1?")):
            continue
        name = str(row["hgvsp"]).split(":p.")[1]
        check_protein(name, reading.ref, reading.new)
        assert "insTer" not in name, row
        if not reading.new.endswith("*"):
            assert name.endswith(("?", "fs", "=")) or "X" in reading.new, row
        seen += 1
    assert seen > 1_500
