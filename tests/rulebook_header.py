"""Sentences on the file as a whole, its header and the fixed columns."""

from rulebook import Sentence, V, vcf

_FILE = (
    Sentence(
        "fileformat-first", "1.4.1",
        "A single 'fileformat' line is always required, must be the first line in the file",
        "1-5 error", "VH-H-001",
        good=(vcf(),),
        bad=(vcf().split("\n", 1)[1], f"##source=x\n{vcf()}",
             vcf().replace("fileformat", "FileFormat"), f"\n{vcf()}"),
    ),
    Sentence(
        "fileformat-value", "1.4.1",
        "For VCF version 4.5, this line is: ##fileformat=VCFv4.5",
        "1-5 error", "VH-H-001",
        good=(vcf(),),
        bad=tuple(vcf().replace(f"VCFv4.{V}", x) for x in
                  (f"VCF4.{V}", f"vcfv4.{V}", f"VCFv4.{V} ", f"VCFv4.{V}.0", "VCFv4.6", "")),
    ),
)  # fmt: skip

GROUPS = {"The file": _FILE}
"""Heading of the page to its sentences, in order."""
