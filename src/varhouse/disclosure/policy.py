"""What the protection of small counts is set to: presets as their policies say, and ours.

`data/governance/small-counts.yaml` has the presets, each with the words of the policy that it
follows, its source and how sure we are. A configuration (`policy.small_counts`) chooses one
and may say more, for all roles or for one: `parse`.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError, nearest
from varhouse.governed import INSIDE, PUBLIC, REGISTERED
from varhouse.language import Text
from varhouse.yamltext import read_yaml

FILE = Path(__file__).resolve().parents[1] / "data" / "governance" / "small-counts.yaml"

DEFAULT_PRESET = "uk_biobank"
ROLES = (PUBLIC, REGISTERED, INSIDE)
"""Roles that see counts through protection; who is `controlled` reads the store itself."""

MASK, ROUND = "mask", "round"
SHOW, HIDE = "show", "hide"
STRATA, COHORTS = "strata", "cohorts"
COPIES, GENOTYPES = "copies", "genotypes"

LEAST_K = 3
"""With 2, a masked number would be 1, and nothing else."""


@dataclass(frozen=True)
class SmallCounts:
    """How small counts are kept from a role.

    Attributes
    ----------
    k
        Least number of people, other than 0, that is shown. A policy that says "no count of 1
        to 20" has 21, one that says "minimum of 5" has 5. 1: nothing is kept.
    masking
        MASK: what is too small is null, and so is what it would follow from. ROUND: what is
        left is rounded as well.
    base
        Of ROUND, to multiples of what counts are rounded; what is not 0 never becomes 0.
    rare_alleles
        HIDE: an allele of which the total may not be shown is not shown at all, for that it
        exists says that somebody carries it. SHOW: it is there, with its numbers masked.
    first
        What is shown where not all can be: COHORTS, or STRATA of all cohorts together. Both at
        once would let cells of the one follow from the other. The same for all roles.
    detail
        What is shown of an allele where not all can be: COPIES (ac, an, af) of as many groups
        as may be, or GENOTYPES, with copies, of those groups of which these may be shown too.
    hierarchy
        Column of the sample sheet that has coarser levels (provinces); empty: none.
    least_people
        Cohorts of fewer people are not in a view: `fewest` says how many that is. 0: 2 k - 1.
    name
        The preset that it was made from.
    attack, budget
        Bounds of the attacks on a release, and of queries: `varhouse.attack` reads them.
    """

    k: int = 5
    masking: str = MASK
    base: int = 1
    rare_alleles: str = HIDE
    first: str = COHORTS
    detail: str = COPIES
    hierarchy: str = ""
    least_people: int = 0
    name: str = ""
    attack: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)

    @property
    def protects(self) -> bool:
        """Tell whether anything is kept."""
        return self.k > 1

    @property
    def rounding(self) -> int:
        """Say to multiples of what counts are rounded; 1: they are not."""
        return self.base if self.masking == ROUND else 1

    @property
    def fewest(self) -> int:
        """Give the least people of a cohort that is in a view.

        Fewer than 2 k - 1 people have fewer than 2 (2 k - 1) copies: of hardly any allele that
        some of them carry could a number be shown, and of each a cohort next to them would be
        masked as well.
        """
        return max(self.k, self.least_people or 2 * self.k - 1)

    def as_dict(self) -> dict[str, Any]:
        """Give all that it says, for a digest or an account."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in said.items()}


@dataclass(frozen=True)
class Preset:
    """A policy that somebody has published, or none.

    Attributes
    ----------
    name, title
        What it is called.
    words, url, checked, certainty
        What the policy says in short, where, when we looked, and how sure we are.
    settings
        For all roles.
    roles
        What differs for a role.
    """

    name: str
    title: Text
    words: str
    url: str
    checked: str
    certainty: str
    settings: SmallCounts
    roles: dict[str, SmallCounts]


CHOICES = {
    "masking": (MASK, ROUND),
    "rare_alleles": (SHOW, HIDE),
    "first": (STRATA, COHORTS),
    "detail": (COPIES, GENOTYPES),
}
_NUMBERS = {"k": (1, 1_000_000), "base": (1, 1_000_000), "least_people": (0, 1_000_000)}
_SAID = ("words", "url", "checked", "certainty")
_PASSED_ON = ("attack", "budget")
_SETTINGS = (*_NUMBERS, *CHOICES, "hierarchy", *_PASSED_ON)

