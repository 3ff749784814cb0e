"""The markers of a source notebook: each is read in one way, whoever needs it."""

import re


class Region:
    """Lines between ``### BEGIN NAME`` and ``### END NAME``, as nbgrader's format has them.

    Parameters
    ----------
    name : str
    indented : bool
        Whether the two may be.
    """

    def __init__(self, name: str, indented: bool) -> None:
        self.name = name
        indent = r"[ \t]*" if indented else ""
        begin, end = (rf"^{indent}### {word} {name}[ \t]*$\n?" for word in ("BEGIN", "END"))
        self._marker = re.compile(f"{begin}|{end}", re.M)
        self._whole = re.compile(f"{begin}(.*?){end}", re.M | re.S)
        # what nbgrader takes for a marker, and what an author would
        near = rf"(?i:^[ \t]*#+ *(?:BEGIN|END)\b.*\b{name.split()[0]})"
        self._like = re.compile(rf"{near}|(?:BEGIN|END) {name}", re.M)

    def bodies(self, source: str) -> list[str]:
        """Return what stands in each region."""
        return self._whole.findall(source)

    def without(self, source: str) -> str:
        """Return a source without its regions."""
        return self._whole.sub("", source)

    def unmarked(self, source: str) -> str:
        """Return a source without the regions' first and last lines."""
        return self._marker.sub("", source)

    def problem(self, source: str) -> str:
        """Say what is wrong if a source holds a marker that begins or ends no region, else ''."""
        if len(self._like.findall(source)) == 2 * len(self.bodies(source)):
            return ""
        first, last = f"### BEGIN {self.name}", f"### END {self.name}"
        return f"its lines “{first}” and “{last}” must be exactly these, and come in pairs"


SOLUTION = Region("SOLUTION", indented=True)
HIDDEN_TESTS = Region("HIDDEN TESTS", indented=False)
STORED = Region("STORED", indented=True)  # what makes stored numbers, run at release only


def answer_of(test_name: str) -> str:
    """Return the name of the answer that a test cell tests: ``x-test`` and ``x-test-2`` test x."""
    return re.sub(r"-test(-\d+)?$", "", test_name)
