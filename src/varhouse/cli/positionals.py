"""Words on a command line that belong to no option, wherever they stand among options."""

import argparse
from collections.abc import Sequence

_SEVERAL = (argparse.ZERO_OR_MORE, argparse.ONE_OR_MORE)


def fill_positionals(
    actions: Sequence[argparse.Action], found: argparse.Namespace, rest: Sequence[str]
) -> list[str]:
    """Give the positionals that may be left out the words that argparse calls unknown.

    argparse fills them with what stands before the first option behind the others, or leaves
    them empty.

    Parameters
    ----------
    actions
        The positionals of a command.
    found
        What argparse made of the words; filled.
    rest
        Words that it had no place for. With an option among them nothing is filled, as it is
        unknown which of them are its values.

    Returns
    -------
    list
        The words that there is no place for.
    """
    left = list(rest)
    if any(word.startswith("-") for word in left):
        return left
    for action in actions:
        kind = action.type if callable(action.type) else str
        if not left:
            break
        if action.nargs == argparse.OPTIONAL and getattr(found, action.dest) is None:
            setattr(found, action.dest, kind(left.pop(0)))
        elif action.nargs in _SEVERAL:
            more = [kind(word) for word in left]
            setattr(found, action.dest, [*(getattr(found, action.dest) or ()), *more])
            left = []
    return left
