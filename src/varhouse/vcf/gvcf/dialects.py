"""Which tool wrote a gVCF, by what its header says. The name is told and decides nothing.

A tool that reworks the blocks of another stands before it, for both leave lines in the
header: GATK CombineGVCFs after ReblockGVCF after HaplotypeCaller. Tools that only cut or
sort (`bcftools view`, `SelectVariants`) are left out.
"""

import re

from varhouse.vcf.header.header import Header

_GATK = r"^##GATKCommandLine[^=\n]*=<ID="

TOOLS = (
    ("GATK CombineGVCFs", rf"{_GATK}CombineGVCFs\b|^##source=CombineGVCFs$"),
    ("GATK GenomicsDB", rf"{_GATK}GenomicsDBImport\b|^##source=GenomicsDBImport$"),
    ("GATK ReblockGVCF", rf"{_GATK}ReblockGVCF\b|^##source=ReblockGVCF$"),
    ("DRAGEN", r"^##DRAGEN(?:Version|CommandLine)=|^##source=[^\n]*DRAGEN"),
    ("Sentieon", r"^##SentieonCommandLine\b"),
    ("DeepVariant", r"^##DeepVariant_version=|^##FILTER=<ID=RefCall,"),
    ("Strelka2", r"^##source=strelka\b"),
    ("Isaac", r"^##source=IsaacVariantCaller\b"),
    ("xAtlas", r"^##source=[^\n]*(?i:xatlas)"),
    ("weCall", r"^##source=(?i:wecall)|^##options=\{[^\n]*\boutputRefCalls\b"),
    ("Octopus", r"^##(?:octopus=|source=octopus\b)"),
    ("freebayes", r"^##source=(?i:freebayes)"),
    ("Clair3", r"^##source=Clair3\b"),
    ("GATK Mutect2", rf"{_GATK}Mutect2\b|^##source=Mutect2$"),
    ("GATK HaplotypeCaller", rf"{_GATK}HaplotypeCaller\b|^##source=HaplotypeCaller$"),
    ("varhouse call", r"^##source=varhouse call\b"),
    ("bcftools call", r"^##bcftools_callCommand="),
    ("bcftools mpileup", r"^##bcftools_mpileupCommand=|^##samtoolsCommand=samtools mpileup\b"),
    ("bcftools merge", r"^##bcftools_mergeCommand="),
    ("GATK", r"^##GVCFBlock"),
)
"""Name of a tool and the pattern of a header line of its; the first that is found holds."""

_PATTERNS = [(name, re.compile(pattern)) for name, pattern in TOOLS]


def gvcf_tool(header: Header) -> str | None:
    """Name the tool that wrote the blocks of a gVCF; None if its header names none."""
    # These are nearly all of a header, and no tool is known by them.
    most = "##contig=", "##INFO=", "##FORMAT="
    lines = [line for line in header.text.split("\n") if not line.startswith(most)]
    return next((name for name, found in _PATTERNS if any(map(found.match, lines))), None)
