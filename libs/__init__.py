"""What the lessons share: data, pictures, animations, live views, checks.

Importing any part of this package first sets the user's own settings aside, then imports
TensorFlow, quietly: its C++ runtime writes start-up notices (which instruction sets it uses, that
it found no GPU) straight to the process's error stream, where a notebook shows them as if something
were wrong. No environment variable switches all of them off, so they are filtered out here, once.
Anything else that is written during the import still reaches the error stream.
"""

import contextlib
import os
import re
import sys
import tempfile
from pathlib import Path

from libs import settings

#: The course's folder: it holds ``libs``, ``notebooks`` and the data.
ROOT = Path(__file__).resolve().parent.parent
#: The seed from which every lesson's randomness starts.
SEED = 42

#: Lines of TensorFlow's C++ runtime that report nothing wrong (I is for information).
NOTICES = re.compile(
    r"^I\d{4} \d\d:\d\d:|absl::InitializeLog\(\)|oneDNN custom operations are on"
    r"|To enable the following instructions|use available CPU instructions"
    r"|Could not find cuda drivers"
)


@contextlib.contextmanager
def _without_notices():
    """Hold back what is written to file descriptor 2; pass on all but the known notices."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines(keepends=True):
                if not NOTICES.search(line):
                    sys.stderr.write(line)


settings.before_imports(spare=ROOT / "notebooks" / "out" / "keras")
if "tensorflow" not in sys.modules:
    with _without_notices():
        import tensorflow  # noqa: F401
settings.after_imports()
