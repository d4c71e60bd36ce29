"""Parts of a condition and what the signs between them mean, as polars expressions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from varhouse.errors import UsageError
from varhouse.query.lists import FLIPPED, compare_list, compare_lists, some
from varhouse.tables.schema import PolarsType

COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": pl.Expr.eq,
    "!=": pl.Expr.ne,
    "<": pl.Expr.lt,
    "<=": pl.Expr.le,
    ">": pl.Expr.gt,
    ">=": pl.Expr.ge,
}
_ARITHMETIC: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "+": pl.Expr.add,
    "-": pl.Expr.sub,
    "*": pl.Expr.mul,
    "/": pl.Expr.truediv,
}
_KINDS = {"number": "a number", "text": "text", "boolean": "true or false", "other": "a list"}


@dataclass(frozen=True)
class Value:
    """A part of a condition: its expression, kind, text and, if constant, its value.

    Of a list `many` is true, `kind` is that of its values, and `beside` names what it has a
    value of each: lists of one name may be calculated with each other. `whole` numbers are
    those of a column of integers.
    """

    expression: pl.Expr
    kind: str
    text: str
    literal: Any = None
    many: bool = False
    beside: str = ""
    whole: bool = False


Link = tuple[str, Value, Value]
"""A sign with what stands at its left and right."""


def kind_of(dtype: PolarsType) -> str:
    """Give the kind of a column, of a list that of its values."""
    if isinstance(dtype, pl.List):
        inner: PolarsType = dtype.inner  # type: ignore[assignment]
        return kind_of(inner)
    if dtype.is_numeric():
        return "number"
    if dtype == pl.String:
        return "text"
    return "boolean" if dtype == pl.Boolean else "other"


def column_value(name: str, dtype: PolarsType, held: str) -> Value:
    """Make the value of a column; `held` is the column that has its values as a list."""
    several = held != name
    # A source's fields have a value for each of its records, lists in them any number.
    beside = name.rpartition(".")[0] if several and not isinstance(dtype, pl.List) else ""
    many = several or isinstance(dtype, pl.List)
    one = dtype.inner if isinstance(dtype, pl.List) else dtype
    return Value(
        pl.col(held), kind_of(dtype), name, many=many, beside=beside, whole=one.is_integer()
    )


def truth(value: Value) -> Value:
    """Take a value for a condition; that of a list holds if it holds for one value."""
    if value.kind != "boolean":
        raise UsageError(
            f"{value.text} is {_KINDS[value.kind]}, not a condition",
            f"compare it with something, e.g. {value.text} is not null",
        )
    if value.many:
        return Value(some(value.expression, lambda v: v), "boolean", value.text)
    return value


def number(value: Value) -> Value:
    """Take a value for a number."""
    if value.kind != "number":
        raise UsageError(f"{value.text} is {_KINDS[value.kind]}: it cannot be calculated with")
    return value


def calculate(mark: str, left: Value, right: Value) -> Value:
    """Add, subtract, multiply or divide; a list value by value."""
    left, right = number(left), number(right)
    many = left.many or right.many
    if left.many and right.many and not (left.beside and left.beside == right.beside):
        raise UsageError(
            f"{left.text} and {right.text} are lists of different things: they cannot be "
            "calculated with each other"
        )
    a, b = left.expression, right.expression
    if mark != "/" or many:
        # Small integer columns must not overflow.
        a, b = _floats(left), _floats(right)
    text, beside = f"{left.text} {mark} {right.text}", left.beside or right.beside
    return Value(_ARITHMETIC[mark](a, b), "number", text, many=many, beside=beside)


def compare(mark: str, left: Value, right: Value) -> pl.Expr:
    """Compare two values of one kind."""
    if left.kind != right.kind:
        raise UsageError(
            f"cannot compare {left.text} ({_KINDS[left.kind]}) with {right.text} "
            f"({_KINDS[right.kind]})"
        )
    if isinstance(left.literal, str) and isinstance(right.literal, str):
        raise UsageError(
            f"{left.text} {mark} {right.text} compares two texts",
            "a column's name goes without quotes",
        )
    if right.many and not left.many:
        left, right, mark = right, left, FLIPPED[mark]
    if not left.many:
        return COMPARE[mark](left.expression, right.expression)
    if right.literal is not None:
        # The negation of `==`: no value is that.
        own = "==" if mark == "!=" else mark
        found = some(left.expression, lambda v: COMPARE[own](v, right.expression))
        return ~found if mark == "!=" else found
    a, b = left.expression, right.expression
    if left.kind == "number":
        a, b = _floats(left), _floats(right)
    return (compare_lists if right.many else compare_list)(mark, a, b, COMPARE[mark])


def compare_chain(chain: list[Link]) -> pl.Expr:
    """Compare what stands in a chain; two signs at a list are about one value of it."""
    links = [compare(*link) for link in chain]
    for k in range(len(chain) - 1):
        (first, low, middle), (second, _, high) = chain[k], chain[k + 1]
        if middle.many:
            if low.literal is None or high.literal is None:
                raise UsageError(
                    f"{middle.text} is a list: it can stand between two literals only"
                )
            links[k] = links[k + 1] = _within(first, low, middle, second, high)
    return links[0] if len(links) == 1 else pl.all_horizontal(*links)


def _within(first: str, low: Value, middle: Value, second: str, high: Value) -> pl.Expr:
    def test(value: pl.Expr) -> pl.Expr:
        above = COMPARE[first](low.expression, value)
        return above & COMPARE[second](value, high.expression)

    return some(middle.expression, test)


def is_one_of(left: Value, wanted: list[Any]) -> pl.Expr:
    """Whether a value, or some of a list, is among literals that `compare` allows."""
    if left.kind == "number":
        whole = left.whole and all(isinstance(v, int) for v in wanted)
        dtype: PolarsType = pl.Int64() if whole else pl.Float64()
    else:
        dtype = pl.String() if left.kind == "text" else pl.Boolean()
    listed = pl.Series("", wanted, dtype, strict=False).implode()

    def test(value: pl.Expr) -> pl.Expr:
        return (value.cast(dtype) if left.kind == "number" else value).is_in(listed)

    return some(left.expression, test) if left.many else test(left.expression)


def matches(left: Value, pattern: str, how: str) -> pl.Expr:
    """Whether a text, or some of a list, matches a regular expression."""
    if left.kind != "text":
        raise UsageError(f"{left.text} is {_KINDS[left.kind]}: `{how}` works on text")
    try:
        pl.Series([""]).str.contains(pattern)
    except PolarsError as error:
        reason = " ".join(str(error).split("This error occurred")[0].split())
        raise UsageError(f"{pattern!r} is no regular expression: {reason}") from None
    if left.many:
        return some(left.expression, lambda v: v.str.contains(pattern))
    return left.expression.str.contains(pattern)


def _floats(value: Value) -> pl.Expr:
    return value.expression.cast(pl.List(pl.Float64) if value.many else pl.Float64)
