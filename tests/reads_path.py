"""From reads to a gVCF by the functions of `varhouse.reads`, as its jobs do it, in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simreads import CopiesOf, Reads

from varhouse.reads.align import AlignSettings, align_lane
from varhouse.reads.callregion import CallSettings, call_region
from varhouse.reads.fastq import check_lane
from varhouse.reads.finish import finish_person
from varhouse.reads.gvcf import join_regions
from varhouse.reads.index import make_index
from varhouse.reads.model import Filters, Lane, Span

PLATFORMS = {"mgi": "DNBSEQ", "element": "ELEMENT"}


@dataclass
class Called:
    """What has become of a person's reads."""

    bam: Path
    gvcf: Path
    regions: list[Path]
    counts: dict[str, object]


@dataclass
class Way:
    """A reference, and how reads are called with it; files go to `folder`."""

    fasta: Path
    folder: Path
    span: int = 5_000_000
    align: AlignSettings = field(default_factory=AlignSettings)
    call: CallSettings = field(default_factory=CallSettings)
    filters: Filters = field(default_factory=Filters)

    def bam(self, name: str, lanes: Sequence[tuple[str, Reads]]) -> Path:
        """Align the lanes of a person, each with the platform it is of; give the BAM."""
        index = make_index(self.fasta, self.folder / "index")
        parts = []
        for number, (platform, reads) in enumerate(lanes, 1):
            form = "pairs" if len(reads.files) == 2 else "interleaved"
            if reads.files[0].name.endswith("_single.fastq.gz"):
                form = "single"
            files = [str(f) for f in reads.files]
            lane = Lane(
                "c", name, f"L{number}", name, PLATFORMS.get(platform, "ILLUMINA"), form, files
            )
            facts = check_lane(lane)
            assert not facts.problems, facts.problems
            parts.append(self.folder / f"{name}.{number}.bam")
            lane = replace(lane, form=facts.form)
            align_lane(lane, facts, index, parts[-1], settings=self.align, threads=1)
        out = self.folder / f"{name}.bam"
        finish_person(
            parts, out, fasta=index.fasta, sample=name, form="bam", mark=True, threads=1
        )
        return out

    def gvcf(
        self, name: str, bam: Path, copies: CopiesOf | None = None, stem: str = ""
    ) -> Called:
        """Call all contigs of the reference, in spans, and join them."""
        index = make_index(self.fasta, self.folder / "index")
        parts = []
        for contig, length in index.contigs:
            for start in range(0, length, self.span):
                parts.append(self.folder / f"{stem}{name}.regions" / f"{len(parts)}")
                parts[-1].parent.mkdir(exist_ok=True)
                span = Span(contig, start, min(length, start + self.span))
                own = (copies or {}).get(contig, ())
                call_region(
                    bam, index.fasta, span, parts[-1],
                    sample=name, copies=own, settings=self.call, panel=None,
                )  # fmt: skip
        out = self.folder / f"{stem}{name}.g.vcf.gz"
        counts = join_regions(
            parts, out, fasta=index.fasta, sample=name, header=(), filters=self.filters
        )
        return Called(bam, out, parts, counts)


def lanes_of(platform: str, *reads: Reads) -> list[tuple[str, Reads]]:
    """Name the platform of some lanes; those without reads are left out."""
    return [(platform, r) for r in reads if r.n_pairs]


def by_contig(rows: Mapping[str, Sequence[tuple[int, int, int]]]) -> CopiesOf:
    """Give copies as `call_region` wants them: only where they are not two."""
    return {c: [r for r in own if r[2] != 2] for c, own in rows.items()}
