"""`varhouse validate`: every problem of a file in one pass, and `--fix`."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.masking import say

if TYPE_CHECKING:
    from varhouse.genome.contigs import Contigs
    from varhouse.genome.reference import Reference
    from varhouse.vcf.account.problems import Account, Problem
    from varhouse.vcf.check.scan import FileScan
    from varhouse.vcf.repair.run import Repair
    from varhouse.vcf.text.limits import Limits

_EPILOG = """\
example:
  varhouse validate demo/data/guangdong.vcf.gz --reference demo/data/demo.fa
  varhouse validate old.vcf --reference demo/data/demo.fa --fix new.vcf.gz

writes to stdout only: problems grouped by code, errors first; --json: JSON Lines with the
keys file, line, contig, pos, code, severity, field, value, message, fix, then one line a
file with its verdict. Of each code and file the first 5 are shown and all are counted.
docs/problem-codes.md lists the codes.

--fix writes OUT (BGZF; plain text without an index if it ends in .vcf), OUT.tbi (OUT.csi
for contigs of 512 Mb and more) and OUT.changes.tsv (every change: line contig pos field
before after code why count), and checks OUT. It does only what needs no guess: header
lines that follow from the specification, the reference or the records, order, contig
names, line ends, identical lines. Genotypes stay as they are.

