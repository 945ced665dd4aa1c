"""What each dialect finds: output as the tools print it, and the errors in it."""

import pytest

from buildfeed.runner.errors.finder import Finder
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.lines import Line


def found_in(output: str) -> list[FoundError]:
    """The errors of a build in /x that printed `output`."""
    finder = Finder("/x")
    found = [each for text in output.split("\n") for each in finder.take(Line(text.expandtabs()))]
    return found + finder.end()


E = FoundError
ERRORS = {
    "gcc": (
        """\
In file included from a.h:3,
                 from b.c:1:
/x/src/c.h:3:10: fatal error: nope.h: No such file or directory
    3 | #include "nope.h"
compilation terminated.
b.c:7:5: error: 'y' undeclared
b.c:9:1: warning: unused: error: none
b.c:9:1: note: error is here
cc1: all warnings being treated as errors
make[1]: *** [Makefile:3: all] Error 1""",
        [
            E("nope.h: No such file or directory", "src/c.h", 3, 10),
            E("'y' undeclared", "b.c", 7, 5),
        ],
    ),
    "gcc, no input": (
        "gcc: error: x.c: No such file or directory\ngcc: fatal error: no input files",
        [
            E("gcc: error: x.c: No such file or directory"),
            E("gcc: fatal error: no input files"),
        ],
    ),
    "mypy, gas, yacc, Windows": (
        """\
a.py:3: error: Name "x" is not defined  [name-defined]
a.s:4: Error: no such instruction: `foo'
a.y:5.3-8: error: syntax error
C:\\x\\a b.c:6:7: error: x""",
        [
            E('Name "x" is not defined  [name-defined]', "a.py", 3),
            E("no such instruction: `foo'", "a.s", 4),
            E("syntax error", "a.y", 5),
            E("x", "C:/x/a b.c", 6, 7),
        ],
    ),
    "ghc": (
        "src/A.hs:3:5: error: [GHC-88464]\n    Variable not in scope: x",
        [E("Variable not in scope: x", "src/A.hs", 3, 5)],
    ),
    "GNU ld": (
        """\
/usr/bin/ld: /tmp/ccHQoFMy.o: in function `main':
c.c:(.text+0xa): undefined reference to `f'
/usr/bin/ld: c.c:(.text+0x11): undefined reference to `f'
/usr/bin/ld: /x/c.c:2: undefined reference to `g'
/usr/bin/ld: b.o:(.bss+0x0): multiple definition of `h'; a.o:(.bss+0x0): first defined here
/usr/bin/x86_64-linux-gnu-ld.bfd: cannot find -lnope: No such file or directory
collect2: error: ld returned 1 exit status""",
        [
            E("undefined reference to `f'", "c.c"),
            E("undefined reference to `g'", "c.c", 2),
            E("multiple definition of `h'; a.o:(.bss+0x0): first defined here", "b.o"),
            E("cannot find -lnope: No such file or directory"),
        ],
    ),
    "lld and macOS": (
        """\
ld.lld: error: undefined symbol: foo
>>> referenced by a.c:3
Undefined symbols for architecture arm64:
  "_bar", referenced from:
      _main in a.o
clang: error: linker command failed with exit code 1 (use -v to see invocation)""",
        [E("undefined symbol: foo"), E("undefined symbol _bar")],
    ),
    "only the driver of the linker": (
        "collect2: error: ld returned 1 exit status\nmake: *** [Makefile:3: all] Error 1",
        [E("collect2: error: ld returned 1 exit status")],
    ),
    "MSVC": (
        """\
a.c(3,5): error C2065: 'x': undeclared identifier [C:\\x\\a.vcxproj]
  12>a.c(4): fatal error C1083: Cannot open include file: 'b.h'
a.c(5,5): warning C4000: error: none
LINK : fatal error LNK1104: cannot open file 'x.lib'
foo.obj : error LNK2019: unresolved external symbol _x
a.d(6): Error: undefined identifier `x`""",
        [
            E("C2065: 'x': undeclared identifier", "a.c", 3, 5),
            E("C1083: Cannot open include file: 'b.h'", "a.c", 4),
            E("LNK1104: cannot open file 'x.lib'"),
            E("LNK2019: unresolved external symbol _x"),
            E("undefined identifier `x`", "a.d", 6),
        ],
    ),
    "tsc and pyright": (
        """\
src/a.ts(3,5): error TS2304: Cannot find name 'x'.
src/b.ts:3:5 - error TS2304: Cannot find name 'x'.
  /x/a.py:3:5 - error: "x" is not defined (reportUndefinedVariable)
  /x/a.py:4:5 - warning: x""",
        [
            E("TS2304: Cannot find name 'x'.", "src/a.ts", 3, 5),
            E("TS2304: Cannot find name 'x'.", "src/b.ts", 3, 5),
            E('"x" is not defined (reportUndefinedVariable)', "a.py", 3, 5),
        ],
    ),
    "rustc": (
        """\
warning: unused variable: `y`
 --> src/a.rs:2:5
error[E0308]: mismatched types
 --> src/a.rs:3:5
  |
3 | let x: i32 = "a";
error: expected `;`
  --> src/b.rs:12:5
error: aborting due to 2 previous errors
error: could not compile `a` (bin "a") due to 2 previous errors""",
        [E("E0308: mismatched types", "src/a.rs", 3, 5), E("expected `;`", "src/b.rs", 12, 5)],
    ),
    "panics of Rust": (
        """\
thread 'tests::sum' (26386) panicked at src/lib.rs:1:54:
index out of bounds
note: run with `RUST_BACKTRACE=1`
thread 'main' panicked at 'boom', src/a.rs:3:5
test result: FAILED. 0 passed; 1 failed
error: test failed, to rerun pass `--lib`""",
        [E("index out of bounds", "src/lib.rs", 1, 54), E("boom", "src/a.rs", 3, 5)],
    ),
    "eslint": (
        """\

/x/src/a.js
  3:5  error    'x' is not defined       no-undef
  4:1  warning  Unexpected console       no-console
  5:1  error  Parsing error: Unexpected token

/x/src/b.js
  1:1  error  Missing semicolon  semi

✖ 4 problems (3 errors, 1 warning)""",
        [
            E("'x' is not defined (no-undef)", "src/a.js", 3, 5),
            E("Parsing error: Unexpected token", "src/a.js", 5, 1),
            E("Missing semicolon (semi)", "src/b.js", 1, 1),
        ],
    ),
    "pytest": (
        """\
=================================== FAILURES ===================================
__________________________________ test_sum ____________________________________

    def test_sum():
>       assert 1 == 2
E       assert 1 == 2

tests/a.py:3: AssertionError
_______________________________ TestB.test_other[1] ____________________________
tests/a.py:7: in test_other
    helper()
tests/h.py:2: in helper
    raise ValueError("x")
/usr/lib/python3.11/json/decoder.py:355: in decode
    raise ValueError("x")
E   ValueError: x
----------------------------- Captured stdout call -----------------------------
a.c:3:5: error: printed by the test
=========================== short test summary info ============================
FAILED tests/a.py::test_sum - assert 1 == 2
FAILED tests/a.py::TestB::test_other[1] - ValueError: x
============================== 2 failed in 0.05s ===============================""",
        [
            E("test_sum: assert 1 == 2", "tests/a.py", 3),
            E("TestB.test_other[1]: ValueError: x", "tests/h.py", 2),
        ],
    ),
    "pytest, two messages in a row": (
        """\
__________________________________ test_sum ____________________________________
E       KeyError: 'x'

tests/a.py:3: KeyError

The above exception was the direct cause of the following exception:
E       ValueError: x
E       more

tests/a.py:5: ValueError
=========================== short test summary info ============================""",
        [E("test_sum: ValueError: x", "tests/a.py", 5)],
    ),
    "pytest, a module that cannot be imported": (
        """\
==================================== ERRORS ====================================
______________________ ERROR collecting tests/b.py ______________________
ImportError while importing test module '/x/tests/b.py'.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/b.py:1: in <module>
    import nope
E   ModuleNotFoundError: No module named 'nope'
______________________ ERROR collecting tests/c.py ______________________
E     File "/x/tests/c.py", line 3
E       def (
E           ^
E   SyntaxError: invalid syntax
=========================== short test summary info ============================
ERROR tests/b.py
ERROR tests/c.py
=============================== 2 errors in 0.10s ==============================""",
        [
            E(
                "collecting tests/b.py: ModuleNotFoundError: No module named 'nope'",
                "tests/b.py",
                1,
            ),
            E("collecting tests/c.py: SyntaxError: invalid syntax", "tests/c.py", 3),
        ],
    ),
    "pytest --tb=no": (
        """\
FAILED tests/a.py::test_sum - assert 1 == 2
ERROR tests/b.py - ImportError: x
FAILED tests/c.py::test_c
3 failed in 0.1s""",
        [
            E("test_sum: assert 1 == 2", "tests/a.py"),
            E("ImportError: x", "tests/b.py"),
            E("test_c", "tests/c.py"),
        ],
    ),
    "pytest, messages without headings": (
        """\
E       assert 1 == 2

tests/a.py:3: AssertionError
E       assert 3 == 4

tests/b.py:3: AssertionError""",
        [E("assert 1 == 2", "tests/a.py", 3), E("assert 3 == 4", "tests/b.py", 3)],
    ),
    "pytest 9 --tb=line": (
        """\
=================================== FAILURES ===================================
E   AssertionError: assert {'a': 1} == {'a': 2}

      Differing items:
----------------------------- Captured stdout call -----------------------------
a.c:3:5: error: x
/x/tests/a.py:5: AssertionError: assert {'a': 1} == {'a': 2}
E   assert 1 == 3
/x/tests/a.py:11: assert 1 == 3
=========================== short test summary info ============================
FAILED tests/a.py::test_one - AssertionError: assert {'a': 1} == {'a': 2}
FAILED tests/a.py::test_p[1] - assert 1 == 3""",
        [
            E("AssertionError: assert {'a': 1} == {'a': 2}", "tests/a.py", 5),
            E("assert 1 == 3", "tests/a.py", 11),
        ],
    ),
    "pytest twice": (
        """\
________________________________ test_sum ________________________________
tests/a.py:3: in test_sum
E   assert 1 == 2
FAILED tests/a.py::test_sum - assert 1 == 2
1 failed, 2 passed in 0.1s
FAILED tests/b.py::test_other - assert 3 == 4""",
        [
            E("test_sum: assert 1 == 2", "tests/a.py", 3),
            E("test_other: assert 3 == 4", "tests/b.py"),
        ],
    ),
    "pytest --tb=line": (
        """\
=================================== FAILURES ===================================
/x/tests/a.py:3: assert 1 == 2
=========================== short test summary info ============================
FAILED tests/a.py::test_sum - assert 1 == 2""",
        [E("assert 1 == 2", "tests/a.py", 3)],
    ),
    "pytest, only a message": (
        "E       assert 1 == 2\n\ntests/a.py:3: AssertionError",
        [E("assert 1 == 2", "tests/a.py", 3)],
    ),
    "Python": (
        """\
Traceback (most recent call last):
  File "/x/a.py", line 3, in <module>
    foo()
    ^^^^^
  File "/x/b.py", line 7, in foo
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)""",
        [E("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "b.py", 7)],
    ),
    "Python, syntax": (
        '  File "/x/a.py", line 1\n    def (\n        ^\nSyntaxError: invalid syntax',
        [E("SyntaxError: invalid syntax", "a.py", 1)],
    ),
    "Python, a chain": (
        """\
Traceback (most recent call last):
  File "/x/a.py", line 3, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/x/a.py", line 5, in <module>
ValueError: bad
done""",
        [E("ValueError: bad", "a.py", 5)],
    ),
    "Python, a group": (
        """\
  + Exception Group Traceback (most recent call last):
  |   File "/x/a.py", line 1, in <module>
  |     raise ExceptionGroup("g", [ValueError("x")])
  | ExceptionGroup: g (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/x/a.py", line 2, in f
    | ValueError: x
    +------------------------------------""",
        [E("ValueError: x", "a.py", 2)],
    ),
    "Python, unittest": (
        """\
FAIL: test_sum (tests.a.Sum)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/x/tests/a.py", line 5, in test_sum
    self.assertEqual(1, 2)
AssertionError: 1 != 2""",
        [E("AssertionError: 1 != 2", "tests/a.py", 5)],
    ),
    "Python that was stopped": (
        'Traceback (most recent call last):\n  File "/x/a.py", line 3, in f\nKeyboardInterrupt',
        [],
    ),
    "Go": (
        """\
# example.com/x
./a.go:3:5: undefined: x
./a.go:4:5: too many errors
vet: ./b.go:3:5: undeclared name: y
a.go:3: listening on :8080
FAIL\texample.com/x [build failed]""",
        [E("undefined: x", "a.go", 3, 5), E("undeclared name: y", "b.go", 3, 5)],
    ),
    "tests of Go": (
        """\
--- FAIL: TestSum (0.00s)
    --- FAIL: TestSum/sub (0.00s)
        a_test.go:3: got 1, want 2
--- FAIL: TestBare (0.00s)
FAIL
exit status 1
FAIL\texample.com/x\t0.01s""",
        [E("TestSum/sub: got 1, want 2", "a_test.go", 3), E("TestBare failed")],
    ),
    "tests of Go, all of them shown": (
        """\
=== RUN   TestX
    a_test.go:3: got 1, want 2
--- FAIL: TestX (0.00s)
=== RUN   TestY
    a_test.go:9: logged
--- PASS: TestY (0.00s)
FAIL""",
        [E("TestX: got 1, want 2", "a_test.go", 3)],
    ),
    "a panic of Go": (
        """\
--- FAIL: TestX (0.00s)
panic: boom [recovered]
\tpanic: boom

goroutine 1 [running]:
testing.tRunner.func1()
\t/usr/local/go/src/testing/testing.go:3 +0x1d
main.main()
\t/x/a.go:3 +0x1d
exit status 2""",
        [E("panic: boom [recovered]", "a.go", 3)],
    ),
    "Maven": (
        """\
[ERROR] COMPILATION ERROR :
[ERROR] /x/src/A.java:[3,5] cannot find symbol
  symbol:   method foo()
[INFO] 1 error
[ERROR] Failed to execute goal org.apache.maven: Compilation failure
[ERROR] /x/src/A.java:[3,5] cannot find symbol
[ERROR] -> [Help 1]""",
        [E("cannot find symbol", "src/A.java", 3, 5)],
    ),
    "Maven without a compiler": (
        "[ERROR] Failed to execute goal org.x: Could not resolve dependencies\n[ERROR] -> [Help 1]",
        [E("Failed to execute goal org.x: Could not resolve dependencies")],
    ),
    "tests of Maven": (
        """\
[ERROR] Tests run: 1, Failures: 1, Errors: 0, Time elapsed: 0.01 s <<< FAILURE! -- in ATest
[ERROR] ATest.sum -- Time elapsed: 0.01 s <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <1> but was: <2>
\tat org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)
\tat ATest.sum(ATest.java:3)

[ERROR]   ATest.sum:3 expected: <1> but was: <2>""",
        [
            E(
                "ATest.sum: org.opentest4j.AssertionFailedError: expected: <1> but was: <2>",
                "ATest.java",
                3,
            )
        ],
    ),
    "Java": (
        """\
A.java:1: error: incompatible types: String cannot be converted to int
1 error
Exception in thread "main" java.lang.IllegalStateException: closed
\tat java.base/java.util.Objects.f(Objects.java:3)
\tat acme.A.main(A.java:3)""",
        [
            E("incompatible types: String cannot be converted to int", "A.java", 1),
            E("java.lang.IllegalStateException: closed", "A.java", 3),
        ],
    ),
    "sbt": (
        "[error] /x/A.scala:3:5: not found: value x\n[error] one error found",
        [E("not found: value x", "A.scala", 3, 5)],
    ),
    "Kotlin and Gradle": (
        """\
e: file:///x/src/A%20b.kt:3:5 Unresolved reference: x
e: /x/src/B.kt: (3, 5): Unresolved reference: y
w: file:///x/src/A.kt:3:5 unused
> Task :compileKotlin FAILED
ATest > sum() FAILED
    org.opentest4j.AssertionFailedError at ATest.java:3

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':compileKotlin'.""",
        [
            E("Unresolved reference: x", "src/A b.kt", 3, 5),
            E("Unresolved reference: y", "src/B.kt", 3, 5),
            E("ATest > sum(): org.opentest4j.AssertionFailedError", "ATest.java", 3),
        ],
    ),
    "Gradle alone": (
        "FAILURE: Build failed with an exception.\n* What went wrong:\nCould not resolve x.",
        [E("Could not resolve x.")],
    ),
    "make alone": (
        "cp: x\nmake[1]: *** [Makefile:3: a.o] Error 2\nmake: *** [all] Error 2",
        [E("make[1]: *** [Makefile:3: a.o] Error 2", "Makefile", 3)],
    ),
    "make itself": (
        """\
make: [Makefile:3: x] Error 1 (ignored)
make: *** No rule to make target 'y', needed by 'x'.  Stop.
M2:2: *** missing separator.  Stop.
make: nosuchcommand: No such file or directory
make: *** [Makefile:7: bad] Error 127
make: *** Waiting for unfinished jobs....""",
        [
            E("No rule to make target 'y', needed by 'x'."),
            E("missing separator.", "M2", 2),
            E("nosuchcommand: No such file or directory"),
        ],
    ),
    "ninja": (
        "ninja: error: unknown target 'zzz'",
        [E("ninja: error: unknown target 'zzz'")],
    ),
    "ninja alone": (
        "[1/2] false\nFAILED: b\nfalse\nninja: build stopped: subcommand failed.",
        [E("FAILED: b")],
    ),
    "CMake": (
        """\
CMake Error at sub/CMakeLists.txt:3 (find_package):
  By not providing "FindFoo.cmake" in CMAKE_MODULE_PATH this project has
  asked CMake to find a package

  Could not find

CMake Warning at CMakeLists.txt:5 (message):
  careful
CMake Error: The source directory "/x/nope" does not exist.
-- Configuring incomplete, errors occurred!""",
        [
            E(
                'By not providing "FindFoo.cmake" in CMAKE_MODULE_PATH this project has'
                " asked CMake to find a package",
                "sub/CMakeLists.txt",
                3,
            ),
            E('The source directory "/x/nope" does not exist.'),
        ],
    ),
    "annotations": (
        """\
::error file=a.c,line=3,col=5,title=T::text %25 done
::error::plain
::warning file=a.c::w
##[error]Process completed with exit code 1.
##vso[task.logissue type=error;sourcepath=b.c;linenumber=4;columnnumber=1]azure
##vso[task.logissue type=warning]w
##teamcity[buildProblem description='it|'s bad' identity='1']""",
        [
            E("text % done", "a.c", 3, 5),
            E("plain"),
            E("azure", "b.c", 4, 1),
            E("it's bad"),
        ],
    ),
    "npm": (
        """\
npm error code E404
npm error 404 Not Found - GET https://packages.example/nope
npm error 404
npm error A complete log of this run can be found in: /x

npm error Missing script: "zzz"
npm error
npm error To see a list of scripts, run:
 ERR_PNPM_NO_MATCHING_VERSION  No matching version""",
        [
            E("E404: 404 Not Found - GET https://packages.example/nope"),
            E('Missing script: "zzz"'),
            E("ERR_PNPM_NO_MATCHING_VERSION: No matching version"),
        ],
    ),
    "npm alone": (
        "npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! a@1.0.0 build: `tsc`",
        [E("npm error code ELIFECYCLE")],
    ),
    "a script of npm": (
        "a.ts(3,5): error TS1: x\nnpm error code 2\nnpm error path /x\nnpm error command failed",
        [E("TS1: x", "a.ts", 3, 5)],
    ),
    "Node": (
        """\
/x/s.js:1
let x = ;
        ^

SyntaxError: Unexpected token ';'
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)

Node.js v20
node:internal/modules/cjs/loader:1143
  throw err;

Error: Cannot find module 'y'
Require stack:
- /x/a.js
    at Module._load (node:internal/modules/cjs/loader:1091:12)
    at Object.<anonymous> (/x/a.js:3:9) {
  code: 'MODULE_NOT_FOUND',""",
        [
            E("SyntaxError: Unexpected token ';'", "s.js", 1),
            E("Cannot find module 'y'", "a.js", 3, 9),
        ],
    ),
    "Jest and Vitest": (
        """\
  ● sum adds

    expect(received).toBe(expected)

      at Object.toBe (src/a.test.js:3:5)
AssertionError: expected 1 to be 2 // Object.is equality
 ❯ src/b.test.ts:3:5""",
        [
            E("sum adds", "src/a.test.js", 3, 5),
            E("AssertionError: expected 1 to be 2 // Object.is equality", "src/b.test.ts", 3, 5),
        ],
    ),
    "bundlers": (
        """\
ERROR in ./src/a.ts 3:5
Module not found: Error: Can't resolve './b'

✘ [ERROR] Could not resolve "./b"

    src/a.js:3:5:""",
        [
            E("Module not found: Error: Can't resolve './b'", "src/a.ts", 3, 5),
            E('Could not resolve "./b"', "src/a.js", 3, 5),
        ],
    ),
    "Rolldown, as of Vite 8": (
        """\
✗ Build failed in 4.37s
error during build:
Build failed with 1 error:

[UNRESOLVED_IMPORT] Could not resolve './not-there' in src/C7.tsx
    ╭─[ src/C7.tsx:11:8 ]
    │
 11 │ import "./not-there";
    │        ──────┬──────
    │              ╰──────── Module not found.
────╯

[builtin:vite-transform] Unexpected token
   ╭─[ src/C7.tsx:7:7 ]
[EVAL] Warning: Use of direct `eval` function is strongly discouraged
   ╭─[ src/C8.tsx:1:1 ]
    at unwrapBindingResult (file:///x/node_modules/rolldown/dist/shared/rolldown.mjs:78:128)
  errors: [Getter/Setter]""",
        [
            E(
                "UNRESOLVED_IMPORT: Could not resolve './not-there' in src/C7.tsx",
                "src/C7.tsx",
                11,
                8,
            ),
            E("builtin:vite-transform: Unexpected token", "src/C7.tsx", 7, 7),
        ],
    ),
    "oxc and others by miette": (
        """\
  × Expected a semicolon or an implicit semicolon after a statement,
  │ but found none
   ╭─[src/a.js:3:5]
 3 │ let x y

  ⚠ eslint(no-unused-vars): 'x' is declared but never used.
   ╭─[src/a.js:3:5]
× a list of things
a line of it
a line of it
a line of it
a line of it
   ╭─[src/b.js:3:5]""",
        [
            E(
                "Expected a semicolon or an implicit semicolon after a statement,",
                "src/a.js",
                3,
                5,
            ),
        ],
    ),
    "tests by CTest": (
        " 1/40 Test  #1: sums ......***Failed    0.01 sec\nErrors while running CTest",
        [E("sums: Failed")],
    ),
    "tests by TAP": (
        "1..3\nok 1 - a\nnot ok 2 - sums\nnot ok 3 - later # TODO",
        [E("sums failed")],
    ),
    "linters": (
        "a.py:3:5: F401 'os' imported but unused\nb.py:3:0: C0114: Missing docstring",
        [E("F401 'os' imported but unused", "a.py", 3, 5)],
    ),
    "shells": (
        "./a.sh: line 3: foo: command not found\nsh: 1: bar: not found",
        [E("foo: command not found", "a.sh", 3), E("bar: not found")],
    ),
    "others": (
        """\
error: pathspec 'x' did not match

fatal: not a git repository
ERROR: Could not find a version that satisfies x
ERROR: /x/BUILD:3:5: Compiling failed
Error: no such option""",
        [
            E("pathspec 'x' did not match"),
            E("not a git repository"),
            E("Could not find a version that satisfies x"),
            E("Compiling failed", "BUILD", 3, 5),
            E("no such option"),
        ],
    ),
}


@pytest.mark.parametrize(("output", "errors"), ERRORS.values(), ids=ERRORS.keys())
def test_the_errors_of_a_dialect_are_found_with_their_places(
    output: str, errors: list[FoundError]
) -> None:
    assert found_in(output) == errors


@pytest.mark.parametrize(
    "text",
    [
        *("0 errors", "errors: 0", "error: 0", "Error: none", "No errors found", "error"),
        *("gcc -Werror -c error_handler.c", "  CC      lib/error.o", "mkdir: created error: dir"),
        *(
            "error_handler.c:3:5: warning: unused",
            "a.c:3:5: note: error: here",
            "warning: error: x",
        ),
        *("test error_test ... ok", "error handling is on", "✖ 2 problems (0 errors, 2 warnings)"),
        *("PASSED tests/error.py::test_error", "[INFO] error: none", "see https://x/error:3"),
        *(
            "tests/a.py:3: DeprecationWarning: x",
            "a.go:3: listening",
            "w: file:///x/A.kt:3:5 error",
        ),
        *("npm warn deprecated error: x", "CMake Warning at a:3 (x):", "::warning::error: x"),
        *("<stdin>: error-free", "10:30:00 error rate 0", "https://x:80/a: error", "FAILED"),
        *(
            "Traceback (most recent call last):",
            "File a.py, line 3",
            "E  ",
            "goroutine 1 [running]:",
        ),
    ],
)
def test_other_lines_are_no_errors(text: str) -> None:
    assert found_in(text) == []
