"""A slow reader of what people have: line by line, person by person, from the VCF text.

It shares no code with the package: files in, counts out, by rules said in plain words.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slow_sites import normal

NAMES = (
    "n_genotypes", "n_missing", "n_het", "n_hom_alt", "n_hemi", "n_ti", "n_tv",
    "n_insertion", "n_deletion", "n_singleton", "n_singleton_ti", "n_singleton_tv",
)  # fmt: skip
NO_ALLELES = {"<*>", "<NON_REF>", "<X>", "."}
TRANSITIONS = {("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")}

Key = tuple[str, int, str, str]
File = tuple[Sequence[str], Sequence[str]]
"""Names of its people, and its data lines."""


@dataclass
class Line:
    contig: str
    pos: int
    alts: list[str]
    keys: list[Key | None]
    """Normalised alleles; None: rejected, or none."""

    rejected: int
    gts: dict[str, str]


def kind_of(key: Key) -> str:
    _, _, ref, alt = key
    if set(alt) <= set("ACGT"):
        if len(ref) == len(alt) == 1:
            return "ti" if (ref, alt) in TRANSITIONS else "tv"
        if len(ref) == 1 and len(alt) > 1 and alt[0] == ref:
            return "insertion"
        if len(alt) == 1 and len(ref) > 1 and ref[0] == alt:
            return "deletion"
    return "other"


def read(files: Sequence[File], genome: Mapping[str, str]) -> list[Line]:
    """Read the files of a cohort; an allele that stands twice in files of the same people is
    rejected the second time."""
    seen: dict[tuple[str, ...], set[Key]] = defaultdict(set)
    out = []
    for people, lines in files:
        mine = seen[tuple(sorted(people))]
        for text in lines:
            contig, pos, _, ref, alt, _, _, _, form, *cells = text.split("\t")
            alts = alt.split(",")
            keys: list[Key | None] = []
            rejected = 0
            for a in alts:
                if a in NO_ALLELES:
                    keys.append(None)
                    continue
                key = (contig, *normal(genome[contig], int(pos), ref, a))
                keys.append(None if key in mine else key)
                rejected += key in mine
                mine.add(key)
            names = form.split(":")
            at = names.index("GT") if "GT" in names else None
            if at is None:
                continue
            gts = {p: c.split(":")[at] for p, c in zip(people, cells, strict=True)}
            out.append(Line(contig, int(pos), alts, keys, rejected, gts))
    return out


def is_kept(line: Line) -> bool:
    return line.alts == ["."] or line.rejected < len(line.alts)


def is_snv(line: Line) -> bool:
    kinds = [kind_of(k) for k in line.keys if k is not None]
    return bool(kinds) and set(kinds) <= {"ti", "tv"}


def copies(lines: Sequence[Line]) -> Counter[Key]:
    """Count the called copies of each allele of the cohort."""
    out: Counter[Key] = Counter()
    for line in lines:
        for gt in line.gts.values():
            for a in gt.replace("|", "/").split("/"):
                if a not in (".", "0", "") and (key := line.keys[int(a) - 1]) is not None:
                    out[key] += 1
    return out


def add(line: Line, gt: str, one_copy: bool, ac: Counter[Key], out: Counter[str]) -> None:
    """Add what one genotype of one person is; `one_copy`: a male where males have one."""
    alleles = gt.replace("|", "/").strip("/").split("/")
    called = [a for a in alleles if a != "."]
    keys = [line.keys[int(a) - 1] for a in called if a != "0"]
    held = [k for k in keys if k is not None]
    for key in held:
        kind = kind_of(key)
        out[f"n_{kind}"] += 1
        if ac[key] == 1:
            out["n_singleton"] += 1
            out[f"n_singleton_{kind}"] += 1
    out["n_genotypes"] += 1
    ploidy = 1 if one_copy and len(alleles) == 2 and len(called) == 1 else len(alleles)
    if len(called) < ploidy:
        out["n_missing"] += 1
    elif held and ploidy == 1:
        out["n_hemi"] += 1
    elif held and len(set(called)) == 1:
        out["n_hom_alt"] += 1
    elif held:
        out["n_het"] += 1


def count(
    files: Sequence[File],
    genome: Mapping[str, str],
    males: set[str],
    par: Mapping[str, tuple[int, int]],
) -> dict[tuple[str, str], Counter[str]]:
    """Count by person and group: a contig, "autosomes", "x" or "y" (SNVs outside of the PAR).

    `par`: the pseudo-autosomal interval of X and Y, 0-based, half-open.
    """
    lines = read(files, genome)
    ac = copies(lines)
    out: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in filter(is_kept, lines):
        sexed = line.contig in ("chrX", "chrY")
        low, high = par.get(line.contig, (0, 0))
        outside = sexed and not low <= line.pos - 1 < high
        groups = [line.contig]
        if not sexed and line.contig != "chrM":
            groups.append("autosomes")
        if outside and is_snv(line):
            groups.append(line.contig[-1].lower())
        for person, gt in line.gts.items():
            for group in groups:
                add(line, gt, outside and person in males, ac, out[person, group])
    return out
