#!/usr/bin/env python3
"""Writes into crates/core/src/render/engine/jinja2-answers.json what Jinja 2 itself makes of each template there.

To add a template, put {"template": "…"} into the list and run this with a Python that has jinja2==3.1.6:

    python3 -m venv /tmp/jinja && /tmp/jinja/bin/pip install jinja2==3.1.6 && /tmp/jinja/bin/python tools/jinja2-answers.py

An entry gets "answer", or "error" with what Jinja 2 said. "differs" and what Syncline does instead ("here", a text, or
null where it refuses) are written by hand and kept.
"""

import copy
import json
import pathlib
import re

import jinja2

PATH = pathlib.Path(__file__).parent.parent / "crates/core/src/render/engine/jinja2-answers.json"


def ask(template, context):
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    try:
        answer = environment.from_string(template).render(copy.deepcopy(context))
        # An address in memory is another one each time.
        return {"answer": re.sub(r"0x[0-9a-f]{6,}", "0x…", answer)}
    except Exception as error:  # whatever it is, the template does not render
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    data = json.loads(PATH.read_text())
    lines = []
    for entry in data["answers"]:
        kept = {key: entry[key] for key in ("differs", "here") if key in entry}
        entry = {"template": entry["template"], **ask(entry["template"], data["context"]), **kept}
        lines.append("    " + json.dumps(entry, ensure_ascii=False))
    context = json.dumps(data["context"], ensure_ascii=False)
    PATH.write_text('{\n  "jinja2": %s,\n  "context": %s,\n  "answers": [\n%s\n  ]\n}\n'
                    % (json.dumps(jinja2.__version__), context, ",\n".join(lines)))


if __name__ == "__main__":
    main()
