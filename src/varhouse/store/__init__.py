"""The variation store: Delta tables of sorted Parquet, and releases that pin them.

A store is a directory::

    open/<table>/               aggregates: a Delta table each
    controlled/<table>/         anything about single people
    _store/store.json           format version, assembly, the version that made it
    _store/releases/00000001.json   one record a release: the Delta version of each table
    _store/files/<ingest>.json  rows, digest and statistics of the files of an ingest
    _store/errata/00000001.json what was said of a release later: withdrawn, sealed
    _store/ledger/              who was withdrawn, as keyed hashes; open to the owner alone
    _store/governed.json        how far ledger and audit log had come
    _store/governance/          ledger of permits (docs/ledger.md); its private/ is the owner's
    _store/receipts/N.json      what a withdrawal did, and where the people still are
    _store/tags/<name>          the release number a name stands for
    _store/retention.json       which releases are kept, if not all
    _store/lock.json            who is writing, while somebody is
    _staging/<ingest>/          work folders of ingests; nothing in them is visible

Delta commits one table at a time, an ingest changes many. So readers go through the
release records: a record is written last, in one step, and pins one Delta version of
each table. What no record pins does not exist.
"""
