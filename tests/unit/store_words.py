"""`varhouse store ...` in this process."""

import argparse

from varhouse.cli import store


def run(*words: object) -> int:
    """Run the command as `varhouse store ...` does, errors as they are raised."""
    parser = argparse.ArgumentParser()
    store.add_parser(parser.add_subparsers())
    args = parser.parse_args(["store", *map(str, words)])
    code: int = args.run(args)
    return code
