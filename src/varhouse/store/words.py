"""Where the id of a person stands in a text: one rule for whoever looks for it.

Ids stand in names of files, paths, command lines and messages: `S1_2026.vcf.gz`, `-I
/data/S1_dedup.bam`, `sample 'S1'`. An id stands there as a word, beside no letter and no
digit; `_` parts words. An id that is a number is none where it is part of a longer one, of a
version or a date (`1` of `1.10.2`, `11` of `2026-11-30`).
"""

import re
from collections.abc import Collection, Mapping

REMOVED = "removed"
"""What stands in a text in place of an id."""

_LETTER = re.compile(r"[^\W\d_]")
_OPENS, _CLOSES = r"(?<![^\W_])", r"(?![^\W_])"
_NO_NUMBER_BEFORE, _NO_NUMBER_AFTER = r"(?<!\d[.+\-])", r"(?![.+\-]\d)"


class Words:
    """Finds ids of people as words of a text.

    Parameters
    ----------
    ids
        Sample ids; empty ones are none.
    """

    def __init__(self, ids: Collection[str]) -> None:
        self._ids = frozenset(filter(None, ids))
        # The longest first: `S1-b` is not `S1` and a rest.
        ordered = sorted(self._ids, key=lambda i: (-len(i), i))
        named = "|".join(re.escape(i) for i in ordered if _LETTER.search(i))
        numbers = "|".join(re.escape(i) for i in ordered if not _LETTER.search(i))
        self._found = []
        if named:
            self._found.append(re.compile(f"{_OPENS}(?:{named}){_CLOSES}"))
        if numbers:
            before, after = _OPENS + _NO_NUMBER_BEFORE, _CLOSES + _NO_NUMBER_AFTER
            self._found.append(re.compile(f"{before}(?:{numbers}){after}"))

    def __bool__(self) -> bool:
        """Tell whether there is anybody to look for."""
        return bool(self._ids)

    def __contains__(self, text: str) -> bool:
        """Tell whether an id stands in a text."""
        return any(found.search(text) for found in self._found)

    def is_id(self, text: str) -> bool:
        """Tell whether a text is an id and nothing else."""
        return text in self._ids

    def remove(self, text: str) -> str:
        """Put `REMOVED` in place of each id."""
        for found in self._found:
            text = found.sub(REMOVED, text)
        return text

    def mask(self, text: str, give: Mapping[str, str]) -> str:
        """Put what `give` has for it in place of each id."""
        for found in self._found:
            text = found.sub(lambda match: give[match[0]], text)
        return text
