"""Which assembly is it? Known assemblies by lengths, digests and names in a header.

The length of a chromosome alone tells the assembly, whatever the contig is called:
no two chromosomes of the assemblies below have the same number of bases (only the
mitochondrion has the same in several, and does not count). Lengths are those of the
assembly reports of NCBI and of UCSC's chrom.sizes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_HUMAN = (*(str(i) for i in range(1, 23)), "X", "Y")
_MOUSE = (*(str(i) for i in range(1, 20)), "X", "Y")

_LENGTHS = {
    "NCBI36 (hg18)": (_HUMAN, (
        247249719, 242951149, 199501827, 191273063, 180857866, 170899992, 158821424,
        146274826, 140273252, 135374737, 134452384, 132349534, 114142980, 106368585,
        100338915, 88827254, 78774742, 76117153, 63811651, 62435964, 46944323, 49691432,
        154913754, 57772954,
    )),
    "GRCh37 (hg19)": (_HUMAN, (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663,
        146364022, 141213431, 135534747, 135006516, 133851895, 115169878, 107349540,
        102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895, 51304566,
        155270560, 59373566,
    )),
    "GRCh38 (hg38)": (_HUMAN, (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973,
        145138636, 138394717, 133797422, 135086622, 133275309, 114364328, 107043718,
        101991189, 90338345, 83257441, 80373285, 58617616, 64444167, 46709983, 50818468,
        156040895, 57227415,
    )),
    "T2T-CHM13v2.0": (_HUMAN, (
        248387328, 242696752, 201105948, 193574945, 182045439, 172126628, 160567428,
        146259331, 150617247, 134758134, 135127769, 133324548, 113566686, 101161492,
        99753195, 96330374, 84276897, 80542538, 61707364, 66210255, 45090682, 51324926,
        154259566, 62460029,
    )),
    "MGSCv37 (mm9)": (_MOUSE, (
        197195432, 181748087, 159599783, 155630120, 152537259, 149517037, 152524553,
        131738871, 124076172, 129993255, 121843856, 121257530, 120284312, 125194864,
        103494974, 98319150, 95272651, 90772031, 61342430, 166650296, 15902555,
    )),
    "GRCm38 (mm10)": (_MOUSE, (
        195471971, 182113224, 160039680, 156508116, 151834684, 149736546, 145441459,
        129401213, 124595110, 130694993, 122082543, 120129022, 120421639, 124902244,
        104043685, 98207768, 94987271, 90702639, 61431566, 171031299, 91744698,
    )),
}  # fmt: skip

BUILDS: dict[str, dict[str, int]] = {
    build: dict(zip(names, lengths, strict=True))
    for build, (names, lengths) in _LENGTHS.items()
}
"""Assembly to its chromosomes' lengths in bases, by names without `chr`."""

_BY_LENGTH = {
    length: (build, name)
    for build, chromosomes in BUILDS.items()
    for name, length in chromosomes.items()
}

_MD5 = {
    "1b22b98cdeb4a9304cb5d48026a85128": "GRCh37 (hg19)",
    "a0d9851da00400dec1098a9255ac712e": "GRCh37 (hg19)",
    "fdfd811849cc2fadebc929bb925902e5": "GRCh37 (hg19)",
    "23dccd106897542ad87d2765d28a19a1": "GRCh37 (hg19)",
    "6aef897c3d6ff0c78aff06ac189178dd": "GRCh38 (hg38)",
    "f98db672eb0993dcfdabafe2a882905c": "GRCh38 (hg38)",
    "76635a41ea913a405ded820447d067b0": "GRCh38 (hg38)",
    "3210fecf1eb92d5489da4346b3fddc6e": "GRCh38 (hg38)",
    "a811b3dc9fe66af729dc0dddf7fa4f13": "GRCh38 (hg38)",
}
"""MD5 of upper-case sequences (chromosomes 1 to 5), as in M5 of SAM headers."""

