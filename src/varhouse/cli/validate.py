"""`varhouse validate`: every problem of a file in one pass, and `--fix`."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.masking import say

if TYPE_CHECKING:
    from varhouse.onefile.validate import Assembly, Validation
    from varhouse.vcf.account.problems import Account, Problem
    from varhouse.vcf.repair.run import Repair

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
        "against a reference, sample sheet. Every problem is found in one pass.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Not paths yet: --json gives them as they stand on the command line.
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--reference", type=Path, metavar="FASTA", help="check REF against it")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="names of contigs")
    parser.add_argument(
        "--samples",
        type=Path,
        metavar="TSV",
        help="sample sheet; rows of other files do no harm",
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    parser.add_argument("--fix", metavar="OUT", help="write a repaired copy (.vcf.gz)")
    parser.add_argument(
        "--swap-ref-alt",
        action="store_true",
        help="with --fix: swap REF and ALT, and GT with them, where ALT is "
        "what the reference holds",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="KEY=N",
        help="raise a limit of a file: line_bytes, alleles, contigs, ... (config/README.md)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.onefile.validate import open_assembly, read_sample_sheet, validate

    given, fix = list(args.files), args.fix
    args.files = [Path(name) for name in given]
    args.fix = None if fix is None else Path(fix)
    _check_usage(args)
    limits = _limits(args.limit)
    sheet = None if args.samples is None else read_sample_sheet(args.samples)
    verdicts = []
    with open_assembly(args.reference, args.aliases) as assembly:
        for name, path in zip(given, args.files, strict=True):
            found = validate(path, reference=assembly, samples=sheet, limits=limits)
            verdicts.append(_tell(found, name, as_json=args.json))
        if args.fix is not None:
            mended = _fix(args, assembly, limits)
            found = validate(mended, reference=assembly, samples=sheet, limits=limits)
            verdicts.append(_tell(found, fix, as_json=args.json))
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


def _limits(settings: list[str]) -> dict[str, int]:
    """Read KEY=N settings."""
    from varhouse.errors import UsageError
    from varhouse.onefile.validate import make_limits
    from varhouse.vcf.text.limits import DEFAULTS

    chosen = {}
    for setting in settings:
        key, _, number = setting.partition("=")
        said = f"--limit {setting}"
        make_limits({key: getattr(DEFAULTS, key, 0)}, said)
        if not number.isascii() or not number.isdigit():
            raise UsageError(f"{said}: {number!r} is no number")
        chosen[key] = int(number)
        make_limits(chosen, said)
    return chosen


def _fix(args: argparse.Namespace, assembly: "Assembly", limits: dict[str, int]) -> Path:
    from varhouse.onefile.validate import repair

    done = repair(
        args.files[0],
        args.fix,
        reference=assembly,
        swap_ref_alt=args.swap_ref_alt,
        limits=limits,
    )
    out = sys.stderr if args.json else sys.stdout
    for line in _account_of(done):
        say(line, out)
    for name, count in sorted(done.left_out.items()) if out is sys.stdout else ():
        print(f"warning: {name} left out of {count:,} swapped record(s)", file=sys.stderr)
    return done.output


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


def _tell(found: "Validation", given: str, *, as_json: bool) -> dict[str, Any]:
    """Print a file's problems; give its verdict. `given` is the file as the user names it."""
    account = found.account
    if as_json:
        for problem in account.as_json()["first"]:
            print(_as_json({**problem, "file": given}))
    else:
        for line in _report(account):
            say(line)
        say(
            f"{account.file}: {account.verdict}, {account.errors:,} error(s), "
            f"{account.warnings:,} warning(s)  [{_about(found)}]"
        )
    return {
        "file": given, "verdict": account.verdict, "errors": account.errors,
        "warnings": account.warnings, **_dialect(found),
    }  # fmt: skip


def _dialect(found: "Validation") -> dict[str, Any]:
    """Say how a gVCF is written; nothing of another file."""
    dialect = found.gvcf_dialect
    return {} if dialect is None else {"gvcf_dialect": dialect._asdict()}


def _about(found: "Validation") -> str:
    if "VH-F-017" in found.counts:
        return "no VCF"
    version = f"VCF 4.{found.version}" if found.version else "VCF of unknown version"
    ref = f", {found.n_ref_checked:,} REF checked" if found.n_ref_checked else ""
    return (
        f"{version}, {found.kind}, {found.n_records:,} record(s), {len(found.samples):,} "
        f"sample(s){ref}"
    )


def _report(account: "Account") -> Iterator[str]:
    """Write the problems of a file by code, errors first: what, how many, where, fix."""
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
