"""`varhouse ingest` with reads: they are called first, and the calls taken in, in one go."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from varhouse.calling.driver import call
from varhouse.calling.prepare import settle
from varhouse.calling.settings import CallConfig, read_call_config
from varhouse.ingest.driver import Options, ingest, is_made
from varhouse.ingest.jobs.about import READS_RULES, RULES
from varhouse.ingest.setup.assembly import check_same_assembly, holds_data
from varhouse.store.layout import read_store_file
from varhouse.store.reader import open_store


def call_and_ingest(store: Path, config: Path, options: Options) -> tuple[int, dict[str, Any]]:
    """Call what is new or changed of the reads of a configuration, then take it in.

    Returns
    -------
    tuple
        Exit code and account of the ingest; the account of the call stands in it as
        `calling`. In a dry run in which somebody is still to be called there is only that.

    Raises
    ------
    ConfigError, StoreError, VarhouseError
        As `call` and `ingest`; that the store is of another assembly is said before any
        reads are aligned.
    """
    store = store.resolve()
    checked = read_call_config(config)
    check_store(store, checked)
    code, called = call(checked, replace(options, resources=_of(options, READS_RULES)))
    made = checked.folder / "config.yaml"
    is_open = any(p["state"] == "to call" for p in called["people"])
    if options.dry_run and (is_open or not made.exists()):
        return code, {"calling": called}
    code, account = ingest(store, made, replace(options, resources=_of(options, RULES)))
    return code, {**account, "calling": called}


def _of(options: Options, rules: tuple[str, ...]) -> list[str]:
    """List what is asked for steps among `rules`, for all steps, or for none that there is."""
    every = {*RULES, *READS_RULES}
    steps = ((text, text.partition(":")[0] if ":" in text.partition("=")[0] else "")
             for text in options.resources)  # fmt: skip
    return [text for text, step in steps if step in rules or step not in every]


def check_store(store: Path, config: CallConfig) -> None:
    """Check that calls could go into a store, if it is there and holds data."""
    if not is_made(store):
        return
    read_store_file(store)
    base = open_store(store)
    if not holds_data(base):
        return
    work = Path(tempfile.mkdtemp(prefix="varhouse-call-"))
    try:
        # What the store has compiled is used again.
        (work / "_cache").mkdir()
        for found in (store / "_cache").glob("reference-*"):
            (work / "_cache" / found.name).symlink_to(found)
        settled = settle(work, config, base)
        check_same_assembly(base, settled.config.assembly, settled.reference)
    finally:
        shutil.rmtree(work, ignore_errors=True)
