"""`varhouse ingest`: the whole job in one command."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.joboptions import add_job_options, job_options

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config

_EPILOG = """\
examples, on the data that scripts/demo makes:
  varhouse ingest my-store demo/data/beijing.vcf.gz --reference demo/data/demo.fa
  varhouse ingest demo/store --config demo/data/config.yaml --cores 2

Files alone (VCF, BCF, gVCF; paths, globs, @LIST with a path a line) are one cohort, named
after the file, or what the names of several begin with. Its people are of unknown sex. The
next command with other files adds a cohort; reference, gene model and sources stay those of
the store. More is said by a configuration, which varhouse init writes:
  varhouse init my-study *.vcf.gz --reference GRCh38.fa
  varhouse ingest my-store --config my-study/config.yaml

the least that a configuration needs (paths from its folder; tabs between cells of sheets):
  config.yaml   assembly: GRCh38
                reference: GRCh38.fa
                cohorts: cohorts.tsv
                samples: samples.tsv
  cohorts.tsv   cohort    files
                hebei     gvcfs/*.g.vcf.gz
  samples.tsv   cohort    sample    sex
                hebei     HB001     female
Without samples.tsv: policy: {unlisted_samples: unknown} in its place. More (genes, sources,
strata, ...): config/README.md.

A configuration with `reads: reads.tsv` is called first (varhouse call --help), then taken in.

writes:
  STORE/open, STORE/controlled   the tables (Delta Lake, Parquet)
  STORE/_store/releases          one record a release; only what it pins exists
  STORE/_cache                   compiled reference, gene model and sources; digests of files
  STORE/_staging                 work folders; removed after the commit

exit codes: 0 all in; 3 something was held back, the rest is in, or as it was before;
            1 nothing is in;
            2 a mistake in the configuration or on the command line
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "ingest",
        help="the whole job: cohorts in, one release out",
        description="Take files, or the cohorts of a configuration, into a store: check, "
        "normalise, count, annotate, commit. Cohorts that are in it as they are do nothing; "
        "changed ones are replaced; one that cannot go in is held back and leaves the others "
        "be.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="made if it is not there")
    _add_input(parser)
    _add_manner(parser)
    parser.set_defaults(run=run)


def _add_input(parser: argparse.ArgumentParser) -> None:
    """Add what comes in: files with what is said of them, or a configuration."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="a cohort without sheets: VCF, BCF or gVCF"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML, in place of files; config/README.md explains every key",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FASTA",
        help="of the files' assembly; may be left out once the store holds data",
    )
    parser.add_argument(
        "--genes", type=Path, metavar="GFF3", help="gene model (GFF3, GTF) for consequences"
    )
    parser.add_argument(
        "--cohort", metavar="NAME", help="name of the files' cohort [after the files]"
    )
    parser.add_argument(
        "--assembly",
        metavar="NAME",
        help="GRCh38, hg19, ... [by the lengths of the reference's contigs, or its name]",
    )


def _add_manner(parser: argparse.ArgumentParser) -> None:
    """Add how the work is done, which changes no result."""
    add_job_options(parser)
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another writer, then give up [0]",
    )
    parser.add_argument("--keep-work", action="store_true", help="keep the work folder")
    parser.add_argument(
        "--rehash",
        action="store_true",
        help="read all files even where size and times say: unchanged",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would go in, and what is held back by its headers; write nothing",
    )
    parser.add_argument("--json", action="store_true", help="print the account as JSON")


def run(args: argparse.Namespace) -> int:
    from varhouse.ingest.account import print_account
    from varhouse.ingest.driver import Options, ingest
    from varhouse.ingest.setup.config_form import read_keys

    config = _configuration(args)
    options = Options(
        wait=args.wait,
        keep_work=args.keep_work,
        dry_run=args.dry_run,
        rehash=args.rehash,
        **job_options(args),
    )
    if isinstance(config, Path) and "reads" in read_keys(config):
        from varhouse.calling.account import print_call
        from varhouse.calling.onego import call_and_ingest

        code, account = call_and_ingest(args.store, config, options)
        if not args.json:
            print_call(account["calling"], sys.stdout, is_last=False)
            if len(account) == 1:
                return code
    else:
        code, account = ingest(args.store, config, options)
    # Of a store on S3 `store` is a mirror.
    shown = getattr(args, "url", args.store)
    if args.files:
        account["ask"] = _question(args.store, account, shown)
    if args.json:
        print(json.dumps(account, ensure_ascii=False))
    else:
        print_account(account, shown, sys.stdout)
    return code


def _configuration(args: argparse.Namespace) -> "Path | Config":
    """Give the file of the configuration, or the one that follows from files alone."""
    from varhouse.errors import UsageError
    from varhouse.ingest.setup.fromfiles import FromFiles, config_of_files

    named = [o for o in ("reference", "genes", "cohort", "assembly") if getattr(args, o)]
    if args.config is None and not args.files:
        raise UsageError(
            "neither files nor --config FILE",
            f"varhouse ingest {args.store} my.vcf.gz --reference ref.fa; or --config",
        )
    if args.config is not None and args.files:
        raise UsageError(
            f"{args.files[0]}: files beside --config, whose cohort sheet names them",
            "give the cohort sheet a row with their path or glob, or leave --config out",
        )
    if args.config is not None and named:
        raise UsageError(
            f"--{named[0]} beside --config, which says it itself",
            "correct the configuration, or leave --config out and name files",
        )
    if args.config is not None:
        config: Path = args.config
        return config
    asked = FromFiles(args.files, args.reference, args.genes, args.cohort, args.assembly)
    return config_of_files(args.store.absolute(), asked)


def _question(
    store: Path, account: dict[str, Any], shown: Path | str | None = None
) -> str | None:
    """Say a command that has an answer: at the first allele of a cohort that came in.

    `shown` is how the store is called, where it is another name.
    """
    import shlex

    from varhouse.store.reader import open_store

    held = {h["cohort"] for h in account["held_back"]}
    names = [c["cohort"] for c in account["cohorts"]] + account.get("unchanged", [])
    came = [name for name in names if name not in held]
    if not came or account.get("dry_run"):
        return None
    opened = open_store(store)
    for contig in opened.assembly_contigs.names:
        rows = opened.scan("frequencies", contig=contig, cohort=came[0])
        for (pos,) in rows.select("pos").head(1).collect().rows():
            return (
                f"varhouse query {shlex.quote(str(shown or store))} --region {contig}:{pos:,}"
            )
    return None
