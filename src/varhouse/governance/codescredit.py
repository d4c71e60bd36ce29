"""The unified social credit code of organisations (GB 32100-2015) and its check digits.

18 letters and digits: who registered it and as what (1, 2), the place (3 to 8, GB/T 2260), the
organisation code (9 to 17, whose last is a check digit of its own, GB 11714-1997), and the
check digit of the whole (18). I, O, S, V and Z are not used.
"""

import re

from varhouse.governance.fields import FormError, clean
from varhouse.language import Text

LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters, each of which counts what its place is."""

_ALL = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OWN_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

_SHAPE = Text(
    "{value!r} is no unified social credit code: {n} characters, or some that it never has "
    "(I, O, S, V, Z); fix: 18 letters and digits, places 3 to 8 digits",
    "{value!r} 不是统一社会信用代码:长度为 {n},或含有不使用的字母 (I, O, S, V, Z);"
    "应为 18 位数字或大写字母,第 3 至 8 位为数字",
)
_CHECK = Text(
    "{value!r}: the check digit at place {place} should be {right} (GB {standard}); fix: "
    "compare it with the licence: a character is wrong or two are swapped",
    "{value!r}: 第 {place} 位校验码应为 {right} (GB {standard});请与执照核对,"
    "可能有一位写错或两位颠倒",
)


def check_digit(code: str) -> str:
    """Give the 18th character that follows from the first 17 (GB 32100-2015)."""
    total = sum(LETTERS.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return LETTERS[-total % 31]


def organisation_digit(code: str) -> str:
    """Give the 9th character of an organisation code by its first 8 (GB 11714-1997)."""
    total = sum(_ALL.index(c) * w for c, w in zip(code[:8], _OWN_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def read_credit_code(value: str) -> str:
    """Take a unified social credit code.

    Raises
    ------
    FormError
        If it has not its shape, or a check digit does not fit.
    """
    code = re.sub(r"[\s-]+", "", clean(value)).upper()
    if set(code) == {"0"} or not re.fullmatch(
        rf"[{LETTERS}]{{2}}[0-9]{{6}}[{LETTERS}]{{10}}", code
    ):
        raise FormError(_SHAPE, value=value, n=len(code))
    for place, right, standard in (
        (17, organisation_digit(code[8:16]), "11714-1997"),
        (18, check_digit(code), "32100-2015"),
    ):
        if code[place - 1] != right:
            raise FormError(_CHECK, value=value, place=place, right=right, standard=standard)
    return code
