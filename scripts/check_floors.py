#!/usr/bin/env python3
"""Holds FLOORS: a folder includes, and links, only folders above it; and nothing but lq_host, lq_local and apps reaches outside.

Time, disk, network, threads, randomness and the environment have one door, lq_host. What else a floor may link is listed
below, with the reason; a symbol that is not listed is refused. It cannot see a system call made in assembly, or one made by a library
that is allowed (SQLite's own files).

Usage: check_floors.py BUILD_FOLDER                 exit 1 with each arrow that runs upward, each symbol out of place
       check_floors.py --self-test BUILD_FOLDER     plants a fault of each kind and fails when one goes unseen
"""
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "stdalign.h", "limits.h", "float.h", "string.h", "stdarg.h"}
TEST = re.compile(r"_(test|fuzz|bench)\.c$|_testing\.h$")
# What any floor may link: memory and text primitives, the compiler's own, and the last words of a failed check.
PURE = {"memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strcmp", "strncmp", "strchr", "bcmp", "sqrt", "sqrtf",
        "__stack_chk_fail", "__memcpy_chk", "__memset_chk", "__memmove_chk", "_GLOBAL_OFFSET_TABLE_",
        "__vsnprintf_chk", "vsnprintf", "fprintf", "__fprintf_chk", "stderr", "abort"}
# What the service may, too. Memory is not the simulator's to replace (it makes malloc fail at will); the rest
# computes on the caller's bytes. No program of ours calls setlocale, so strtof and snprintf know one locale.
SERVICE = PURE | {"malloc", "calloc", "realloc", "free", "snprintf", "__snprintf_chk", "strtof", "strtoul", "qsort",
                  "memmem", "strrchr", "strstr", "strcspn", "strtok_r", "strncasecmp",
                  "__udivti3", "__umodti3", "__udivmodti4"}  # the last: 128-bit division, the compiler's own
# A floor and the libraries that its line in CMakeLists.txt names: of libfyaml only what parses memory, not files.
LIBRARIES = {"lq_service/release": r"fy_(diag|event|token)_\w+|fy_parser_(create|destroy|parse|event_free|set_string|get_stream_error)",
             "lq_service/gateway": r"llhttp_\w+",
             "lq_local": r"sqlite3_\w+"}
# Members of liblq_host.a that stay when a simulator stands in for the rest, each with what it takes of the C library, libcrypto and
# libsodium: what computes on the caller's bytes, and nothing that draws random numbers or makes a key.
EVP = r"EVP_(?!RAND|PKEY_(keygen|paramgen|generate|Q_keygen|encrypt|encapsulate))\w+"
DIGESTS = {"crypto.c.o": (PURE | {"pthread_once"}, rf"{EVP}|HMAC|CRYPTO_memcmp"),
           "seal.c.o": (PURE | {"pthread_once"}, rf"{EVP}|HMAC|OPENSSL_cleanse|sodium_init|crypto_pwhash"),
           "sign.c.o": (PURE, rf"{EVP}|BN_(bin2bn|free|num_bits|is_odd|is_one)|OSSL_PARAM_free|OSSL_PARAM_BLD_\w+|ERR_clear_error")}


def floors_read():
    system = {}
    for line in (root / "FLOORS").read_text().splitlines():
        line = line.split("#")[0].split("(")[0].split()
        if line:
            system[line[0]] = set(line[1:])
    return list(system), system


def check_includes(floors, system, bad):
    def floor_of(path):
        return next((f for f in floors if str(path) == f or str(path).startswith(f + "/")), None)

    sources = [p for p in root.rglob("*.[ch]") if floor_of(p.relative_to(root))]
    for path in sources:
        name = path.relative_to(root)
        mine = floor_of(name)
        test = TEST.search(name.name)
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
    return len(sources)


