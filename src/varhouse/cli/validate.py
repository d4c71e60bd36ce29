"""`varhouse validate`: every problem of a file in one pass."""

import argparse
import json
from pathlib import Path
from typing import Any

_EPILOG = """\
example:
  varhouse validate demo/data/guangdong.vcf.gz --reference demo/data/demo.fa

writes nothing but to stdout: problems (--json: JSON Lines with the keys file, line,
contig, pos, code, severity, field, value, message, fix; then one line a file with its
verdict). exit codes: 0 all valid (warnings allowed), 1 a file is invalid, 2 usage
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "validate",
        help="every problem of VCF files in one pass",
        description="Check VCF or BCF files: whole, header, columns, order, contigs, REF "
        "against a reference, sample sheet. Problems are grouped by code; the first few of "
        "each are shown and all are counted.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--reference", type=Path, metavar="FASTA", help="check REF against it")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="names of contigs")
    parser.add_argument("--samples", type=Path, metavar="TSV",
                        help="sample sheet; rows of other files do no harm")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.ingest.checks import check_file, open_assembly

    sheet = None
    if args.samples is not None:
        from varhouse.errors import ConfigError
        from varhouse.ingest.sheets import check_samples, read_sheet

        sheet, problems = check_samples(args.samples, read_sheet(args.samples))
        if problems:
            raise ConfigError(problems)
    invalid = 0
    verdicts = []
    with open_assembly(args.reference, args.aliases) as (contigs, reference):
        for path in args.files:
            account = check_file(path, contigs, reference, sheet)
            invalid += account.verdict == "invalid"
            verdict = {"file": path.name, "verdict": account.verdict, "errors": account.errors,
                       "warnings": account.warnings}  # fmt: skip
            verdicts.append(verdict)
            if args.json:
                for problem in account.as_json()["first"]:
                    print(json.dumps(problem, ensure_ascii=False))
                continue
            for code in sorted(account.counts):
                kept = account.first[code]
                for problem in kept:
                    print(problem)
                print(f"       fix: {kept[0].fix}")
                if (more := account.counts[code] - len(kept)) > 0:
                    print(f"       ... and {more:,} more like it")
            print(
                f"{path.name}: {account.verdict}, {account.errors:,} error(s), "
                f"{account.warnings:,} warning(s)"
            )
    if args.json:
        for verdict in verdicts:
            print(json.dumps(verdict, ensure_ascii=False))
    return 1 if invalid else 0
