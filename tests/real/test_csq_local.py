"""bcftools' own test cases of `csq --local-csq`: each agrees, or its difference is named.

Terms are compared per record over the transcripts that csq names, after what csq has no
words for is taken out by rule. `docs/consequence-differences.md` says who is right.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from varhouse.consequence import consequences
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import OpenedReference
from varhouse.normalise import normalise_alleles
from varhouse.transcripts.genemodel import GeneModel

FOLDER = "consequence/bcftools-csq"
DOCS = Path(__file__).parents[2] / "docs" / "consequence-differences.md"

NAMES = {
    "5_prime_utr": "5_prime_UTR_variant", "3_prime_utr": "3_prime_UTR_variant",
    "frameshift": "frameshift_variant", "inframe_deletion": "inframe_deletion",
    "inframe_insertion": "inframe_insertion", "intron": "intron_variant",
    "missense": "missense_variant", "NMD_transcript": "NMD_transcript_variant",
    "non_coding": "non_coding_transcript_exon_variant",
    "splice_acceptor": "splice_acceptor_variant", "splice_donor": "splice_donor_variant",
    "splice_region": "splice_region_variant", "start_lost": "start_lost",
    "stop_gained": "stop_gained", "stop_lost": "stop_lost",
    "stop_retained": "stop_retained_variant", "synonymous": "synonymous_variant",
}  # fmt: skip
ONE_SPLICE_REGION = {"splice_donor_region_variant", "splice_donor_5th_base_variant"}
NOT_IN_CSQ = {
    "splice_polypyrimidine_tract_variant",
    "upstream_gene_variant",
    "downstream_gene_variant",
}

SAMD11 = "ENST00000341065/"
DIFFERENCES: dict[tuple[str, int], tuple[set[str], set[str]]] = {
    ("ENST00000295641/not-a-start-lost", 79): (
        {"missense_variant"}, {"start_retained_variant"},
    ),
    (SAMD11 + "frame3", 19026): (
        {"inframe_deletion", "splice_acceptor_variant", "synonymous_variant"},
        {"inframe_deletion", "splice_region_variant"},
    ),
    (SAMD11 + "splice-acceptor-donor1", 16255): (
        {"intron_variant"}, {"splice_region_variant"},
    ),
    (SAMD11 + "splice-acceptor-donor2", 16255): (set(), {"splice_region_variant"}),
    (SAMD11 + "splice-acceptor-donor5", 16427): (
        {"splice_region_variant", "synonymous_variant"}, {"intron_variant"},
    ),
    (SAMD11 + "splice-acceptor-donor6", 18365): (set(), {"intron_variant"}),
    (SAMD11 + "splice-acceptor-donor7", 18371): (
        {"splice_region_variant"}, {"splice_acceptor_variant"},
    ),
    (SAMD11 + "splice-acceptor-donor9", 18498): (set(), {"intron_variant"}),
    ("ENST00000573314/incorrect-insertion-overlap", 32388): (
        {"NMD_transcript_variant", "frameshift_variant"}, set(),
    ),
}  # fmt: skip
"""(folder/case, position): what csq says and what we say, where no rule makes them equal."""

NORMALISED = {
    (SAMD11 + "frame3", 19026): {"coding_sequence_variant", "splice_acceptor_variant"},
    (SAMD11 + "splice-acceptor-donor2", 16255): {"intron_variant"},
    (SAMD11 + "splice-acceptor-donor5", 16427): {"splice_region_variant"},
}
"""What we say of normalised alleles, where that is neither csq's answer nor the one above."""

HAPLOTYPES = {
    ("ENST00000269081/stop-gained-not-inframe-insertion", 46862, "AAT", "A"): (
        "frameshift_variant"
    ),
    ("ENST00000269081/stop-gained-not-inframe-insertion", 46859, "A", "G"): (
        "synonymous_variant"
    ),
    ("ENST00000269081/stop-gained-not-inframe-insertion", 35061, "A", "G"): "missense_variant",
    ("ENST00000269081/stop-gained-not-inframe-insertion", 8710, "G", "C"): "missense_variant",
    ("ENST00000269081/stop-gained-not-inframe-insertion", 7210, "C", "CACCTGGAA"): (
        "frameshift_variant&splice_region_variant"
    ),
    ("ENST00000381157/haploid-diploid", 31177, "C", "T"): "missense_variant",
    ("ENST00000381157/haploid-diploid", 31178, "G", "T"): "synonymous_variant",
    ("ENST00000580206/compound.ins-snv", 35750, "C", "CAAAAGA"): "protein_altering_variant",
    ("ENST00000580206/compound.ins-snv", 35751, "C", "A"): "missense_variant",
    ("ENST00000580206/compound.del-snv", 35750, "CCAG", "C"): "inframe_deletion",
    ("ENST00000580206/compound.del-snv", 35755, "A", "T"): "synonymous_variant",
    ("ENST00000580206/compound.del-ins", 35755, "A", "ACCT"): "inframe_insertion",
}
"""Alleles that csq reads together (`@46862`, `31177C>T+31178G>T`), and what we say of each."""


