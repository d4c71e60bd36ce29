"""YAML that people write: bounded, without surprises.

PyYAML builds what a text says by recursion and lets an alias stand for a node that holds
it; both end in a traceback, and ten lines of aliases can stand for 10^9 nodes. Of a key
that stands twice in a mapping it keeps the second without a word, which YAML 1.2.2
(section 3.2.1.3, "keys ... are unique") forbids.
"""

from pathlib import Path
from typing import Any

import yaml

from varhouse.errors import InputError
from varhouse.textfile import read_text

DEEPEST = 50
"""Levels of mappings and lists; a configuration has five."""

MOST_NODES = 2_000_000
"""Nodes, each alias counted as all that it stands for."""

MOST_BYTES = 64 << 20


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key that stands twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    merges = [k for k, _ in node.value if k.tag == "tag:yaml.org,2002:merge"]
    own: set[Any] = set()
    for key, _ in node.value:
        if key in merges:
            continue
        said = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
        if said in own:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key.value!r} stands twice", key.start_mark
            )
        own.add(said)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _day(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except (ValueError, AttributeError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.value!r} is no day ({error})", node.start_mark
        ) from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)


def read_yaml(path: Path) -> Any:
    """Read a YAML file of one document.

    Raises
    ------
    InputError
        If it is no YAML, no UTF-8, too deep or too large, refers to itself, or says a key
        of a mapping twice.
    """
    text = read_text(path, MOST_BYTES)
    try:
        _check_size(path, text)
        return yaml.load(text, Loader=_Loader)
    except (
        yaml.YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        # PyYAML's constructors raise whatever: a date such as 2026-13-45, an integer of
        # 5,000 digits, `!!bool x`, `!!int ''`, `!!timestamp x`, `!!map [a]`.
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())[:400]}") from error


def _check_size(path: Path, text: str) -> None:
    """Walk the events, which needs no recursion, and count what they would build."""
    open_nodes: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{path}:{event.start_mark.line + 1}" if event.start_mark else str(path)
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise InputError(f"{where}: *{event.anchor} stands inside of itself")
            count += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
        if len(open_nodes) > DEEPEST:
            raise InputError(f"{where}: more than {DEEPEST} levels of mappings and lists")
        if count > MOST_NODES:
            raise InputError(f"{where}: more than {MOST_NODES:,} values")
