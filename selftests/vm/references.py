#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Names what documentation and comments refer to and is not there.

selftests/vm/references.py TOP

A reader who looks for fsk_something() or room.c must find it.  Looks at the
Documentation and at all that kbuild compiles; knows names of the kernel's own
files only if they are written with their folder.  Nothing is printed if all is
well.
"""

import pathlib
import re
import sys

NAME = re.compile(r"\b(?:fsk|FSK)_\w+\b(?!\*)")
FILE = re.compile(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.[ch]\b(?!\w)")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
INCLUDE = re.compile(r'^#\s*include.*$', re.M)


def main():
    """Prints references that lead nowhere; fails if there are any."""
    top = pathlib.Path(sys.argv[1])
    sources = [path for folder in ("net", "include", "selftests", "tools")
               for path in (top / folder).rglob("*")
               if path.suffix in (".c", ".h", ".sh", ".py", ".lua")]
    texts = {path: path.read_text() for path in sources}
    code = "\n".join(COMMENT.sub(" ", text) for path, text in texts.items())
    names = set(NAME.findall(code))
    # What macros paste together.
    pasted = tuple(re.findall(r"\b((?:fsk|FSK)_\w*)##", code))
    files = {path.name for path in sources} | \
        {name.rsplit("/", 1)[-1] for text in texts.values()
         for name in re.findall(r'#\s*include [<"](.*)[>"]', text)}
    readers = {path: "\n".join(COMMENT.findall(INCLUDE.sub("", text)))
               for path, text in texts.items()
               if path.is_relative_to(top / "net") or
               path.is_relative_to(top / "include")}
    readers.update((path, path.read_text())
                   for path in (top / "Documentation").glob("*.rst"))
    wrong = []
    for path, text in sorted(readers.items()):
        for name in sorted(set(NAME.findall(text))):
            if name not in names and not name.endswith("_") and \
                    not (pasted and name.startswith(pasted)):
                wrong.append(f"{path.relative_to(top)}: {name}")
        for name in sorted(set(FILE.findall(text))):
            if name.rsplit("/", 1)[-1] not in files and \
                    "NAME" not in name:
                wrong.append(f"{path.relative_to(top)}: {name}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
