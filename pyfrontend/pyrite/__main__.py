"""`python -m pyrite` is the command `pyrite`."""

import sys

from pyrite.cli import main

sys.exit(main())
