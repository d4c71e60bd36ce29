"""Settings of the protection of small counts: presets, what a configuration may say."""

from typing import Any

import pytest

from varhouse.disclosure.policy import FILE, ROLES, SmallCounts, parse, presets
from varhouse.errors import ConfigError
from varhouse.yamltext import read_yaml


@pytest.mark.parametrize(
    ("name", "least_shown"),
    [("uk_biobank", 5), ("genomics_england", 5), ("all_of_us", 21), ("none", 1)],
)
def test_a_preset_shows_what_its_policy_lets_be_shown(name: str, least_shown: int) -> None:
    # "Minimum of 5" shows 5; "no count of 1 to 20" shows 21 and no 20.
    assert {s.k for s in parse(name).values()} == {least_shown}


def test_presets_say_where_they_are_from() -> None:
    for name, preset in presets().items():
        assert all((preset.words, preset.checked, preset.certainty)), name
        assert preset.url.startswith("https://") or name == "none"
        assert preset.title.en != preset.title.zh


def test_without_a_word_small_counts_are_kept() -> None:
    assert all(parse(None)[role].protects for role in ROLES)
    assert not parse("none")["public"].protects


def test_a_role_may_differ() -> None:
    found = parse({"preset": "all_of_us", "roles": {"inside": {"k": 5, "masking": "round",
                                                             "base": 5}}})  # fmt: skip
    assert found["public"].k == found["registered"].k == 21
    assert found["inside"] == SmallCounts(5, "round", 5, name="all_of_us")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("all_of_you", "nearest: all_of_us"),
        (5, "must be a mapping"),
        ([{"k": 5}], "must be a mapping"),
        ({"preset": ["all_of_us"]}, "no preset is called"),
        ({"kk": 5}, "unknown key 'kk'"),
        ({"k": 0}, "no whole number"),
        ({"k": 2.5}, "no whole number"),
        ({"k": True}, "no whole number"),
        ({"k": 2}, "2 would keep nothing"),
        ({"masking": "blur"}, "'blur' is not one of mask, round"),
        ({"masking": "round", "base": 0}, "no whole number from 1"),
        ({"roles": {"controlled": {}}}, "unknown key 'controlled'"),
        ({"roles": ["public"]}, "must be a mapping"),
        ({"roles": {"public": 5}}, "must be a mapping"),
        ({"roles": {"public": {"first": "strata"}}}, "must be the same for all roles"),
        ({"roles": {"public": {"k": 3}}}, "role registered has k = 5"),
        ({"hierarchy": 3}, "must be a text"),
    ],
)
def test_what_would_not_keep_counts_is_refused(config: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", "\\(")) as caught:
        parse(config)
    assert "policy.small_counts" in str(caught.value)


def test_the_file_has_a_version() -> None:
    assert read_yaml(FILE)["version"]
