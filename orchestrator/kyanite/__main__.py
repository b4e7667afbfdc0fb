"""`python -m kyanite` is the command `kyanite`, where no script of that name is on the path."""

import sys

from kyanite.cli.main import main

sys.exit(main())
