"""How far attacks may get: bounds, and what is above them."""

import math
from collections.abc import Mapping
from typing import Any

from varhouse.attack.assumed import RATES
from varhouse.attack.texts import BEYOND, WRONG
from varhouse.errors import ConfigError, nearest

BOUND = {"small_cells": 0.0, "differences": 0.0, "genotypes": 0.0}
"""What no release may tell, unless something else is said."""

BOUNDS = (*BOUND, "power", "fpr", "apart")


def beyond(measured: Mapping[str, Any], bound: Mapping[str, float]) -> list[str]:
    """Say which numbers are above their bound, in the reader's language.

    Parameters
    ----------
    bound
        `power` (at `fpr`, 0.05 without one), `small_cells`, `differences`, `genotypes`; what
        is not named is not bounded.
    """
    said = []
    rate = str(float(bound.get("fpr", RATES[0])))
    if "power" in bound:
        power = measured["power"].get(rate)
        if power is None or power > bound["power"]:
            told = "?" if power is None else f"{power:.3f}"
            said.append(BEYOND["power"].say(value=told, rate=rate, most=bound["power"]))
    for name in ("small_cells", "differences", "genotypes"):
        if name in bound and measured[name] > bound[name]:
            said.append(BEYOND[name].say(value=measured[name], most=bound[name]))
    return said


def bounds_of(said: Mapping[str, Any]) -> dict[str, float]:
    """Read the bounds of a policy of small counts, over those that hold without any (`BOUND`).

    Parameters
    ----------
    said
        Those of `beyond`, and `apart` of `Assumed`; null: not bounded.

    Raises
    ------
    ConfigError
        If something of it is not known, or no number from 0 up, or `fpr` is none of RATES.
    """
    out = dict(BOUND)
    wrong = []
    for name, value in said.items():
        if name not in BOUNDS:
            wrong.append(WRONG["name"].say(name=name, near=nearest(str(name), BOUNDS)))
        elif value is None:
            out.pop(name, None)
        elif (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < 0
        ):
            wrong.append(WRONG["value"].say(name=name, value=value))
        elif name == "fpr" and value not in RATES:
            # Of no other is the power measured, so every release would be above its bound.
            wrong.append(WRONG["rate"].say(value=value, rates=", ".join(map(str, RATES))))
        else:
            out[name] = float(value)
    if wrong:
        raise ConfigError(wrong, "in policy.small_counts, attack")
    return out
