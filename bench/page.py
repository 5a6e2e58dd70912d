"""Pages of which a benchmark writes a part: RESULTS.md, of which each writes one, and others."""

import pathlib
import re

PAGE = pathlib.Path(__file__).parent / "RESULTS.md"


def write_part(name, lines, page=PAGE):
    """Puts a part in the place of what that benchmark wrote before, or at the end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    part = "\n".join([begin, "", *lines, "", end])
    text = page.read_text()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    found = pattern.sub(lambda _: part, text) if pattern.search(text) else f"{text.rstrip()}\n\n{part}\n"
    page.write_text(found)
