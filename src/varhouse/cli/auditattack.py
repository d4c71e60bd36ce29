"""`varhouse audit attack`: what could be learned of people from a store's counts."""

import argparse
import json
from pathlib import Path
from typing import Any

_TEXT = """\
example:  varhouse audit attack demo/store --least 5

Attacks the counts of a store as a role reads it (STORE/_views/ROLE, or any other): who is in
it, by the likelihood ratio of what it shows of each allele, and by yes/no questions; which
counts below --least follow from it; what differs from its earlier releases. The numbers are
those of an attacker who knows the population's frequencies and a target's genotypes.

exit codes: 0 within the bounds that are given; 1 above one of them
"""


def add_parser(steps: Any) -> None:
    """Declare `varhouse audit attack`."""
    parser = steps.add_parser(
        "attack",
        help="what could be learned of people from a store's counts",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="folder of a store or view")
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.add_argument(
        "--least", type=int, default=0, metavar="K",
        help="the least count that may be known [0: any]",
    )  # fmt: skip
    parser.add_argument(
        "--rounding", type=int, default=0, metavar="B",
        help="counts are rounded to multiples of B [0: as the view says]",
    )  # fmt: skip
    parser.add_argument(
        "--apart", type=int, default=0, metavar="BASES",
        help="use alleles that are so far apart alone: nearer ones are inherited together [0]",
    )  # fmt: skip
    parser.add_argument(
        "--open-view", action="append", default=[], type=Path, metavar="STORE",
        help="the view of a more open role, to be subtracted; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of what is drawn [1]"
    )
    parser.add_argument(
        "--most-power", type=float, metavar="P",
        help="exit 1 if members are found with more power, at 0.05 of false positives",
    )  # fmt: skip
    parser.add_argument(
        "--most-cells", type=int, metavar="N", help="exit 1 if more small counts follow"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Attack, and say how far each attack got."""
    from varhouse.attack.assumed import Assumed
    from varhouse.attack.bounds import beyond
    from varhouse.attack.measure import measure
    from varhouse.attack.texts import lines_of
    from varhouse.governed import is_governed
    from varhouse.masking import say

    assumed = Assumed(args.least, args.rounding, args.apart, args.seed)
    measured = measure(args.store, assumed, release=args.release, earlier=args.open_view)
    if is_governed(args.store):
        # Of the store itself each cell is a secret; how many there are is none.
        measured["examples"] = []
    bound = {}
    if args.most_power is not None:
        bound["power"] = args.most_power
    if args.most_cells is not None:
        bound["small_cells"] = args.most_cells
    above = beyond(measured, bound)
    if args.json:
        print(json.dumps({**measured, "above": above}, ensure_ascii=False, indent=1))
    else:
        for line in [*lines_of(measured), *above]:
            say(line)
    return 1 if above else 0
