"""`varhouse share pack`: a folder of data for a recipient, or for the backup platform."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import StoreError, UsageError, VarhouseError
from varhouse.language import Text

if TYPE_CHECKING:
    from varhouse.sharing.gate import Decision
    from varhouse.sharing.request import Request

_EXAMPLE = """\
It needs a governed store:
varhouse share pack STORE --to NAME --cohort C --purpose P -o pack
varhouse share pack STORE --to NAME --cohort C --samples S1,S2 --region chr1 --encrypt -o pack
varhouse share pack STORE --to open --content aggregate -o pack
varhouse share pack STORE --to NAME --cohort C --for backup -o backup

Asks the gate; if it allows the request, writes the folder of -o: data/ (individual: a VCF or
BCF a cohort; aggregate: tables as Parquet, of the view of the recipient's role),
dictionary.tsv (English and Chinese), ledger.json (what the ledger says of these cohorts
alone), manifest.json, md5sum.txt and the receipt. It appears when it is whole. Every byte of
the tables that are packed is compared with what was committed first.

--encrypt: Crypt4GH, for the key of the recipient in the ledger or that of --key; needs the
package crypt4gh. --for backup makes the backup that is handed in before NAME is given
anything: it asks the gate for the house itself, and tells what is missing for NAME.

Decision support, not legal advice.
"""
_EXIT = """\
exit codes: 0 the pack is there; 1 the gate says no, or the store is damaged; 2 a mistake on
the command line: nothing is written then
"""

DONE = Text(
    "{files} file(s), {people:,} people, line {n} of the audit log -> {out}",
    "{files} 个文件,{people:,} 人,审计日志第 {n} 条 -> {out}",
)

FORMS = ("vcf.gz", "bcf")
"""What calls are written as."""

log = logging.getLogger("varhouse.share")


def add_parser(steps: Any) -> None:
    """Declare `varhouse share pack`."""
    from varhouse.cli.sharecheck import add_request

    parser = steps.add_parser(
        "pack",
        help="a folder of data for a recipient, with manifest, checksums and receipt",
        description=_EXAMPLE,
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_request(parser)
    parser.add_argument("--region", metavar="R", help="only records of CONTIG or a region")
    parser.add_argument(
        "--format", choices=FORMS, default=FORMS[0], help=f"of calls [{FORMS[0]}]"
    )
    parser.add_argument(
        "--encrypt", action="store_true", help="for the recipient alone (Crypt4GH)"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="the public key to use")
    parser.add_argument(
        "--for", dest="goal", choices=("recipient", "backup"), default="recipient",
        help="backup: what is handed in to the authority before RECIPIENT is given it",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to make"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make a pack."""
    from varhouse.cli.sharecheck import request_of
    from varhouse.sharing.gate import ask
    from varhouse.sharing.pack import Order, make_pack

    if args.output.absolute().is_relative_to(args.store.absolute()):
        raise UsageError(f"-o {args.output} lies in the store", "name a folder outside of it")
    if not args.output.absolute().parent.is_dir():
        raise UsageError(f"-o {args.output}: there is no such folder", "make its parent first")
    request = _with_role(args, request_of(args, "varhouse share pack"))
    try:
        decision, planned = ask(request), None
    except VarhouseError:
        raise
    except Exception:
        # Who the people are is read from tables that may be damaged: that is told first.
        from varhouse.sharing.pack import OF_PEOPLE
        from varhouse.store.reader import open_store

        check_bytes(args.store, open_store(args.store, args.release).release, OF_PEOPLE)
        raise
    if args.goal == "backup":
        planned = decision
        decision = ask(
            replace(
                request,
                recipient="inside",
                purpose="information backup",
                what="varhouse share pack --for backup",
            )
        )
    key = _key(args, decision)
    made = make_pack(
        Order(decision, args.output, args.format, args.region, key, planned, check_bytes)
    )
    files = made.manifest["files"]
    log.info(
        "%s",
        DONE.say(files=len(files), people=decision.now.total, n=made.event, out=args.output),
    )
    return 0


def _with_role(args: argparse.Namespace, request: "Request") -> "Request":
    """Name the cohorts of the view that aggregates are taken from, where none are named."""
    if args.content != "aggregate" or request.cohorts is not None or args.goal == "backup":
        # The backup comes before the view: it has the counts as they are.
        return request
    from varhouse.governance.ledger import Ledger
    from varhouse.governance.model import RecipientKind
    from varhouse.store.reader import open_store

    recipient = Ledger.open(request.store).recipient(request.recipient)
    if recipient is None or recipient.kind is RecipientKind.INSIDE:
        return request
    role = "public" if recipient.kind is RecipientKind.OPEN else "registered"
    rows = open_store(request.store, None, role).scan("cohorts").select("cohort").collect()
    return replace(request, cohorts=tuple(sorted(rows["cohort"])))


def _key(args: argparse.Namespace, decision: "Decision") -> bytes | None:
    from varhouse.sharing.seal import read_public_key
    from varhouse.textfile import read_text

    if not args.encrypt:
        if args.key is not None:
            raise UsageError("--key goes with --encrypt", "add --encrypt")
        return None
    if args.key is not None:
        return read_public_key(read_text(args.key), str(args.key))
    # Of a backup that is the house: who is to be given the data does not open it.
    name, recipient = decision.request.recipient, decision.found.recipient
    if recipient is None or not recipient.crypt4gh_key:
        raise UsageError(
            f"the ledger has no key of {name}",
            "--key FILE.pub, or enter it: varhouse ledger import STORE recipients.tsv",
        )
    return read_public_key(recipient.crypt4gh_key, f"the key of {name} in the ledger")


def check_bytes(path: Path, release: int, tables: Sequence[str]) -> None:
    """Compare every byte of tables of a release with what was committed.

    Raises
    ------
    StoreError
        If a file cannot be read, or holds something else.
    """
    from varhouse.store.reader import open_store
    from varhouse.verify.whole import recompute_digests

    recorded = {n: d for n, d in open_store(path, release).table_digests().items()}
    found = recompute_digests(path, release, tables)
    wrong = sorted(
        n for n in tables if n in found or n in recorded if found.get(n) != recorded.get(n)
    )
    if wrong:
        raise StoreError(
            f"{path}: not what was committed: {', '.join(wrong)}; nothing is packed",
            f"varhouse store verify {path} says which files",
        )
