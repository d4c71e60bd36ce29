"""The vectors of the VRS specification: serialisation, digest and id."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from varhouse.identify.sha512 import LANES, sha512t24u
from varhouse.identify.vrs import SIZE, vrs_ids, write_allele, write_location

# `validation/models.yaml` of ga4gh/vrs (Apache-2.0): one literal state, one derived.
MODELS = """
Allele:
  - in:
      location:
        end: 44908822
        start: 44908821
        sequenceReference: {refgetAccession: SQ.IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl}
      state: {sequence: T, type: LiteralSequenceExpression}
    out:
      ga4gh_identify: ga4gh:VA.0AePZIWZUNsUlQTamyLrjm2HWUw2opLt
      ga4gh_serialize: '{"location":"wIlaGykfwHIpPY2Fcxtbx4TINbbODFVz","state":{"sequence":\
"T","type":"LiteralSequenceExpression"},"type":"Allele"}'
  - in:
      location:
        end: 40819446
        start: 40819438
        sequenceReference: {refgetAccession: SQ.Ya6Rs7DHhDeg7YaOSg1EoNi3U_nQ9SvO}
      state: {length: 11, repeatSubunitLength: 3, type: ReferenceLengthExpression}
    out:
      ga4gh_identify: ga4gh:VA.Oop4kjdTtKcg1kiZjIJAAR3bp7qi4aNT
      ga4gh_serialize: '{"location":"nQGBuvRQOLEboA5TYtcz975fp_GulxbZ","state":{"length":11,\
"repeatSubunitLength":3,"type":"ReferenceLengthExpression"},"type":"Allele"}'
""".replace("\\\n", "")


def digest(text: bytes) -> str:
    messages, out = np.zeros((LANES, 1024), np.uint8), np.zeros(32 * LANES, np.uint8)
    messages[0, : len(text)] = np.frombuffer(text, np.uint8)
    sizes = np.array([len(text)] + [0] * (LANES - 1))
    state, words = np.zeros((8, LANES), np.uint64), np.zeros((16, LANES), np.uint64)
    sha512t24u(messages, sizes, out, 32 * np.arange(LANES), state, words)
    return out[:32].tobytes().decode()


def location_text(location: dict[str, Any]) -> bytes:
    message = np.zeros(512, np.uint8)
    refget = np.frombuffer(location["sequenceReference"]["refgetAccession"].encode(), np.uint8)
    start, end = location["start"], location["end"]
    n = write_location(refget, 0, refget.size, start, end, message)
    return message[:n].tobytes()


def allele_text(allele: dict[str, Any]) -> bytes:
    message, state = np.zeros(512, np.uint8), allele["state"]
    bases = np.frombuffer(state.get("sequence", "").encode(), np.uint8)
    where = np.frombuffer(digest(location_text(allele["location"])).encode(), np.uint8)
    n = write_allele(
        where,
        state.get("length", 0),
        state.get("repeatSubunitLength", 0),
        bases,
        0,
        bases.size,
        message,
    )
    return message[:n].tobytes()


def identify(allele: dict[str, Any]) -> str:
    state, where = allele["state"], allele["location"]
    refget = np.frombuffer(where["sequenceReference"]["refgetAccession"].encode(), np.uint8)
    bases = np.frombuffer(state.get("sequence", "").encode(), np.uint8)
    out = vrs_ids(
        np.zeros(1, np.int32),
        refget,
        np.array([0, refget.size]),
        np.array([where["start"]]),
        np.array([where["end"]]),
        np.array([state.get("length", 0)]),
        np.array([state.get("repeatSubunitLength", 0)]),
        bases,
        np.array([0, bases.size]),
    )
    assert out.size == SIZE
    return out.tobytes().decode()


def check_alleles(models: dict[str, Any]) -> int:
    for case in models["Allele"]:
        given, wanted = case["in"], case["out"]
        assert allele_text(given).decode() == wanted["ga4gh_serialize"]
        assert identify(given) == wanted["ga4gh_identify"]
    return len(models["Allele"])


def test_alleles() -> None:
    assert check_alleles(yaml.safe_load(MODELS)) == 2


@pytest.mark.real
def test_the_vectors_of_the_specification(data_dir: Path) -> None:
    folder = data_dir / "vrs" / "vrs"
    models = yaml.safe_load((folder / "models.yaml").read_text())
    assert check_alleles(models) == 2
    plain = [
        c
        for c in models["SequenceLocation"]
        if isinstance(c["in"]["start"], int) and isinstance(c["in"]["end"], int)
    ]
    assert len(plain) == 1
    for case in plain:
        text = location_text(case["in"])
        assert text.decode() == case["out"]["ga4gh_serialize"]
        assert digest(text) == case["out"]["ga4gh_digest"]
    functions = yaml.safe_load((folder / "functions.yaml").read_text())
    for case in functions["sha512t24u"]:
        assert digest(case["in"]["blob"].encode()) == case["out"]
