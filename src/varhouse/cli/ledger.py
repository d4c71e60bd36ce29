"""`varhouse ledger`: permits, consents and recipients of a store, in entries that stay."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli import ledgershow
from varhouse.cli.storeparts import add_command
from varhouse.errors import UsageError

if TYPE_CHECKING:
    from varhouse.governance.ledgerimport import Imported

log = logging.getLogger("varhouse.store")

_TEXT = """\
The ledger of permits: of each cohort the legal holder, ethics approval, consent, permits,
reviews and receipts, tier, embargo; recipients and grants. Entries are only added; each holds
the digest of the one before, so that one changed line is found. The first entry makes the
store governed: from then on nothing leaves it but through the egress gate, to a recipient of
the ledger (--to; varhouse share check asks). docs/ledger.md tells all,
docs/zh/ledger.md in Chinese. Messages are in the language of VARHOUSE_LANGUAGE or LANG.

example:
  varhouse ledger template my-ledger
  varhouse ledger import demo/store my-ledger/cohorts.tsv my-ledger/papers.tsv
  varhouse ledger show demo/store zhejiang
  varhouse ledger check demo/store

Decision support, not legal advice.
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "ledger",
        help="permits, consents and recipients of a store: import, add, show, verify, ...",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_template(steps)
    _add_import(steps)
    _add_add(steps)
    ledgershow.add_parsers(steps)


def _add_template(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = steps.add_parser(
        "template",
        help="empty sheets to fill in, explained in both languages",
        description="example:\n  varhouse ledger template my-ledger --xlsx",
        epilog="Writes cohorts.tsv, papers.tsv, recipients.tsv and grants.tsv, or\n"
        "ledger.xlsx with a sheet each. Lines that begin with ## explain and are not read.\n"
        "Nothing is overwritten.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="made if it is not there")
    parser.add_argument("--xlsx", action="store_true", help="one Excel workbook")
    parser.set_defaults(run=_template)


def _template(args: argparse.Namespace) -> int:
    from varhouse.governance.sheettemplate import write_templates
    from varhouse.masking import say

    for path in write_templates(args.folder, xlsx=args.xlsx):
        say(f"{ledgershow.label('wrote')} {path}")
    return 0


def _add_import(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "import",
        _import,
        "take sheets into the ledger: only what differs becomes an entry",
        "examples:\n"
        "  varhouse ledger import demo/store config/cohorts.tsv --dry-run\n"
        "  varhouse ledger import demo/store my-ledger/*.tsv",
        "A sheet is text (UTF-8, UTF-16, GBK; tabs, commas, ...) or an Excel workbook, with\n"
        "columns in Chinese or English as varhouse ledger template has them; the cohorts.tsv\n"
        "of an ingest is understood, too. All mistakes are told at once, and then nothing is\n"
        "entered. Empty cells change nothing.",
    )
    parser.add_argument("sheets", type=Path, nargs="+", metavar="SHEET", help="a file of them")
    parser.add_argument(
        "--kind",
        choices=("cohorts", "papers", "recipients", "grants"),
        help="which sheet they are (default: by name and columns)",
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="why; kept in each entry")
    parser.add_argument("--dry-run", action="store_true", help="say what would be entered")
    parser.add_argument("--json", action="store_true", help="print the entries as JSON")


def _import(args: argparse.Namespace) -> int:
    from varhouse.governance.ledgerimport import import_sheets
    from varhouse.masking import say

    found = import_sheets(args.store, args.sheets, args.kind, args.note, dry_run=args.dry_run)
    if found.links:
        _close(args.store)
    if args.json:
        entries = [
            {"kind": e.kind, "subject": e.subject, "fields": e.fields, "note": e.note}
            for e in found.entries
        ]
        told = {"entries": entries, "unchanged": found.unchanged, "notes": found.notes}
        head = (
            {"n": found.links[-1].n, "digest": found.links[-1].digest} if found.links else None
        )
        print(json.dumps({**told, "head": head}, indent=1, ensure_ascii=False))
        return 0
    _print_imported(found, dry_run=args.dry_run)
    for note in ledgershow.not_stored(args.store, found.entries):
        say(f"{ledgershow.label('note')} {note}")
    return 0


def _close(store: Path) -> None:
    """Close what lies open of a store that an entry has made a governed one."""
    from varhouse.store.layout import close_governed

    for line in close_governed(store):
        log.info("%s", line)


def _print_imported(found: "Imported", *, dry_run: bool) -> None:
    from varhouse.masking import say

    for note in found.notes:
        say(f"{ledgershow.label('note')} {note}")
    word = ledgershow.label("would" if dry_run else "entered")
    for entry in found.entries:
        what = ", ".join(entry.fields) or "-"
        say(f"{word} {entry.kind} {entry.subject}: {what}")
    say(f"{ledgershow.label('unchanged')} {found.unchanged:,}")
    if found.links:
        say(f"{ledgershow.label('head')} {found.links[-1].n}:{found.links[-1].digest}")


def _add_add(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "add",
        _add,
        "make one entry: a cohort's fields, a paper, a recipient, a correction, a withdrawal",
        "examples:\n"
        "  varhouse ledger add demo/store cohort zhejiang tier=T1 provinces=浙江\n"
        "  varhouse ledger add demo/store paper - kind=ethics number=DEMO-1 cohorts=zhejiang\n"
        "  varhouse ledger add demo/store paper ethics:DEMO-1 revoked=2026-11-28\n"
        "  varhouse ledger add demo/store recipient 'Demo University' kind=domestic\n"
        "  varhouse ledger add demo/store withdraw zhejiang from=2026-12-01",
        "Nothing is changed but by a new entry: of a subject that is known, the fields that\n"
        "are named are corrected, --clear takes a value away, and the others stay.",
    )
    parser.add_argument(
        "kind",
        metavar="KIND",
        help="cohort, consent, paper, recipient, grant, withdraw, or days (their place)",
    )
    parser.add_argument(
        "subject",
        metavar="SUBJECT",
        help="what it is about; -: by the fields",
    )
    parser.add_argument("fields", nargs="*", metavar="FIELD=VALUE", help="as in the sheets")
    parser.add_argument(
        "--clear", action="append", default=[], metavar="FIELD", help="take its value away"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="why; kept in the entry")


def _add(args: argparse.Namespace) -> int:
    from varhouse.governance.ledger import Ledger
    from varhouse.masking import say

    ledger = Ledger.open(args.store)
    fields: dict[str, str | None] = {}
    for word in args.fields:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is no FIELD=VALUE", "as tier=T1")
        fields[name] = value
    fields |= dict.fromkeys(args.clear)
    if args.kind == "withdraw" and not fields:
        fields["from"] = ledger.today().isoformat()
    subject = "" if args.subject == "-" else args.subject
    link = ledger.add(args.kind, subject, fields, args.note)
    _close(args.store)
    say(f"{ledgershow.label('entered')} {link.n}: {link.body['kind']} {link.body['subject']}")
    say(f"{ledgershow.label('head')} {link.n}:{link.digest}")
    return 0
