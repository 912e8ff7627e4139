"""Makes the scripts, which are no package, importable as make runs them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