exit codes: 0 all valid (warnings allowed), 1 a file is invalid (with --fix: OUT is, or
nothing could be written), 2 usage
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "validate",
        help="every problem of VCF files in one pass",
        description="Check VCF or BCF files: whole, header, columns, order, contigs, REF "
        "against a reference, sample sheet. Every problem is told in one pass.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Not paths yet: --json gives them as they stand on the command line.
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--reference", type=Path, metavar="FASTA", help="check REF against it")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="names of contigs")
    parser.add_argument("--samples", type=Path, metavar="TSV",
                        help="sample sheet; rows of other files do no harm")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    parser.add_argument("--fix", metavar="OUT", help="write a repaired copy (.vcf.gz)")
    parser.add_argument("--swap-ref-alt", action="store_true",
                        help="with --fix: swap REF and ALT, and GT with them, where ALT is "
                        "what the reference holds")  # fmt: skip
    parser.add_argument(
        "--limit", action="append", default=[], metavar="KEY=N",
        help="raise a limit of a file: line_bytes, alleles, contigs, ... (config/README.md)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.onefile.validate import check_file, open_assembly

    given, fix = list(args.files), args.fix
    args.files = [Path(name) for name in given]
    args.fix = None if fix is None else Path(fix)
    _check_usage(args)
    limits = _limits(args.limit)
    sheet = None
    if args.samples is not None:
        from varhouse.errors import ConfigError
        from varhouse.ingest.setup.sheets import check_samples, read_sheet

        sheet, problems = check_samples(args.samples, read_sheet(args.samples))
        if problems:
            raise ConfigError(problems)
    verdicts = []
    with open_assembly(args.reference, args.aliases) as (contigs, reference):
        for name, path in zip(given, args.files, strict=True):
            scan = check_file(path, contigs, reference, sheet, limits)
            verdicts.append(_tell(scan, name, as_json=args.json))
        if args.fix is not None:
            repair = _fix(args, contigs, reference, limits)
            scan = check_file(repair.output, contigs, reference, sheet, limits)
            verdicts.append(_tell(scan, fix, as_json=args.json))
    if args.json:
        for verdict in verdicts:
            print(_as_json(verdict))
    judged = verdicts[-1:] if args.fix is not None else verdicts
    return 1 if any(v["verdict"] == "invalid" for v in judged) else 0


def _check_usage(args: argparse.Namespace) -> None:
    from varhouse.errors import UsageError

    if args.fix is None:
        if args.swap_ref_alt:
            raise UsageError("--swap-ref-alt without --fix", "add --fix OUT.vcf.gz")
        return
    if len(args.files) > 1:
        raise UsageError("--fix takes one FILE", "run it once for each file")
    if args.fix.suffix not in (".gz", ".bgz", ".vcf"):
        raise UsageError(f"--fix {args.fix}: OUT is a VCF", "name it ...vcf.gz")
    if args.fix.exists() and args.files[0].exists() and args.fix.samefile(args.files[0]):
        raise UsageError("--fix: OUT is FILE itself", "give OUT another name")
    if args.swap_ref_alt and args.reference is None:
        raise UsageError("--swap-ref-alt without --reference", "add --reference FASTA")


def _limits(settings: list[str]) -> "Limits":
    """Read KEY=N settings."""
    from dataclasses import asdict, replace

    from varhouse.errors import UsageError, nearest
    from varhouse.vcf.text.limits import BOUNDS, DEFAULTS

    chosen = {}
    for setting in settings:
        key, _, number = setting.partition("=")
        if key not in asdict(DEFAULTS):
            known = nearest(key, asdict(DEFAULTS))
            raise UsageError(f"--limit {setting}: no limit {key!r}{known}")
        if not number.isascii() or not number.isdigit():
            raise UsageError(f"--limit {setting}: {number!r} is no number")
        low, high = BOUNDS.get(key, (1, None))
        chosen[key] = int(number)
        if chosen[key] < low or (high is not None and chosen[key] > high):
            most = "" if high is None else f", at most {high:,}"
            raise UsageError(f"--limit {setting}: at least {low:,}{most}")
    return replace(DEFAULTS, **chosen)


def _fix(
    args: argparse.Namespace, contigs: "Contigs", reference: "Reference | None",
    limits: "Limits",
) -> "Repair":  # fmt: skip
    from varhouse.onefile.validate import fix_file

    repair = fix_file(
        args.files[0], args.fix, contigs, reference, limits, swap=args.swap_ref_alt
    )
    out = sys.stderr if args.json else sys.stdout
    for line in _account_of(repair):
        say(line, out)
    for name, count in sorted(repair.left_out.items()) if out is sys.stdout else ():
        print(f"warning: {name} left out of {count:,} swapped record(s)", file=sys.stderr)
    return repair


def _account_of(repair: "Repair") -> Iterator[str]:
    from varhouse.vcf.account.problems import RULES

    yield ""
    yield f"{repair.output}: {repair.n_records:,} record(s) written"
    for code, count in sorted(repair.changes.items()):
        yield f"  mended  {code} {RULES[code].name}  {count:,} x"
    for what, count in sorted(repair.left.items()):
        yield f"  left    {what}" + (f"  {count:,} x" if count > 1 else "")
    for name, count in sorted(repair.left_out.items()):
        yield f"  lost    {name} left out of {count:,} swapped record(s): it cannot follow"
    if not repair.changes:
        yield "  nothing to mend"
    yield f"  every change: {repair.table}"
    yield ""


def _as_json(row: dict[str, Any]) -> str:
    """Write a JSON line; with escapes where a file name is no UTF-8."""
    text = json.dumps(row, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(row)


def _tell(scan: "FileScan", given: str, *, as_json: bool) -> dict[str, Any]:
    """Print a file's problems; give its verdict. `given` is the file as the user names it."""
    account = scan.account
    if as_json:
        for problem in account.as_json()["first"]:
            print(_as_json({**problem, "file": given}))
    else:
        for line in _report(account):
            say(line)
        say(
            f"{account.file}: {account.verdict}, {account.errors:,} error(s), "
            f"{account.warnings:,} warning(s)  [{_about(scan)}]"
        )
    return {
        "file": given, "verdict": account.verdict, "errors": account.errors,
        "warnings": account.warnings,
    }  # fmt: skip


def _about(scan: "FileScan") -> str:
    version = f"VCF 4.{scan.version}" if scan.version else "VCF of unknown version"
    checked = scan.ref_checked.get("agrees", 0) + scan.ref_checked.get("differs", 0)
    ref = f", {checked:,} REF checked" if checked else ""
    return (
        f"{version}, {scan.kind}, {scan.n_records:,} record(s), {len(scan.samples):,} "
        f"sample(s){ref}"
    )


def _report(account: "Account") -> Iterator[str]:
    """Write the problems of a file by code, errors first: what, how many, where, way out."""
    from varhouse.vcf.account.problems import RULES

    def grave(code: str) -> bool:
        return any(p.severity == "error" for p in account.first[code])

    for code in sorted(account.counts, key=lambda c: (not grave(c), c)):
        rule, kept, count = RULES[code], account.first[code], account.counts[code]
        severity = "error" if grave(code) else "warning"
        source = f"  ({'' if rule.section[:3] == 'SAM' else 'VCF '}{rule.section})"
        yield f"{severity:<7} {code} {rule.name}  {count:,} x{source if rule.section else ''}"
        for problem in kept:
            yield "  " + _one(problem)
        if (more := count - len(kept)) > 0:
            yield f"  ... and {more:,} more like it"
        yield f"  fix: {kept[0].fix}"


def _one(problem: "Problem") -> str:
    where = problem.file + (f":{problem.line}" if problem.line is not None else "")
    if problem.contig is not None:
        where += f"  {problem.contig}" + (f":{problem.pos}" if problem.pos is not None else "")
    parts = [where, problem.field or ""]
    if problem.value is not None:
        parts.append(repr(problem.value[:60]))
    return "  ".join(p for p in [*parts, problem.message] if p)
