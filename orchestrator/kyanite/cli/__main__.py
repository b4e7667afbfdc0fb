"""`python -m kyanite.cli` is the command `kyanite`, where no script of that name is installed."""

import sys

from kyanite.cli.main import main

sys.exit(main())
