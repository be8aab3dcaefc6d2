#!/usr/bin/env python3
"""Holds FLOORS: a folder includes, and links, only folders above it; the lower floors touch no operating system.

Usage: check_floors.py BUILD_FOLDER    exit 1 with each arrow that runs upward.
"""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "build/release")
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "stdalign.h", "limits.h", "float.h", "string.h", "stdarg.h"}
# What lq_base and lq_engine may link besides themselves: memory and text primitives, and the check's last words.
PURE = {"memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strcmp", "strncmp", "strchr", "bcmp", "sqrt", "sqrtf",
        "__stack_chk_fail", "__memcpy_chk", "__memset_chk", "__memmove_chk", "_GLOBAL_OFFSET_TABLE_",
        "__vsnprintf_chk", "vsnprintf", "fprintf", "__fprintf_chk", "stderr", "abort"}

floors, system = [], {}
for line in (root / "FLOORS").read_text().splitlines():
    line = line.split("#")[0].split("(")[0].split()
    if line:
        floors.append(line[0])
        system[line[0]] = set(line[1:])


def floor_of(path):
    text = str(path)
    return next((f for f in floors if text == f or text.startswith(f + "/")), None)


bad = []
sources = [p for p in root.rglob("*.[ch]") if floor_of(p.relative_to(root))]
for path in sources:
    name = path.relative_to(root)
    mine = floor_of(name)
    test = re.search(r"_(test|fuzz|bench)\.c$|_testing\.h$", name.name)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, target = match.groups()
        if kind == '"':
            theirs = floor_of(target)
            if theirs and floors.index(theirs) > floors.index(mine):
                bad.append(f"{name}:{number}: {mine} stands above {theirs}: {target}")
            if "_int.h" in target and theirs != mine:
                bad.append(f"{name}:{number}: {target} is private to {theirs}")
        elif not test and "*" not in system[mine] and target not in FREESTANDING | system[mine]:
            bad.append(f"{name}:{number}: <{target}> is not for {mine}")


def symbols(library, flag):
    lines = subprocess.run(["nm", flag, str(library)], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.strip() and not line.endswith(":")}


library_of = {f: build / f"lib{f.replace('/', '_')}.a" for f in floors}
defined = {f: symbols(p, "--defined-only") for f, p in library_of.items() if p.exists()}
if len(defined) < 8:
    sys.exit(f"check_floors: no libraries under {build}; build first")
for floor, library in library_of.items():
    if floor not in defined:
        continue
    for symbol in symbols(library, "-u") - defined[floor]:
        theirs = next((f for f in floors if symbol in defined.get(f, ())), None)
        if theirs and floors.index(theirs) > floors.index(floor):
            bad.append(f"{library.name}: links {symbol} of {theirs}, which stands below it")
        sanitizer = symbol.startswith(("__asan", "__ubsan", "__sanitizer"))
        if not theirs and not sanitizer and floor.startswith(("lq_base", "lq_engine")) and symbol not in PURE:
            bad.append(f"{library.name}: links {symbol}, which is not pure")

for line in sorted(bad):
    print(f"floors: {line}", file=sys.stderr)
if bad:
    sys.exit(1)
print(f"floors: {len(floors)} floors, {len(sources)} files, {len(defined)} libraries")
