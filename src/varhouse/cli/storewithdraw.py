"""`varhouse store withdraw`: people are taken out of a cohort."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.storeparts import add_command, add_wait
from varhouse.cli.viewsleft import next_releases, views_with

if TYPE_CHECKING:
    from varhouse.withdrawal.receipt import Receipt
    from varhouse.withdrawal.run import Foreseen

log = logging.getLogger("varhouse.store")

_MOST_NAMED = 5


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "withdraw",
        _run,
        "take people out of a cohort, as a release",
        "example:\n"
        "  varhouse store withdraw demo/store --cohort zhejiang --sample HB0003 --dry-run",
        "Makes the cohort once more as it would be, had its files come without the people:\n"
        "from the files where they lie unchanged, else out of the store. Writes a release,\n"
        "its receipt (STORE/_store/receipts), and whom later ingests refuse, as keyed hashes\n"
        "(STORE/_store/ledger). Older releases hold the people until they are purged; the\n"
        "receipt says where else they still are. A list with anything wrong is refused\n"
        "whole: ids that are unknown, twice, withdrawn before, of another cohort, of all.",
    )
    parser.add_argument("--cohort", required=True, metavar="NAME", help="of whom they are")
    parser.add_argument(
        "--sample", action="append", default=[], metavar="ID", help="whom; may be repeated"
    )
    parser.add_argument(
        "--samples",
        type=Path,
        metavar="FILE",
        help="a list of whom, an id a line (-: standard input)",
    )
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="kept in ledger and receipt; no ids"
    )
    parser.add_argument(
        "--everywhere", action="store_true", help="refuse them in any cohort from now on"
    )
    parser.add_argument("--dry-run", action="store_true", help="check all, and change nothing")
    parser.add_argument(
        "--purge",
        action="store_true",
        help="afterwards seal the releases that hold them, and delete their data",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FASTA",
        help="the assembly's FASTA, if the store knows it no longer",
    )
    parser.add_argument("--json", action="store_true", help="print the receipt as JSON")
    add_wait(parser)


def _run(args: argparse.Namespace) -> int:
    from varhouse.withdrawal.found import Asked
    from varhouse.withdrawal.run import foresee, withdraw
    from varhouse.withdrawal.select import read_people

    people = read_people(args.sample, args.samples)
    asked = Asked(args.cohort, people, args.reason, args.everywhere, args.reference)
    if args.dry_run:
        found = foresee(args.store, asked)
        if args.json:
            print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
        else:
            _print_foreseen(found, purges=args.purge)
        return 0
    receipt = withdraw(args.store, asked, purges=args.purge, wait=args.wait)
    if args.json:
        print(json.dumps(receipt.as_json(), indent=1, ensure_ascii=False))
    else:
        _print_receipt(receipt, args.store)
    return 0


def _print_foreseen(found: "Foreseen", *, purges: bool) -> None:
    print(f"cohort     {found.cohort}: {len(found.people):,} person(s) would go")
    for path in found.gone:
        print(f"goes       {path}: holds nobody else")
    for path in found.cut:
        print(f"without    {path}")
    for path, is_there in found.read.items():
        how = "as it lies there" if is_there else "out of the store: no longer there as it was"
        print(f"read       {path}: {how}")
    print(f"alleles    {found.private:,} would go: nobody else of the store has them")
    for cohort, names in found.elsewhere.items():
        print(f"stays      {_some(names)} in cohort {cohort}")
    word, more = ("seals at least", "") if purges else ("still in", ", until purged")
    print(f"{word:10s} releases {_some([str(n) for n in found.releases])}{more}")
    if not found.exact:
        print(_NOT_EXACT)
    print(f"nothing was changed; release {found.base_release} is the newest")


def _print_receipt(receipt: "Receipt", store: Path) -> None:
    from varhouse.withdrawal.receipt import receipt_file

    print(
        f"release    {receipt.release}: cohort {receipt.cohort} without {receipt.n_people:,} "
        f"person(s)"
    )
    print(f"digest     {receipt.digest_before[:16]}... -> {receipt.digest[:16]}...")
    print(
        f"files      {receipt.files_read:,} read, {receipt.files_cut:,} of them without the "
        f"people; {receipt.files_gone:,} gone"
    )
    print(f"alleles    {receipt.alleles_gone:,} that nobody holds any more are gone")
    if receipt.purged is not None:
        sealed = [str(n) for n in receipt.purged["releases"]]
        files, size = receipt.purged["files"], receipt.purged["bytes"] / 2**20
        which = _some(sealed) or "none"
        print(f"purged     releases {which}: {files:,} files, {size:,.1f} MiB")
        for role, numbers in receipt.purged.get("views", {}).items():
            print(f"purged     view {role}: releases {_some([str(n) for n in numbers])}")
    holds = receipt.holds
    if holds.releases:
        print(f"still in   releases {_some([str(n) for n in holds.releases])}, until purged")
    told = views_with(store, receipt.cohort)
    for role, number in told.items():
        print(f"still in   view {role}, release {number}")
    for line in next_releases(store, told, closed=receipt.purged is not None):
        print(f"next       {line}")
    for path in holds.files:
        print(f"still in   {path}")
    for path in holds.sheets:
        print(f"may name   {path}")
    for text in holds.names:
        print(f"named in   {text}")
    if holds.cohorts:
        print(f"stays      some of the ids are in cohorts {_some(holds.cohorts)}")
    if not receipt.exact:
        print(_NOT_EXACT)
    if receipt.seconds is not None:
        print(f"seconds    {receipt.seconds}")
    print(f"receipt    {receipt_file(store, receipt.release)}")


_NOT_EXACT = (
    "note       the sheet of the cohort cannot be told from the store: the next ingest will "
    "look at its files again"
)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