def cases(folder: Path) -> list[tuple[str, int, str, str, str]]:
    """Case, position, REF, ALT and csq's answer; files without a VCF are drawings."""
    found = []
    for path in sorted(folder.glob("*/*.txt-l")):
        if not path.with_suffix(".vcf").exists():
            continue
        lines = [x.split("\t") for x in path.read_text().splitlines() if x.strip()]
        # Each record has two lines: what its author expected, and what csq says.
        for pos, ref, alt, answer in lines[1::2]:
            name = f"{path.parent.name}/{path.name.removesuffix('.txt-l')}"
            found.append((name, int(pos), ref, alt, answer))
    return found


def of_csq(answer: str) -> set[str]:
    if answer == ".":
        return set()
    words = {w for entry in answer.split(",") for w in entry.split("|")[0].split("&")}
    return _plain({NAMES[w.lstrip("*")] for w in words})


def _plain(terms: set[str]) -> set[str]:
    """Give the terms as csq would: one splice region, an intron only for want of more."""
    held = {"splice_region_variant" if t in ONE_SPLICE_REGION else t for t in terms}
    held -= NOT_IN_CSQ
    return held - {"intron_variant"} if held - {"intron_variant"} else held


@dataclass
class Folder:
    """The model and reference of one of csq's folders."""

    model: GeneModel
    normalised: Callable[[pl.DataFrame], pl.DataFrame]

    def terms(
        self, pos: int, ref: str, alt: str, normal: bool = False, name: str | None = None
    ) -> set[str]:
        """Every term of an allele, over all transcripts or on one."""
        frame = pl.DataFrame(
            [(self.model.contigs[0], pos, ref, alt)],
            schema={"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String},
            orient="row",
        )
        if normal:
            frame = self.normalised(frame).select(frame.columns)
        found = consequences(self.model, frame)
        if name is not None:
            found = found.filter(pl.col("transcript_id") == name)
        return {t for text in found["consequence"].to_list() for t in text.split("&")}


@pytest.fixture(scope="module")
def opened(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Folder]]:
    out = tmp_path_factory.mktemp("csq")
    with ExitStack() as stack:

        @cache
        def of(name: str) -> Folder:
            own = data_dir / FOLDER / name
            (fasta,) = own.glob("*.fa")
            reference = stack.enter_context(OpenedReference(fasta))
            model = load_genes(compile_genes(own / f"{name}.gff", reference, out / name))
            return Folder(model, lambda frame: normalise_alleles(frame, reference))

        yield lambda case: of(case.split("/")[0])


def test_every_local_case(data_dir: Path, opened: Callable[[str], Folder]) -> None:
    held = cases(data_dir / FOLDER)
    assert len(held) == 36
    differ = {}
    for case, pos, ref, alt, answer in held:
        mine = _plain(opened(case).terms(pos, ref, alt))
        if mine != of_csq(answer):
            differ[case, pos] = (of_csq(answer), mine)
    assert differ == DIFFERENCES


def test_normalised_three_more_are_equal(
    data_dir: Path, opened: Callable[[str], Folder]
) -> None:
    """csq takes off shared bases behind first, VEP in front; normalised there is no choice."""
    differ = set()
    for case, pos, ref, alt, answer in cases(data_dir / FOLDER):
        mine = _plain(opened(case).terms(pos, ref, alt, normal=True))
        if mine == of_csq(answer):
            continue
        differ.add((case, pos))
        assert mine == NORMALISED.get((case, pos)) or mine == DIFFERENCES[case, pos][1]
    assert len(differ) == 6
    assert differ < set(DIFFERENCES)


def test_haplotype_cases(opened: Callable[[str], Folder]) -> None:
    for (case, pos, ref, alt), expected in HAPLOTYPES.items():
        name = "ENST00000358984" if "580206" in case else None
        assert opened(case).terms(pos, ref, alt, name=name) == set(expected.split("&"))


@pytest.mark.parametrize(
    "case", sorted({c for c, _ in DIFFERENCES} | {c for c, *_ in HAPLOTYPES})
)
def test_differences_are_in_the_docs(case: str) -> None:
    text = DOCS.read_text()
    folder, name = case.split("/")
    assert folder in text
    assert f"`{name}`" in text
