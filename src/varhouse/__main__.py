"""Run the command line as `python -m varhouse`."""

import sys

from varhouse.cli import main

sys.exit(main())
