"""`varhouse init`: a commented configuration with its sheets, from files of calls or reads."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from varhouse.ingest.setup.draft import Draft

_EPILOG = """\
examples, on the data that scripts/demo makes:
  varhouse init my-study demo/data/beijing.vcf.gz demo/data/hebei/*.g.vcf.gz \\
      --reference demo/data/demo.fa --genes demo/data/demo.gff3
  varhouse init empty-study
with reads of your own:
  varhouse init my-reads run7/*.fastq.gz --reference GRCh38.fa

Files with the same samples are one cohort, and so are files of one person each in a folder;
any other file is a cohort of its own. FASTQ, BAM and CRAM become rows of a reads sheet for
varhouse call: people, lanes and mates by their names.

writes:
  DIR/config.yaml          assembly and reference as headers tell them, the rest as comments
  DIR/cohorts.tsv          a row a cohort
  DIR/samples.tsv          a row a person, of unknown sex
  DIR/COHORT.files.txt     of a cohort whose files no pattern gives
  DIR/reads.tsv            a row a lane, in place of the two sheets, if files are reads

Nothing is overwritten.
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="a commented configuration and sheets, from the headers of files",
        description="Write a configuration with its sheets: cohorts and people from the "
        "headers of files, assembly from their contigs; without files, templates.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="made if it is not there")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="VCF, BCF or gVCF; or FASTQ, BAM, CRAM; path, glob or @LIST",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FASTA", help="of the assembly [##reference]"
    )
    parser.add_argument("--genes", type=Path, metavar="GFF3", help="gene model, GFF3 or GTF")
    parser.add_argument("--assembly", metavar="NAME", help="its name [by the headers]")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.ingest.setup.draft import draft_of_files
    from varhouse.ingest.setup.draftreads import are_reads, draft_of_reads
    from varhouse.masking import say

    make = draft_of_reads if are_reads(args.files) else draft_of_files
    draft = make(
        args.folder,
        args.files,
        reference=args.reference,
        genes=args.genes,
        assembly=args.assembly,
    )
    for path in draft.write():
        say(f"wrote      {path}", sys.stdout)
    width = max((len(c.name) for c in draft.cohorts), default=0)
    for cohort in draft.cohorts:
        kind = ", gVCF" if cohort.is_gvcf else ""
        say(
            f"cohort     {cohort.name:<{width}}  {len(cohort.files):>6,} file(s)  "
            f"{len(cohort.samples):>7,} people{kind}",
            sys.stdout,
        )
    width = max(map(len, draft.people), default=0)
    for sample, lanes in draft.people.items():
        say(f"sample     {sample:<{width}}  {lanes:>3,} lane(s)", sys.stdout)
    for note in draft.notes:
        say(f"note       {note}", sys.stdout)
    for line in _next_steps(draft):
        say(f"next       {line}", sys.stdout)
    return 0


def _next_steps(draft: "Draft") -> list[str]:
    """Say what is left to fill in, and the command that comes then."""
    config = draft.folder / "config.yaml"
    lacking = [
        key
        for key, value in (("assembly", draft.assembly), ("reference", draft.reference))
        if value is None
    ]
    steps = [f"fill in {' and '.join(lacking)} in {config}"] if lacking else []
    if draft.people:
        sheet = draft.folder / "reads.tsv"
        steps.append(f"check sample and lane in {sheet}, and fill in sex, if known")
        return [*steps, f"varhouse call --config {shlex.quote(str(config))}"]
    if draft.cohorts:
        steps.append(f"fill in sex and population in {draft.folder / 'samples.tsv'}, if known")
    else:
        steps.append(f"a row a cohort in {draft.folder / 'cohorts.tsv'}, a row a person in "
                     f"{draft.folder / 'samples.tsv'}")  # fmt: skip
    return [*steps, f"varhouse ingest STORE --config {shlex.quote(str(config))}"]
