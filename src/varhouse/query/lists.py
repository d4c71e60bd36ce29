"""Conditions on values that an allele has several of: one that fits is enough.

An allele has a list of genes, of rs ids, and of each field of a source that holds it in
several records. `==`, `<`, `in`, `between`, `like` and `~` ask whether some value of the
list fits; `!=`, `not in`, `not like` are their negations: no value does. A chain
`0 < x <= 0.1` and `between` ask it of one and the same value. A null list, as any null, is
neither true nor false; an empty list holds no value.
"""

from collections.abc import Callable

import polars as pl

Test = Callable[[pl.Expr], pl.Expr]
Compare = Callable[[pl.Expr, pl.Expr], pl.Expr]

FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""Signs with their sides changed."""


def some(values: pl.Expr, test: Test) -> pl.Expr:
    """Whether a test holds for some value of a list; null values fit nothing."""
    return values.list.eval(test(pl.element())).list.any()


def compare_list(mark: str, values: pl.Expr, other: pl.Expr, op: Compare) -> pl.Expr:
    """Compare a list with a column or literal: `==`, `<`, ... of some value, `!=` of all.

    Parameters
    ----------
    mark
        The sign, with the list at its left.
    op
        What the sign does with two values.
    """
    if mark in ("==", "!="):
        held = values.list.drop_nulls().list.contains(other)
        return pl.when(other.is_not_null()).then(~held if mark == "!=" else held)
    return op(_extreme(values, least=mark in ("<", "<=")), other)


def compare_lists(mark: str, left: pl.Expr, right: pl.Expr, op: Compare) -> pl.Expr:
    """Compare two lists: `==`, `<`, ... of some pair of their values, `!=` of all pairs."""
    if mark in ("==", "!="):
        common = left.list.set_intersection(right).list.drop_nulls().list.len() > 0
        return ~common if mark == "!=" else common
    least = mark in ("<", "<=")
    return op(_extreme(left, least=least), _extreme(right, least=not least))


def _extreme(values: pl.Expr, *, least: bool) -> pl.Expr:
    # `list.max` takes no text.
    ordered = values.list.drop_nulls().list.sort()
    return ordered.list.first() if least else ordered.list.last()
