"""What REF and ALT share at their ends, for the compiled passes over alleles."""

from numba import njit


@njit(cache=True, nogil=True)
def trim_ends(ref, r0, r1, alt, a0, a1):  # type: ignore[no-untyped-def]
    """Take off the bases that two alleles share, in front first, then behind.

    Parameters
    ----------
    ref, alt
        uint8: base codes (A, C, G, T are 0 to 3; what is above is shared with nothing).
    r0, r1, a0, a1
        Where the two alleles begin and end.

    Returns
    -------
    r0, r1, a0, a1
        Where what is left of them begins and ends; one may be empty.
    """
    while r1 > r0 and a1 > a0 and ref[r0] == alt[a0] and ref[r0] < 4:
        r0 += 1
        a0 += 1
    while r1 > r0 and a1 > a0 and ref[r1 - 1] == alt[a1 - 1] and ref[r1 - 1] < 4:
        r1 -= 1
        a1 -= 1
    return r0, r1, a0, a1
