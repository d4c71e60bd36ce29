"""Conditions of `--where`: a small language, read by recursive descent.

    condition   and, or, not, parentheses
    comparison  == != < <= > >=  (also = and <>), chained as in 0 < af <= 0.01
                [not] in (1, 2)   [not] between 1 and 2   is [not] null
                [not] like 'DEMO%'   ~ 'regular expression'
    value       column, `column with odd letters`, number, 'text', "text", true, false,
                and + - * / of numbers

The spelling of Python and that of SQL are both understood. Nothing is evaluated as
code: the result is a polars expression made of declared columns and literals. A null
makes a comparison neither true nor false, as in SQL, so `af < 0.01` leaves out alleles
that were not assessed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import polars as pl
from polars.exceptions import PolarsError

from varhouse.errors import UsageError, nearest
from varhouse.query.tokens import Token, tokenise
from varhouse.schema import PolarsType

MAX_DEPTH = 60
"""Nested parentheses: enough for anybody, and far from the recursion limit."""

_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
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
_KINDS = {"number": "a number", "text": "text", "boolean": "true or false", "list": "a list"}


@dataclass(frozen=True)
class Condition:
    """A condition as a polars expression, and the columns that it needs."""

    expression: pl.Expr
    columns: frozenset[str]


@dataclass(frozen=True)
class _Value:
    """A part of a condition: its expression, kind, text and, if constant, its value."""

    expression: pl.Expr
    kind: str
    text: str
    literal: Any = None


def parse_where(text: str, schema: Mapping[str, PolarsType]) -> Condition:
    """Read a condition over the columns of a table.

    Parameters
    ----------
    text
        The condition.
    schema
        Column name to polars type. A name that differs only in case is found.

    Raises
    ------
    UsageError
        If it cannot be read, names an unknown column, or compares a number with text.
    """
    parser = _Parser(text, schema)
    value = parser.read()
    return Condition(value.expression, frozenset(parser.used))


def find_column(name: str, known: Iterable[str]) -> str:
    """Find a column by its name, in any case.

    Raises
    ------
    UsageError
        If there is no such column; the nearest are named.
    """
    names = list(known)
    if name in names:
        return name
    same = [n for n in names if n.lower() == name.lower()]
    if len(same) == 1:
        return same[0]
    raise UsageError(f"no column {name!r} here{nearest(name, names)}")


def _kind(dtype: PolarsType) -> str:
    if dtype.is_numeric():
        return "number"
    if dtype == pl.String:
        return "text"
    if dtype == pl.Boolean:
        return "boolean"
    return "list"


def like_pattern(text: str) -> str:
    """Translate a pattern of SQL LIKE (`%` anything, `_` one letter) to a regex."""
    pieces = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
    return f"(?s)^{''.join(pieces)}$"


class _Parser:
    def __init__(self, text: str, schema: Mapping[str, PolarsType]) -> None:
        self.tokens = tokenise(text)
        self.schema = schema
        self.used: set[str] = set()
        self.i = 0
        self.depth = 0

    # --- tokens ---------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.i]

    def take(self, *marks: str) -> str | None:
        """Go past the token if it is one of these marks; give the mark."""
        if self.token.kind == "mark" and self.token.value in marks:
            self.i += 1
            return self.tokens[self.i - 1].value
        return None

    def need(self, *marks: str) -> None:
        if self.take(*marks) is None:
            self.fail("expected " + " or ".join(f"`{m}`" for m in marks))

    def fail(self, what: str) -> NoReturn:
        token = self.token
        where = "at its end" if token.kind == "end" else f"at character {token.place}"
        found = "" if token.kind == "end" else f" before {token.value!r}"
        raise UsageError(
            f"the condition cannot be read {where}: {what}{found}",
            """write it like: impact == "HIGH" and af < 0.01""",
        )

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UsageError(f"the condition is nested more than {MAX_DEPTH} levels deep")

    # --- grammar --------------------------------------------------------------------

    def read(self) -> _Value:
        value = self.truth(self.either())
        if self.token.kind != "end":
            self.fail("expected `and` or `or`")
        return value

    def either(self) -> _Value:
        return self.chain("or", self.both, pl.any_horizontal)

    def both(self) -> _Value:
        return self.chain("and", self.negation, pl.all_horizontal)

    def chain(
        self, word: str, part: Callable[[], _Value], join: Callable[..., pl.Expr]
    ) -> _Value:
        first = part()
        if not (self.token.kind == "mark" and self.token.value == word):
            return first
        parts = [self.truth(first).expression]
        while self.take(word):
            parts.append(self.truth(part()).expression)
        # One flat node however long the chain: polars walks deep trees by recursion.
        return _Value(join(*parts), "boolean", f"... {word} ...")

    def negation(self) -> _Value:
        if self.take("not"):
            self.deeper()
            inner = self.truth(self.negation())
            self.depth -= 1
            return _Value(~inner.expression, "boolean", f"not {inner.text}")
        return self.comparison()

    def comparison(self) -> _Value:
        left = self.sum()
        links: list[pl.Expr] = []
        while (mark := self.take(*_COMPARE)) is not None:
            right = self.sum()
            links.append(self.compare(mark, left, right))
            left = right
        if links:
            whole = links[0] if len(links) == 1 else pl.all_horizontal(*links)
            return _Value(whole, "boolean", "a comparison")
        if self.take("is"):
            return self.null_test(left)
        if self.take("~"):
            return self.matches(left, self.pattern(), "~")
        place = self.i
        negate = self.take("not") is not None
        test = self.word_test(left)
        if test is None:
            self.i = place
            return left
        return _Value(~test.expression, "boolean", test.text) if negate else test

    def word_test(self, left: _Value) -> _Value | None:
        if self.take("in"):
            return self.one_of(left)
        if self.take("between"):
            low = self.sum()
            self.need("and")
            high = self.sum()
            both = self.compare(">=", left, low) & self.compare("<=", left, high)
            return _Value(both, "boolean", "a comparison")
        if self.take("like"):
            return self.matches(left, like_pattern(self.pattern()), "like")
        return None

    def sum(self) -> _Value:
        value = self.product()
        while (mark := self.take("+", "-")) is not None:
            value = self.calculate(mark, value, self.product())
        return value

    def product(self) -> _Value:
        value = self.sign()
        while (mark := self.take("*", "/")) is not None:
            value = self.calculate(mark, value, self.sign())
        return value

    def sign(self) -> _Value:
        if self.take("-"):
            self.deeper()
            value = self.number(self.sign())
            self.depth -= 1
            if value.literal is not None:
                return _Value(pl.lit(-value.literal), "number", str(-value.literal),
                              -value.literal)  # fmt: skip
            return _Value(-value.expression, "number", f"-{value.text}")
        return self.atom()

    def atom(self) -> _Value:
        token = self.token
        if self.take("("):
            self.deeper()
            value = self.either()
            self.need(")")
            self.depth -= 1
            return value
        if self.take("true", "false"):
            truth = token.value == "true"
            return _Value(pl.lit(truth), "boolean", token.value, truth)
        if token.kind == "mark" and token.value in ("null", "none"):
            self.fail("a comparison with null is never true: write `is null` or `is not null`")
        if token.kind not in ("number", "text", "name"):
            self.fail("expected a column, a number or 'text'")
        self.i += 1
        if token.kind == "number":
            return self.numeral(token)
        if token.kind == "text":
            return _Value(pl.lit(token.value), "text", repr(token.value), token.value)
        name = find_column(token.value, self.schema)
        self.used.add(name)
        return _Value(pl.col(name), _kind(self.schema[name]), name)

    # --- meaning --------------------------------------------------------------------

    def numeral(self, token: Token) -> _Value:
        whole = token.value.isdecimal()
        number = int(token.value) if whole and len(token.value) < 19 else float(token.value)
        return _Value(pl.lit(number), "number", token.value, number)

    def truth(self, value: _Value) -> _Value:
        if value.kind != "boolean":
            raise UsageError(
                f"{value.text} is {_KINDS[value.kind]}, not a condition",
                f"compare it with something, e.g. {value.text} is not null",
            )
        return value

    def number(self, value: _Value) -> _Value:
        if value.kind != "number":
            raise UsageError(
                f"{value.text} is {_KINDS[value.kind]}: it cannot be calculated with"
            )
        return value

    def calculate(self, mark: str, left: _Value, right: _Value) -> _Value:
        a, b = self.number(left).expression, self.number(right).expression
        if mark != "/":
            # Small integer columns must not overflow.
            a, b = a.cast(pl.Float64), b.cast(pl.Float64)
        # A long sum is a deep tree; nobody needs more than this.
        self.depth += 1
        if self.depth > 2 * MAX_DEPTH:
            raise UsageError("the condition has too long a calculation")
        return _Value(_ARITHMETIC[mark](a, b), "number", f"{left.text} {mark} {right.text}")

    def compare(self, mark: str, left: _Value, right: _Value) -> pl.Expr:
        kinds = {left.kind, right.kind}
        if "list" in kinds:
            name = left.text if left.kind == "list" else right.text
            raise UsageError(f"{name} is a list: only `is null` and `is not null` work on it")
        if len(kinds) > 1:
            raise UsageError(
                f"cannot compare {left.text} ({_KINDS[left.kind]}) with {right.text} "
                f"({_KINDS[right.kind]})"
            )
        if isinstance(left.literal, str) and isinstance(right.literal, str):
            raise UsageError(
                f"{left.text} {mark} {right.text} compares two texts",
                "a column's name goes without quotes",
            )
        return _COMPARE[mark](left.expression, right.expression)

    def null_test(self, left: _Value) -> _Value:
        negate = self.take("not") is not None
        self.need("null", "none")
        test = left.expression.is_not_null() if negate else left.expression.is_null()
        return _Value(test, "boolean", "a null test")

    def one_of(self, left: _Value) -> _Value:
        closing = {"(": ")", "[": "]"}
        opening = self.take(*closing)
        if opening is None:
            self.fail("expected a list like (1, 2)")
        values: list[Any] = []
        while self.take(closing[opening]) is None:
            if values:
                self.need(",")
                if self.take(closing[opening]):
                    break
            item = self.sign()
            if item.literal is None:
                self.fail("expected a number or 'text' in the list")
            self.compare("==", _Value(left.expression, left.kind, left.text), item)
            values.append(item.literal)
        kinds = {"number": None, "text": pl.String(), "boolean": pl.Boolean()}
        if left.kind not in kinds:
            raise UsageError(f"{left.text} is a list: only `is null` works on it")
        whole = all(isinstance(v, int) for v in values)
        dtype = kinds[left.kind] or (pl.Int64() if whole else pl.Float64())
        expression = left.expression.cast(dtype) if left.kind == "number" else left.expression
        test = expression.is_in(pl.Series("", values, dtype, strict=False).implode())
        return _Value(test, "boolean", "a list test")

    def pattern(self) -> str:
        token = self.token
        if token.kind != "text":
            self.fail("expected a pattern in quotes")
        self.i += 1
        return token.value

    def matches(self, left: _Value, pattern: str, how: str) -> _Value:
        if left.kind != "text":
            raise UsageError(f"{left.text} is {_KINDS[left.kind]}: `{how}` works on text")
        try:
            pl.Series([""]).str.contains(pattern)
        except PolarsError as error:
            reason = " ".join(str(error).split("This error occurred")[0].split())
            raise UsageError(f"{pattern!r} is no regular expression: {reason}") from None
        return _Value(left.expression.str.contains(pattern), "boolean", "a pattern test")