def symbols(file, flag):
    """{member: names}; a member is an object of an archive."""
    members, member = {}, pathlib.Path(file).name
    for line in subprocess.run(["nm", flag, str(file)], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif line.strip():
            members.setdefault(member, set()).add(line.split()[-1])
    return members


def has_library(floor):
    return any(not TEST.search(p.name) for p in (root / floor).glob("*.c"))


def libraries_read(floors, build):
    """{floor: (what its objects define, {object: what it links})}"""
    files = {f: build / f"lib{f.replace('/', '_')}.a" for f in floors if f != "apps" and has_library(f)}
    if not all(file.exists() for file in files.values()):
        sys.exit(f"check_floors: not every floor has its library under {build}; build first")
    return {f: (set().union(*symbols(file, "--defined-only").values()), symbols(file, "-u")) for f, file in files.items()}


def may_link(floor, symbol):
    if symbol.startswith(("__asan", "__ubsan", "__sanitizer")):
        return True
    if floor.startswith(("lq_base", "lq_engine")):
        return symbol in PURE
    if floor.startswith("lq_service") or floor == "lq_local":
        return symbol in SERVICE or re.fullmatch(LIBRARIES.get(floor, "(?!)"), symbol)
    return True


def check_links(floors, libraries, bad):
    for floor, (defined, members) in libraries.items():
        for symbol in set().union(*members.values()) - defined:
            theirs = next((f for f in libraries if symbol in libraries[f][0]), None)
            if theirs and floors.index(theirs) > floors.index(floor):
                bad.append(f"{floor}: links {symbol} of {theirs}, which stands below it")
            if not theirs and not may_link(floor, symbol):
                bad.append(f"{floor}: links {symbol}: only lq_host reaches outside; what is pure goes into the list of check_floors.py")
    for member, (allowed, library) in DIGESTS.items():
        for symbol in libraries["lq_host"][1].get(member, {"nothing: it is not there"}):
            if symbol not in allowed and not symbol.startswith("lq_") and not re.fullmatch(library, symbol):
                bad.append(f"lq_host: {member} links {symbol}, and cryptography must be pure")


# A floor, the object that a fault is planted in, the fault, and the word that must be said.
PLANTS = [("lq_service/shard", "plant.c.o", "#include <time.h>\nlong f(void) { return time(0); }", "links time"),
          ("lq_service/ledger", "plant.c.o", "#include <stdlib.h>\nint f(void) { return rand(); }", "links rand"),
          ("lq_service/port", "plant.c.o", "#include <stdlib.h>\nchar *f(void) { return getenv(\"A\"); }", "links getenv"),
          ("lq_service/release", "plant.c.o", "int fy_parser_set_input_file(void *, char *);\n"
           "int f(void) { return fy_parser_set_input_file(0, 0); }", "links fy_parser_set_input_file"),
          ("lq_service/gateway", "plant.c.o", "#include <sys/socket.h>\nint f(void) { return socket(1, 1, 0); }", "links socket"),
          ("lq_service/gateway", "plant.c.o", "#include <pthread.h>\nint f(void) { return pthread_detach(pthread_self()); }",
           "links pthread_"),
          ("lq_local", "plant.c.o", "#include <fcntl.h>\nint f(void) { return open(\"a\", 0); }", "links open"),
          ("lq_engine/session", "plant.c.o", "#include <stdlib.h>\nvoid *f(void) { return malloc(1); }", "links malloc"),
          ("lq_base", "plant.c.o", "void lq_loop_run(void *);\nvoid f(void) { lq_loop_run(0); }", "which stands below"),
          ("lq_host", "crypto.c.o", "#include <sys/random.h>\nlong f(void *p) { return getrandom(p, 1, 0); }", "must be pure"),
          ("lq_host", "sign.c.o", "int EVP_PKEY_keygen(void *, void *);\nint f(void *p) { return EVP_PKEY_keygen(p, p); }", "must be pure")]


def self_test(floors, libraries):
    for floor, member, text, words in PLANTS:
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/{member}"
            subprocess.run(["cc", "-c", "-O1", "-xc", "-", "-o", file], input=text, text=True, check=True)
            planted, (defined, members) = symbols(file, "-u")[member], libraries[floor]
        bad = []
        check_links(floors, libraries | {floor: (defined, members | {member: members.get(member, set()) | planted})}, bad)
        if not bad or not all(words in line for line in bad):
            sys.exit(f"check_floors: planted in {floor}: '{words}' was due, not {bad}")
    print(f"floors: {len(PLANTS)} planted faults, each refused")


def main():
    words = [w for w in sys.argv[1:] if w != "--self-test"]
    floors, system = floors_read()
    libraries = libraries_read(floors, pathlib.Path(words[0] if words else root / "build/release"))
    bad = []
    files = check_includes(floors, system, bad)
    check_links(floors, libraries, bad)
    for line in sorted(bad):
        print(f"floors: {line}", file=sys.stderr)
    if bad:
        sys.exit(1)
    print(f"floors: {len(floors)} floors, {files} files, {len(libraries)} libraries")
    if "--self-test" in sys.argv:
        self_test(floors, libraries)


main()
