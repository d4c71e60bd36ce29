"""Rules of tandem repeats: <CNV:TR> and the lists of RN values (section 5.7 of VCF 4.5)."""

import re

from varhouse.vcf.account.problems import Account
from varhouse.vcf.rare.records import RareRecord, number

LISTS = ("RUS", "RUL", "RUC", "RB")
"""INFO keys with a value for each repeat of a record."""

_UNIT = re.compile(r"\.|[ACGTUNRYSWKMBDHVacgtunryswkmbdhv]+")
_WHOLE = re.compile(r"[0-9]+(?:\.0*)?")


def check_repeats(r: RareRecord, account: Account) -> None:
    """Check how many repeats a record has, their units, counts and intervals."""
    repeats = [alt == "<CNV:TR>" for alt in r.alts]
    if not any(repeats) and not {"RN", "RUS", "RUL", "RUC", "RB", "RUB"} & set(r.info):
        return
    if any(repeats) and "RUS" not in r.info and "RUL" not in r.info:
        r.tell(account, "VH-V-009", "<CNV:TR> with neither RUS nor RUL", "INFO", "<CNV:TR>")
    given = [number(v) or 0 for v in r.values("RN")]
    total = int(sum(given)) if given else sum(repeats)
    for key in LISTS:
        values = r.values(key)
        if values and values != ["."] and len(values) != total:
            r.tell(
                account,
                "VH-V-008",
                f"{key} has {len(values)} value(s), not {total} as RN says",
                f"INFO/{key}",
                r.info[key],
            )
    _check_units(r, account)
    for key, of in (("CIRUC", "RUC"), ("CIRB", "RB")):
        _check_around(r, account, key, of)
    if "RUB" in r.info:
        _check_unit_bases(r, account)


def _check_units(r: RareRecord, account: Account) -> None:
    units, lengths = r.values("RUS"), r.values("RUL")
    for k, unit in enumerate(units):
        if not _UNIT.fullmatch(unit):
            r.tell(account, "VH-V-010", "RUS is not of bases", "INFO/RUS", unit)
        elif unit != "." and k < len(lengths) and lengths[k] not in (".", str(len(unit))):
            r.tell(
                account,
                "VH-V-010",
                f"RUS {unit[:60]} is not {lengths[k]} long, as RUL says",
                "INFO/RUL",
                lengths[k],
            )


def _check_around(r: RareRecord, account: Account, key: str, of: str) -> None:
    bounds, values = r.values(key), r.values(of)
    if not bounds:
        return
    if not values:
        r.tell(account, "VH-V-009", f"{key} without {of}", f"INFO/{key}", r.info[key])
    elif len(bounds) != 2 * len(values):
        r.tell(
            account,
            "VH-V-008",
            f"{key} has {len(bounds)} value(s), not {2 * len(values)} (two for each {of})",
            f"INFO/{key}",
            r.info[key],
        )
    elif any(values[k // 2] == "." and b != "." for k, b in enumerate(bounds)):
        r.tell(account, "VH-V-010", f"{key} around a missing {of}", f"INFO/{key}", r.info[key])


def _check_unit_bases(r: RareRecord, account: Account) -> None:
    counts = r.values("RUC")
    if not counts:
        r.tell(account, "VH-V-009", "RUB without RUC", "INFO/RUB", r.info["RUB"])
        return
    if not all(c == "." or _WHOLE.fullmatch(c) for c in counts):
        r.tell(
            account, "VH-V-010", "RUB with an RUC that is not whole", "INFO/RUC", r.info["RUC"]
        )
        return
    total = int(sum(number(c) or 0 for c in counts))
    found = len(r.values("RUB"))
    if found != total:
        r.tell(
            account,
            "VH-V-008",
            f"RUB has {found} value(s), not {total} (the sum of RUC)",
            "INFO/RUB",
            r.info["RUB"],
        )
