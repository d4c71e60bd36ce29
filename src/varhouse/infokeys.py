"""Keys of INFO from names of any letters: a key has letters, digits, `_` and `.` only."""

import re


def info_key(name: str, taken: set[str]) -> str:
    """Make a key (VCF 4.3, section 1.6.1) that is not taken yet, and add it to those.

    Other letters become `_`; names that are then alike get a number behind them.
    """
    plain = re.sub(r"[^0-9A-Za-z_.]", "_", name)
    if not re.match(r"[A-Za-z_]", plain):
        plain = f"_{plain}"
    key, n = plain, 1
    while key in taken:
        n += 1
        key = f"{plain}_{n}"
    taken.add(key)
    return key
