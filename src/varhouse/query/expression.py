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
that were not assessed. Of a list one value that fits is enough (`lists.py`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import polars as pl

from varhouse.errors import UsageError, nearest, one_of
from varhouse.query.tokens import Token, tokenise
from varhouse.query.values import (
    COMPARE,
    Link,
    Value,
    calculate,
    column_value,
    compare,
    compare_chain,
    is_one_of,
    matches,
    number,
    truth,
)
from varhouse.tables.schema import PolarsType

MAX_DEPTH = 60
"""Nested parentheses: enough for anybody, and far from the recursion limit."""


@dataclass(frozen=True)
class Condition:
    """A condition as a polars expression, and the columns that it needs."""

    expression: pl.Expr
    columns: frozenset[str]


def join_conditions(conditions: Sequence[Condition]) -> Condition | None:
    """Make one condition of several that must all hold; None of none."""
    if not conditions:
        return None
    return Condition(
        pl.all_horizontal(*(c.expression for c in conditions)),
        frozenset().union(*(c.columns for c in conditions)),
    )


def parse_where(
    text: str,
    schema: Mapping[str, PolarsType],
    several: Mapping[str, str] | None = None,
    check_word: Callable[[str, str], None] | None = None,
) -> Condition:
    """Read a condition over the columns of a table.

    Parameters
    ----------
    text
        The condition.
    schema
        Column name to polars type. A name that differs only in case is found.
    several
        Columns of `schema` that stand for several values, to the names of the columns that
        hold these as lists: a condition is about the lists.
    check_word
        Is given each column and text that are compared by `==`, `!=` or `in`; raises if the
        column cannot have it.

    Raises
    ------
    UsageError
        If it cannot be read, names an unknown column, or compares a number with text.
    """
    parser = _Parser(text, schema, several or {}, check_word)
    value = parser.read()
    return Condition(value.expression, frozenset(parser.used))


def find_column(name: str, known: Iterable[str], fix: str = "") -> str:
    """Find a column by its name, in any case.

    Parameters
    ----------
    fix
        What says all names; empty: the first ones are named.

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
    raise UsageError(f"no column {name!r} here{nearest(name, names)}", fix or one_of(names))


def like_pattern(text: str) -> str:
    """Translate a pattern of SQL LIKE (`%` anything, `_` one letter) to a regex."""
    pieces = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
    return f"(?s)^{''.join(pieces)}$"


class _Parser:
    def __init__(
        self,
        text: str,
        schema: Mapping[str, PolarsType],
        several: Mapping[str, str],
        check_word: Callable[[str, str], None] | None,
    ) -> None:
        self.tokens = tokenise(text)
        self.schema = schema
        self.several = several
        self.check_word = check_word
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

    def read(self) -> Value:
        value = truth(self.either())
        if self.token.kind != "end":
            self.fail("expected `and` or `or`")
        return value

    def either(self) -> Value:
        return self.chain("or", self.both, pl.any_horizontal)

    def both(self) -> Value:
        return self.chain("and", self.negation, pl.all_horizontal)

    def chain(
        self, word: str, part: Callable[[], Value], join: Callable[..., pl.Expr]
    ) -> Value:
        first = part()
        if not (self.token.kind == "mark" and self.token.value == word):
            return first
        parts = [truth(first).expression]
        while self.take(word):
            parts.append(truth(part()).expression)
        # One flat node however long the chain: polars walks deep trees by recursion.
        return Value(join(*parts), "boolean", f"... {word} ...")

    def negation(self) -> Value:
        if self.take("not"):
            self.deeper()
            inner = truth(self.negation())
            self.depth -= 1
            return Value(~inner.expression, "boolean", f"not {inner.text}")
        return self.comparison()

    def comparison(self) -> Value:
        left = self.sum()
        chain: list[Link] = []
        while (mark := self.take(*COMPARE)) is not None:
            right = self.sum()
            chain.append((mark, left, right))
            if mark in ("==", "!="):
                self.check_words(left, right)
            left = right
        if chain:
            return Value(compare_chain(chain), "boolean", "a comparison")
        if self.take("is"):
            return self.null_test(left)
        if self.take("~"):
            return Value(matches(left, self.pattern(), "~"), "boolean", "a pattern test")
        place = self.i
        negate = self.take("not") is not None
        test = self.word_test(left)
        if test is None:
            self.i = place
            return left
        return Value(~test.expression, "boolean", test.text) if negate else test

    def word_test(self, left: Value) -> Value | None:
        if self.take("in"):
            return self.one_of(left)
        if self.take("between"):
            low = self.sum()
            self.need("and")
            chain = [("<=", low, left), ("<=", left, self.sum())]
            return Value(compare_chain(chain), "boolean", "a comparison")
        if self.take("like"):
            found = matches(left, like_pattern(self.pattern()), "like")
            return Value(found, "boolean", "a pattern test")
        return None

    def sum(self) -> Value:
        value = self.product()
        while (mark := self.take("+", "-")) is not None:
            value = self.calculate(mark, value, self.product())
        return value

    def product(self) -> Value:
        value = self.sign()
        while (mark := self.take("*", "/")) is not None:
            value = self.calculate(mark, value, self.sign())
        return value

    def sign(self) -> Value:
        if self.take("-"):
            self.deeper()
            value = number(self.sign())
            self.depth -= 1
            if value.literal is not None:
                return Value(
                    pl.lit(-value.literal), "number", str(-value.literal), -value.literal
                )
            if value.many:
                return calculate("*", Value(pl.lit(-1), "number", "-1", -1), value)
            return Value(-value.expression, "number", f"-{value.text}")
        return self.atom()

    def atom(self) -> Value:
        token = self.token
        if self.take("("):
            self.deeper()
            value = self.either()
            self.need(")")
            self.depth -= 1
            return value
        if self.take("true", "false"):
            truth = token.value == "true"
            return Value(pl.lit(truth), "boolean", token.value, truth)
        if token.kind == "mark" and token.value in ("null", "none"):
            self.fail("a comparison with null is never true: write `is null` or `is not null`")
        if token.kind not in ("number", "text", "name"):
            self.fail("expected a column, a number or 'text'")
        self.i += 1
        if token.kind == "number":
            return self.numeral(token)
        if token.kind == "text":
            return Value(pl.lit(token.value), "text", repr(token.value), token.value)
        name = find_column(token.value, self.schema)
        held = self.several.get(name, name)
        self.used.add(held)
        return column_value(name, self.schema[name], held)

    # --- meaning --------------------------------------------------------------------

    def numeral(self, token: Token) -> Value:
        whole = token.value.isdecimal()
        number = int(token.value) if whole and len(token.value) < 19 else float(token.value)
        return Value(pl.lit(number), "number", token.value, number)

    def calculate(self, mark: str, left: Value, right: Value) -> Value:
        # A long sum is a deep tree; nobody needs more than this.
        self.depth += 1
        if self.depth > 2 * MAX_DEPTH:
            raise UsageError("the condition has too long a calculation")
        return calculate(mark, left, right)

    def null_test(self, left: Value) -> Value:
        negate = self.take("not") is not None
        self.need("null", "none")
        test = left.expression.is_not_null() if negate else left.expression.is_null()
        return Value(test, "boolean", "a null test")

    def one_of(self, left: Value) -> Value:
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
            compare("==", left, item)
            self.check_words(left, item)
            values.append(item.literal)
        return Value(is_one_of(left, values), "boolean", "a list test")

    def check_words(self, left: Value, right: Value) -> None:
        """Check a text against the column that it is compared with."""
        for column, word in ((left, right), (right, left)):
            known = column.text in self.schema and column.literal is None
            if self.check_word and known and isinstance(word.literal, str):
                self.check_word(column.text, word.literal)

    def pattern(self) -> str:
        token = self.token
        if token.kind != "text":
            self.fail("expected a pattern in quotes")
        self.i += 1
        return token.value
