"""A set of people of whom no two are related."""

import heapq
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def unrelated(
    samples: Sequence[str],
    pairs: npt.NDArray[np.int64],
    called: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Choose people of whom no two are a pair, and leave out few.

    Whoever has most relatives left goes, until nobody has any: of several the one with
    fewest sites called, of these the one whose name comes last. Who then has no relative
    among those who stayed comes back, the last to leave first. The same people stay, in
    whatever order they and the pairs stand. (In spirit hail's `maximal_independent_set`:
    to leave out as few as possible is a hard problem, and this comes near.)

    Parameters
    ----------
    samples
        A name of each person.
    pairs
        int64[pairs, 2]: who is related to whom, by place in `samples`; either may stand
        first, and a pair twice.
    called
        int64[people]: sites called of each.

    Returns
    -------
    bool[people]
        Who stays.
    """
    stays = np.ones(len(samples), np.bool_)
    ties: dict[int, set[int]] = {}
    for a, b in pairs.tolist():
        if a != b:
            ties.setdefault(a, set()).add(b)
            ties.setdefault(b, set()).add(a)
    # The names as numbers, so that the last comes out first.
    rank = {s: -i for i, s in enumerate(sorted({samples[p] for p in ties}))}

    def entry(person: int) -> tuple[int, int, int, int]:
        name = rank[samples[person]]
        return -len(ties[person]), int(called[person]), name, person

    relatives = {p: list(own) for p, own in ties.items()}
    left = []
    heap = [entry(p) for p in ties]
    heapq.heapify(heap)
    while heap:
        top = heapq.heappop(heap)
        person = top[3]
        if not ties[person] or top[0] != -len(ties[person]):
            continue
        stays[person] = False
        left.append(person)
        for other in ties.pop(person):
            ties[other].discard(person)
            heapq.heappush(heap, entry(other))
        ties[person] = set()
    for person in reversed(left):
        stays[person] = not stays[relatives[person]].any()
    return stays
