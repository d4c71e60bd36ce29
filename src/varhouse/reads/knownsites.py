"""What files of known variants must be, told before a night of alignment goes by.

Base qualities are set right after all reads of somebody are aligned: what is wrong with these
files would be told then.
"""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import pysam

from varhouse.reads.filekind import kind_of, lacks_end

_ENDINGS = {"recalibrate": (".tbi", ".csi"), "gatk": (".tbi", ".idx")}
_BGZF = b"\x1f\x8b\x08\x04"
_MOST_NAMED = 5


def known_site_problems(known: Sequence[Path], program: str) -> list[str]:
    """List files of known variants that cannot be looked up by place, each with the fix.

    Parameters
    ----------
    known
        Files that are there.
    program
        `recalibrate` (of the package: VCF packed by bgzip, or BCF) or `gatk` (VCF).
    """
    found = (_problem(path, program) for path in known)
    return [text for text in found if text is not None]


def _problem(path: Path, program: str) -> str | None:
    kind, name = kind_of(path), shlex.quote(str(path))
    if kind not in ("vcf", "bcf"):
        return f"{path}: is no VCF; fix: name the right file"
    if kind == "bcf" and (program == "gatk" or path.suffix != ".bcf"):
        what = "GATK reads VCF alone" if program == "gatk" else "its name does not say so"
        return f"{path}: is a BCF: {what}; fix: {_packing(path)}"
    if kind == "vcf" and path.suffix == ".bcf":
        return f"{path}: is a VCF, and its name says BCF; fix: name it .vcf.gz"
    if lacks_end(path):
        return f"{path}: no end block: cut off; fix: copy it again"
    with path.open("rb") as file:
        head = file.read(16)
    is_bgzf = head[:4] == _BGZF and head[12:14] == b"BC"
    # GATK looks plain text up, too, by an index of its own.
    if not is_bgzf and (program != "gatk" or head[:2] == _BGZF[:2]):
        return f"{path}: is not packed by bgzip, so it has no index; fix: {_packing(path)}"
    if not any(Path(f"{path}{end}").exists() for end in _ENDINGS[program]):
        make = f"bcftools index {'-t ' if kind == 'vcf' else ''}{name}"
        if program == "gatk":
            make = f"gatk IndexFeatureFile -I {name}"
        return f"{path}: has no index; fix: {make}"
    return None


def _packing(path: Path) -> str:
    """Say how a file is packed and given an index."""
    bare = path.name
    for ending in (".gz", ".vcf", ".bcf"):
        bare = bare.removesuffix(ending)
    new = shlex.quote(f"{bare}.sorted.vcf.gz")
    return f"bcftools sort -Oz -o {new} {shlex.quote(path.name)} && bcftools index -t {new}"


def strange_sites(known: Sequence[Path], contigs: Collection[str]) -> str | None:
    """Say that no file has a variant on any of the contigs; None: some has, or none can tell.

    Parameters
    ----------
    known
        Files of which `known_site_problems` found none.
    contigs
        As the reference names them.
    """
    theirs: list[str] = []
    for path in known:
        try:
            theirs += contigs_of(path)
        except (OSError, ValueError) as error:
            return f"{path}: its index cannot be read ({error}); fix: make it again"
        if path.suffix not in (".gz", ".bgz", ".bcf"):
            return None
    if set(theirs) & set(contigs):
        return None
    names = ", ".join(path.name for path in known)
    return (
        f"{names}: no variant on a contig of the reference "
        f"({_some(theirs)}; the reference has {_some(contigs)}); fix: name known variants of "
        "this assembly, with its names of contigs (bcftools annotate --rename-chrs)"
    )


def contigs_of(path: Path) -> frozenset[str]:
    """Give the contigs of a file with an index (of a BCF those of its header)."""
    if path.suffix == ".bcf":
        with pysam.VariantFile(str(path)) as file:
            return frozenset(map(str, file.header.contigs))
    if not any(Path(f"{path}{end}").exists() for end in (".tbi", ".csi")):
        return frozenset()
    with pysam.TabixFile(str(path)) as file:
        return frozenset(file.contigs)


def _some(names: Collection[str]) -> str:
    every = list(dict.fromkeys(names))
    more = len(every) - _MOST_NAMED
    return ", ".join(every[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