_WORDS = (
    ("NCBI36 (hg18)", r"(?:GRCh|NCBI[ _]?(?:build)?[ _]?|(?<![A-Za-z0-9])b)36|hg18"),
    ("GRCh37 (hg19)", r"GRCh37|NCBI[ _]?37|hg19|hs37|(?<![A-Za-z0-9])b37|g1k_v37|assembly19"
                      r"|GCA_000001405\.(?:[1-9]|1[0-4])(?!\d)|GCF_000001405\.(?:1[3-9]|2[0-5])"),
    ("GRCh38 (hg38)", r"GRCh38|hg38|hs38|(?<![A-Za-z0-9])b38|assembly38"
                      r"|GCA_000001405\.(?:1[5-9]|2\d)|GCF_000001405\.(?:2[6-9]|[34]\d)"),
    ("T2T-CHM13v2.0", r"T2T[-_]?CHM13|CHM13|\bhs1\b|GCA_009914755\.4|GCF_009914755\.1"),
    ("MGSCv37 (mm9)", r"MGSCv37|\bmm9\b"),
    ("GRCm38 (mm10)", r"GRCm38|\bmm10\b"),
)  # fmt: skip
_PATTERNS = tuple((build, re.compile(text, re.IGNORECASE)) for build, text in _WORDS)

_DECOY = ("hs37d5", 35_477_943)


@dataclass(frozen=True)
class Claim:
    """The assembly that something says it is of, and what says so."""

    build: str
    why: str


def chromosome_of(length: int) -> tuple[str, str] | None:
    """Name the (assembly, chromosome) with this number of bases; None if none has."""
    return _BY_LENGTH.get(length)


def named(length: int) -> str:
    """Give a number of bases, with the chromosome of a known assembly that has as many."""
    known = _BY_LENGTH.get(length)
    return f"{length:,} bases" + (f" ({known[0]}, chromosome {known[1]})" if known else "")


def build_of_lengths(contigs: Mapping[str, int | None]) -> Claim | None:
    """Name the assembly whose chromosomes have these lengths.

    Parameters
    ----------
    contigs
        Contig name to length in bases, or None where it is unknown.

    Returns
    -------
    Claim | None
        None if no chromosome is known, or two assemblies have equally many.
    """
    hits = Counter(
        _BY_LENGTH[n][0] for n in contigs.values() if n is not None and n in _BY_LENGTH
    ).most_common(2)
    if not hits or (len(hits) == 2 and hits[0][1] == hits[1][1]):
        return None
    build, count = hits[0]
    first = next(
        f"{name} = {n:,}"
        for name, n in contigs.items()
        if n is not None and _BY_LENGTH.get(n, ("",))[0] == build
    )
    if contigs.get(_DECOY[0]) == _DECOY[1]:
        build = "GRCh37 with decoys (hs37d5)"
    more = f" and {count - 1} more" if count > 1 else ""
    return Claim(build, f"contig lengths ({first}{more})")


def build_of_digests(md5s: Iterable[str]) -> Claim | None:
    """Name the assembly that has a sequence with one of these MD5s."""
    for md5 in md5s:
        build = _MD5.get(md5.lower())
        if build:
            return Claim(build, f"MD5 of a sequence ({md5.lower()})")
    return None


def build_of_words(text: str) -> str | None:
    """Name the one assembly that a text (##reference, assembly=) mentions."""
    found = {build for build, pattern in _PATTERNS if pattern.search(text)}
    return found.pop() if len(found) == 1 else None


def same_build(a: str, b: str) -> bool:
    """Tell whether two names are of one assembly (decoys make no difference)."""
    return a.split()[0] == b.split()[0]


_META = re.compile(r"##(?:reference|assembly|genome-build|contig)\b")
_MD5_KEY = re.compile(r"\b(?:md5|M5)=\"?([0-9a-fA-F]{32})\b")
_ASSEMBLY_KEY = re.compile(r"\bassembly=(\"[^\"]*\"|[^,>]*)")


def build_of_header(text: str, contigs: Mapping[str, int | None]) -> Claim | None:
    """Name the assembly of a VCF header: by digests, then lengths, then words.

    Parameters
    ----------
    text
        The header's lines.
    contigs
        Its contigs with their lengths in bases (None: not given).
    """
    # A search for two words is ten times as fast as one for the pattern.
    md5s = _MD5_KEY.findall(text) if "md5=" in text or "M5=" in text else []
    found = build_of_digests(md5s) or build_of_lengths(contigs)
    if found is not None:
        return found
    votes: dict[str, str] = {}
    for line in text.split("\n"):
        if not _META.match(line):
            continue
        said = line[12:] if line.startswith("##reference=") else line
        if line.startswith("##contig"):
            said = " ".join(_ASSEMBLY_KEY.findall(line))
        build = build_of_words(said)
        if build is not None:
            votes.setdefault(build, line[:80])
    if len(votes) == 1:
        build, line = votes.popitem()
        return Claim(build, line)
    return None