WRONG = {
    "mapping": Text("{where} must be a mapping", "{where} 必须是键值对"),
    "unknown": Text("{where}: unknown key {key!r}{near}", "{where}: 未知的键 {key!r}{near}"),
    "preset": Text(
        "{where}: no preset is called {preset!r}{near}",
        "{where}: 没有名为 {preset!r} 的预设{near}",
    ),
    "choice": Text(
        "{where}.{key}: {value!r} is not one of {choices}",
        "{where}.{key}: {value!r} 不在可选值 {choices} 之中",
    ),
    "number": Text(
        "{where}.{key}: {value!r} is no whole number from {low} to {high}",
        "{where}.{key}: {value!r} 不是 {low} 至 {high} 的整数",
    ),
    "two": Text(
        "{where}.k: 2 would keep nothing, for a masked number could only be 1; use 3 or more,"
        " or 1 for no protection",
        "{where}.k: 取 2 起不到保护作用, 因为被屏蔽的数只可能是 1;"
        " 请用 3 或以上, 或用 1 表示不保护",
    ),
    "first": Text(
        "{where}: `first` must be the same for all roles, for whoever sees one view sees the"
        " more open ones",
        "{where}: 各角色的 first 必须一致, 因为能看某一视图的人也能看更公开的视图",
    ),
    "order": Text(
        "{where}: role {role} has k = {k}, greater than that of the more open role {other};"
        " what is kept from few would be shown to all",
        "{where}: 角色 {role} 的 k = {k} 大于更公开的角色 {other};"
        " 对少数人屏蔽的数会对所有人显示",
    ),
    "text": Text("{where}.{key} must be a text", "{where}.{key} 必须是文本"),
}  # fmt: skip
WAY_OUT = Text(
    "see docs/small-counts.md for what can be set", "可设置的内容见 docs/zh/small-counts.md"
)


def _wrong(name: str, **values: Any) -> ConfigError:
    return ConfigError([f"{WRONG[name].say(**values)}; {WAY_OUT.say()}"])


def _settings(said: Any, base: SmallCounts, where: str) -> SmallCounts:
    """Read settings over those that they change."""
    if not isinstance(said, Mapping):
        raise _wrong("mapping", where=where)
    for key in said:
        if key not in _SETTINGS:
            raise _wrong("unknown", where=where, key=key, near=nearest(str(key), _SETTINGS))
    for key, choices in CHOICES.items():
        if key in said and said[key] not in choices:
            raise _wrong(
                "choice", where=where, key=key, value=said[key], choices=", ".join(choices)
            )
    for key, (low, high) in _NUMBERS.items():
        value = said.get(key, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong("number", where=where, key=key, value=value, low=low, high=high)
    if not isinstance(said.get("hierarchy", ""), str):
        raise _wrong("text", where=where, key="hierarchy")
    for key in _PASSED_ON:
        if not isinstance(said.get(key, {}), Mapping):
            raise _wrong("mapping", where=f"{where}.{key}")
    out = replace(base, **said)
    if 1 < out.k < LEAST_K:
        raise _wrong("two", where=where)
    return out


def _check_roles(found: Mapping[str, SmallCounts], where: str) -> None:
    """Refuse settings of roles that would undo one another."""
    if len({s.first for s in found.values()}) > 1:
        raise _wrong("first", where=where)
    for wider, role in itertools.pairwise(ROLES):
        if found[role].k > found[wider].k:
            raise _wrong("order", where=where, role=role, k=found[role].k, other=wider)


@cache
def presets() -> dict[str, Preset]:
    """Read the presets that come with varhouse: name to preset."""
    out = {}
    for name, said in read_yaml(FILE)["presets"].items():
        where = f"{FILE.name}: {name}"
        settings = _settings(said["settings"], SmallCounts(name=name), where)
        own = {
            role: _settings(said.get("roles", {}).get(role, {}), settings, where)
            for role in ROLES
        }
        _check_roles(own, where)
        title = Text(said["title"]["en"], said["title"]["zh"])
        words, url, checked, certainty = (str(said[key]) for key in _SAID)
        out[name] = Preset(name, title, words, url, checked, certainty, settings, own)
    return out


def parse(
    config: Mapping[str, Any] | str | None, where: str = "policy.small_counts"
) -> dict[str, SmallCounts]:
    """Read the settings of a configuration.

    Parameters
    ----------
    config
        Name of a preset, or a mapping: `preset`, settings for all roles, and `roles` with
        settings of single ones. None: the default preset.

    Returns
    -------
    dict[str, SmallCounts]
        Of each role that sees protected counts: public, registered, inside.

    Raises
    ------
    ConfigError
        If something of it is unknown or would keep nothing.
    """
    given: Any = {} if config is None else config
    if not isinstance(given, str | Mapping):
        raise _wrong("mapping", where=where)
    said: dict[str, Any] = {"preset": given} if isinstance(given, str) else dict(given)
    name = said.pop("preset", DEFAULT_PRESET)
    if not isinstance(name, str) or name not in presets():
        near = nearest(str(name), presets())
        raise _wrong("preset", where=where, preset=name, near=near)
    preset = presets()[name]
    by_role: Any = said.pop("roles", {})
    if not isinstance(by_role, Mapping):
        raise _wrong("mapping", where=f"{where}.roles")
    for role in by_role:
        if role not in ROLES:
            near = nearest(str(role), ROLES)
            raise _wrong("unknown", where=f"{where}.roles", key=role, near=near)
    out = {}
    for role in ROLES:
        for_all = _settings(said, preset.roles[role], where)
        out[role] = _settings(by_role.get(role, {}), for_all, f"{where}.roles.{role}")
    _check_roles(out, where)
    return out
