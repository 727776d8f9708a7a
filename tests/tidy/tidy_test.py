#!/usr/bin/env python3
"""Shows every rule firing on a bad snippet and staying quiet on the good one beside it."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import bans
import compilers
import documents
import layers
import reference
import shape
import threats
import tidy
import tree


def lines(findings):
    return [(f.path, f.line) for f in findings]


class Includes(unittest.TestCase):
    def found(self, path, text):
        return [f.text for f in layers.check_includes({path: text})]

    def test_a_lower_layer_never_includes_a_higher_one(self):
        found = layers.check_includes({"src/core/hub.h": '#pragma once\n#include "net/listener.h"\n'})
        self.assertEqual(lines(found), [("src/core/hub.h", 2)])
        self.assertIn("core may include base ws protocol, never net", str(found[0]))

    def test_siblings_never_include_each_other(self):
        self.assertTrue(self.found("src/ws/parser.cc", '#include "json/json.h"\n'))

    def test_nobody_includes_app(self):
        for layer in layers.LAYERS.keys() - {"app"}:
            self.assertTrue(self.found(f"src/{layer}/x.cc", '#include "app/application.h"\n'), layer)

    def test_what_the_rule_allows_passes(self):
        for layer, allowed in layers.LAYERS.items():
            for other in (layer, *allowed):
                self.assertEqual(self.found(f"src/{layer}/x.cc", f'#include "{other}/y.h"\n'), [])

    def test_paths_start_at_the_root(self):
        self.assertTrue(self.found("src/core/hub.cc", '#include "hub.h"\n'))
        self.assertTrue(self.found("src/core/hub.cc", '#include "../base/error.h"\n'))

    def test_a_comment_includes_nothing(self):
        self.assertEqual(self.found("src/core/hub.h", '// #include "net/listener.h"\n/*\n#include "net/x.h"\n*/\n'), [])

    def test_third_party_headers_stay_at_home(self):
        for header in ("boost/asio.hpp", "boost/beast/http.hpp", "zlib.h", "openssl/sha.h",
                       "CLI/CLI.hpp", "toml++/toml.h", "gtest/gtest.h", "sys/socket.h"):
            self.assertTrue(self.found("src/core/hub.h", f"#include <{header}>\n"), header)
        self.assertEqual(self.found("src/net/listener.cc", "#include <boost/asio/io_context.hpp>\n"), [])
        self.assertEqual(self.found("src/core/hub_test.cc", "#include <gtest/gtest.h>\n"), [])

    def test_a_header_without_a_home_is_found(self):
        self.assertTrue(self.found("src/net/x.cc", "#include <hiredis/hiredis.h>\n"))
        self.assertTrue(self.found("src/protocol/x.cc", "#include <simdjson.h>\n"))
        self.assertEqual(self.found("src/net/x.cc", "#include <vector>\n#include <unistd.h>\n"), [])


class Cmake(unittest.TestCase):
    def tree(self, **changed):
        files = {f"src/{layer}/CMakeLists.txt": f"gw_layer({layer} DEPS {' '.join(allowed)})\n"
                 for layer, allowed in layers.LAYERS.items()}
        return files | {f"src/{layer}/CMakeLists.txt": text for layer, text in changed.items()}

    def test_the_rule_itself_passes(self):
        self.assertEqual(layers.check_cmake(self.tree()), [])
        self.assertEqual(layers.check_cmake(self.tree(ws="gw_layer(ws DEPS base LIBS ZLIB::ZLIB)\n")), [])

    def test_a_link_beyond_the_rule_is_found(self):
        found = layers.check_cmake(self.tree(core="gw_layer(core DEPS base net LIBS fmt)\n"))
        self.assertEqual(lines(found), [("src/core/CMakeLists.txt", 1)])
        self.assertIn("net", found[0].text)

    def test_a_layer_without_its_library_is_found(self):
        self.assertTrue(layers.check_cmake(self.tree(core="")))


class Orphans(unittest.TestCase):
    def test_own_source_and_test_do_not_count(self):
        files = {"src/core/hub.h": "", "src/core/hub.cc": '#include "core/hub.h"\n',
                 "src/core/hub_test.cc": '#include "core/hub.h"\n'}
        self.assertEqual(lines(layers.check_orphans(files)), [("src/core/hub.h", 1)])
        files["src/gateway/shard.h"] = '#include "core/hub.h"\n'
        self.assertEqual(lines(layers.check_orphans(files)), [("src/gateway/shard.h", 1)])


class Calls(unittest.TestCase):
    def found(self, text, path="src/core/hub.cc"):
        return lines(bans.check_calls({path: text}))

    def test_each_banned_call_is_found(self):
        for bad in ("std::this_thread::sleep_for(1s);", "usleep(5);", "sleep(1);", "std::chrono::system_clock::now();",
                    "steady_now();", "gw::wall_now();", 'std::cout << "x";', 'printf("x");', 'fprintf(stderr, "x");', "rand();", "srand(1);",
                    'std::getenv("HOME");', "using namespace std;", "co_await run([x] { f(); });",
                    "co_await put(Entry{1, 2});"):
            self.assertEqual(self.found(f"\n{bad}\n"), [("src/core/hub.cc", 2)], bad)

    def test_their_neighbours_pass(self):
        for good in ("std::snprintf(b, n, f);", "operand();", "on_timer.sleep(3);", "co_await std::move(task);",
                     "using namespace std::chrono_literals;", "int steady_nowhere;", "loop_.wall_now();", 'call("printf(x)");',
                     "// rand() is banned", "auto x = 1'000'000; // printf(", 'R"(rand())";'):
            self.assertEqual(self.found(good + "\n"), [], good)

    def test_exceptions_have_addresses(self):
        clock = "std::chrono::system_clock::now();"
        self.assertEqual(self.found(clock, "src/base/clock.cc"), [])
        self.assertTrue(self.found(clock, "src/net/listener.cc"))
        self.assertEqual(self.found("steady_now();", "src/gateway/shard.cc"), [])
        self.assertEqual(self.found("steady_now();", "src/core/hub_test.cc"), [])
        self.assertEqual(self.found("std::cout << 1;", "bench/load/main.cc"), [])


class Text(unittest.TestCase):
    def found(self, text, path="docs/x.md"):
        return lines(bans.check_text({path: text}))

    def test_each_banned_text_is_found(self):
        for bad in ("// TODO later", "# FIXME", "GTEST_SKIP();", "TEST(Hub, DISABLED_Grows)", "@pytest.mark.skipif(x)",
                    "pytest.skip('x')", "test.only('x')", "see /root/x", "cd /work/y", "'/home/me/x'", "/tmp/x.sock",
                    "http://deb.debian.org/debian", '"https://registry.npmjs.org/ws"', "<<<<<<< HEAD"):
            self.assertEqual(self.found(f"\n{bad}\n"), [("docs/x.md", 2)], bad)

    def test_their_neighbours_pass(self):
        for good in ("mktemp -d XXXXXX", "docs/work/x", "https://example.org/home/x", "$scratch/tmp/x", "skip the line"):
            self.assertEqual(self.found(good + "\n"), [], good)


class Shape(unittest.TestCase):
    def test_a_header_begins_with_pragma_once(self):
        self.assertTrue(shape.check_pragma_once({"src/a.h": "#include <vector>\n#pragma once\n"}))
        self.assertTrue(shape.check_pragma_once({"src/a.h": "// #pragma once\n"}))
        self.assertEqual(shape.check_pragma_once({"src/a.h": "// What it is.\n#pragma once\n"}), [])

    def test_a_long_file_needs_a_reason_and_a_reason_a_long_file(self):
        long, short = "x\n" * 601, "x\n" * 600
        self.assertTrue(shape.check_lengths({"tests/a.py": long}, {}))
        self.assertEqual(shape.check_lengths({"tests/a.py": short}, {}), [])
        self.assertEqual(shape.check_lengths({"tests/a.py": long}, {"tests/a.py": "a table"}), [])
        self.assertTrue(shape.check_lengths({"tests/a.py": short}, {"tests/a.py": "a table"}))
        self.assertEqual(shape.check_lengths({"docs/a.md": long}, {}), [])

    def test_a_long_file_of_the_product(self):
        middling = "x\n" * (shape.PRODUCT_LINES_MAX + 1)
        self.assertTrue(shape.check_lengths({"src/a.cc": middling}, {}))
        self.assertEqual(shape.check_lengths({"src/a_test.cc": middling}, {}), [])

    def test_a_long_function(self):
        body = "  x();\n" * shape.FUNCTION_LINES_MAX
        for begin in ("void f() {\n", "Result<int> A::f(int a,\n              int b) const {\n", "A::A(int a)\n    : a_(a) {\n"):
            long = "namespace gw {\n\n" + begin + body + "}\n\n}\n"
            self.assertEqual(lines(shape.check_functions({"src/a.cc": long})), [("src/a.cc", 3)])
        in_class = "class A {\n public:\n  int f() {\n" + body + "  }\n  int g() { return 1; }\n};\n"
        self.assertEqual(lines(shape.check_functions({"src/a.h": in_class})), [("src/a.h", 3)])
        many = "".join(f"void f{i}() {{\n  x();\n}}\n" for i in range(100)) + "void f();\nconst int x = f();\n"
        self.assertEqual(shape.check_functions({"src/a.cc": many}), [])

    def test_a_class_that_does_too_much(self):
        def declared(count):
            private = "".join(f"  void f{i}(int a);\n" for i in range(count))
            return "class A {\n public:\n" + "  void g();\n" * 50 + " private:\n" + private + "  int a_ = f();\n};\n"

        self.assertEqual(shape.check_classes({"src/a.h": declared(shape.PRIVATE_FUNCTIONS_MAX)}), [])
        self.assertEqual(lines(shape.check_classes({"src/a.h": declared(shape.PRIVATE_FUNCTIONS_MAX + 1)})), [("src/a.h", 1)])

    def test_a_patch_still_applies(self):
        patch = "What: x\n\n--- a/src/x.cc\n+++ b/src/x.cc\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -9 +9 @@\n-nine\n+9\n"
        source = "one\ntwo\nthree\n\nnine\n"
        self.assertEqual(shape.check_patches({"a.patch": patch, "src/x.cc": source}), [])
        self.assertEqual(lines(shape.check_patches({"a.patch": patch, "src/x.cc": source.replace("two", "2")})), [("a.patch", 5)])
        self.assertEqual(lines(shape.check_patches({"a.patch": patch, "src/x.cc": source.replace("nine", "9")})), [("a.patch", 10)])
        self.assertTrue(shape.check_patches({"a.patch": patch}))


class Documents(unittest.TestCase):
    def test_a_link_leads_somewhere(self):
        there = {"docs/a.md": "[b](b.md#the-top-ws) [up](../src/x.cc) [dir](../src) [web](https://example.org/) [me](#a)\n# A\n",
                 "docs/b.md": "## The top (`/ws`)\n", "src/x.cc": ""}  # fmt: skip
        self.assertEqual(documents.check_links(there), [])
        for gone in ("b.md", "../docs/a.md#b", "#b"):
            self.assertEqual(lines(documents.check_links({"docs/a.md": f"\n[gone]({gone})\n# A\n"})), [("docs/a.md", 2)], gone)

    def test_every_document_is_in_the_index(self):
        index = {"docs/README.md": "[A](a.md) [B](operations/b.md#x)\n", "docs/a.md": "", "docs/operations/b.md": ""}
        self.assertEqual(documents.check_index(index), [])
        self.assertEqual(len(documents.check_index(index | {"docs/operations/c.md": ""})), 1)

    def test_what_code_cites_is_there(self):
        for good in ("docs/a.md", 'docs/a.md, "Redis"', 'docs/a.md,\n// "the redis"'):
            self.assertEqual(documents.check_citations({"docs/a.md": "## The Redis\n", "src/x.h": f"// ({good}).\n"}), [], good)
        for bad in ("docs/b.md", 'docs/a.md, "Redas"'):
            self.assertEqual(lines(documents.check_citations({"docs/a.md": "## Redis\n", "src/x.h": f"\n// {bad}\n"})), [("src/x.h", 2)])

    def test_the_reference_is_that_of_the_description(self):
        tree = {reference.OPENAPI: (tidy.ROOT / reference.OPENAPI).read_text(), reference.REFERENCE: ""}
        tree[reference.REFERENCE] = reference.render(json.loads(tree[reference.OPENAPI]))
        self.assertEqual(reference.check_reference(tree), [])
        changed = tree | {reference.OPENAPI: tree[reference.OPENAPI].replace("Make a session", "Make one")}
        by_hand = tree | {reference.REFERENCE: tree[reference.REFERENCE] + "More.\n"}
        without = {reference.OPENAPI: tree[reference.OPENAPI]}
        twice = tree | {reference.OPENAPI: tree[reference.OPENAPI].replace("Read a session", "Make a session")}
        for bad in (changed, by_hand, without, twice):
            self.assertEqual(len(reference.check_reference(bad)), 1)

    def test_a_heading_in_code_is_none(self):
        self.assertEqual(documents.anchors("# One, two: 3\n```\n# no\n```\n## Redis (`OOM`)\n"), {"one-two-3", "redis-oom"})

    def test_prose_is_wrapped_and_tables_and_code_are_not(self):
        long = "x" * 119
        fine = f"{long[1:]}\n| {long} |\n```\n{long}\n```\n\n    {long}\n"
        self.assertEqual(documents.check_sizes({"docs/a.md": fine, "bench/a.md": long}), [])
        self.assertEqual(lines(documents.check_sizes({"docs/a.md": f"\n{long}\n"})), [("docs/a.md", 2)])

    def test_a_subject_of_operations_is_short(self):
        self.assertEqual(documents.check_sizes({"docs/operations/a.md": "x\n" * 250, "docs/RUNBOOK.md": "x\n" * 251}), [])
        self.assertEqual(len(documents.check_sizes({"docs/operations/a.md": "x\n" * 251})), 1)

    def runbook(self, *, url="docs/RUNBOOK.md#redis-slow", severity="warning", row="| `A` | warning | [Redis slow](#redis-slow) |",
                body="**Symptom.** a\n**Check.** b\n**Do.** c\n**If it does not help.** d\n"):  # fmt: skip
        alert = f"- alert: WebSocketGatewayA\n  labels: {{severity: {severity}}}\n  annotations:\n    runbook_url: {url}\n"
        tree_ = {"docs/RUNBOOK.md": f"{row}\n\n## Redis slow\n\n{body}", "deploy/prometheus/alerts.yml": alert}
        return [f.path for f in documents.check_runbook(tree_)]

    def test_an_alert_leads_to_its_section(self):
        self.assertEqual(self.runbook(), [])
        for broken in ({"url": "docs/RUNBOOK.md#redis"}, {"url": "docs/RUNBOOK.md"}, {"severity": "critical"}):
            self.assertEqual(self.runbook(**broken), ["deploy/prometheus/alerts.yml"], broken)
        self.assertEqual(self.runbook(row="| `B` | warning | [Redis slow](#redis-slow) |"), ["docs/RUNBOOK.md"] * 2)

    def test_a_section_has_its_parts_in_order(self):
        for body in ("**Symptom.** a\n**Check.** b\n**If it does not help.** d\n",
                     "**Check.** b\n**Symptom.** a\n**Do.** c\n**If it does not help.** d\n"):  # fmt: skip
            self.assertEqual(self.runbook(body=body), ["docs/RUNBOOK.md"], body)

    def names(self, text):
        tree_ = {"docs/TOUR.md": text, "docs/HACKING.md": "", "docs/ARCHITECTURE.md": "", "tests/gateway/test_a.py": "",
                 "src/core/hub.h": "class Hub { void for_each(); };  // Gone\n", "src/core/hub.cc": "", "src/net/poller.h": ""}  # fmt: skip
        return [f.text.split(" ")[-1] for f in documents.check_names(tree_)]

    def test_what_is_named_is_there(self):
        self.assertEqual(self.names("`src/core/hub.h`, `hub.cc`, `Hub::for_each`, `for_each()`, `net/poller.h`, `tests/gateway/`"), [])
        self.assertEqual(self.names("`--drain-timeout`, `guide`, `ws://host`, `PUBLISH`, `Retry-After`"), [])
        for gone in ("src/core/hob.h", "Hub::gone", "gone()", "OutOfTown", "src/hub/"):
            self.assertEqual(self.names(f"`src/core/hub.h`, `{gone}`"), [gone])

    def test_the_layers_that_are_shown_are_those_that_are_held(self):
        rows = [f"{name}  includes {' '.join(below) or 'nothing'}  why" for name, below in layers.LAYERS.items() if name != "app"]
        shown = "\n".join(("```", *rows, "app  includes everything; nobody includes app", "```\n"))
        self.assertEqual(documents.check_layers({"docs/ARCHITECTURE.md": shown}), [])
        for broken in (shown.replace(rows[4], ""), shown.replace("net  includes base", "net  includes base ws"), f"{shown}x  includes base\n"):
            self.assertEqual(len(documents.check_layers({"docs/ARCHITECTURE.md": broken})), 1)

    def test_a_list_of_what_a_change_touches_is_as_long_as_it_says(self):
        def found(title):
            return len(documents.check_changes({"docs/HACKING.md": f"### {title}\n\n| `a.h` | x |\n| `a.cc` | y |\n\n## Next\n"}))
        self.assertEqual([found("A call: 2 files"), found("A call: 3 files"), found("A call")], [0, 1, 1])


class Threats(unittest.TestCase):
    def found(self, shown_by):
        table = f"{threats.HEAD}\n| --- | --- | --- |\n| somebody guesses | a limit | {shown_by} |\n\nMore.\n"
        tests = "class TestKeys:\n    def test_a(self):\n"
        return lines(threats.check_threats({
            "SECURITY.md": table, "tests/x.py": tests, "src/a_test.cc": "TEST_F(Keys, Bind) {\n", "tests/fuzz/a_fuzz.cc": ""}))  # fmt: skip

    def test_what_is_there_passes(self):
        for name in ("tests/x.py::test_a", "tests/x.py::TestKeys", "tests/x.py::TestKeys::test_a", "src/a_test.cc::Keys.Bind",
                     "tests/fuzz/a_fuzz.cc"):  # fmt: skip
            self.assertEqual(self.found(f"`{name}`, `{name}`"), [], name)

    def test_what_is_not_there_is_found(self):
        for name in ("tests/y.py::test_a", "tests/x.py::test_b", "tests/x.py::test_", "tests/x.py", "src/a_test.cc::Keys.Bin",
                     "src/a_test.cc::Key.Bind"):  # fmt: skip
            self.assertEqual(len(self.found(f"`{name}`, `tests/x.py::test_a`")), 1, name)

    def test_a_row_names_a_test(self):
        self.assertEqual(len(self.found("everything")), 1)

    def test_the_table_is_there(self):
        self.assertEqual(len(threats.check_threats({"SECURITY.md": "| threat |\n"})), 1)


class Compilers(unittest.TestCase):
    def test_a_header_that_leans_on_its_includer_is_found_and_never_remembered(self):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            files = {"src/core/bad.h": "#pragma once\nstd::string x();\n", "src/core/good.h": "#pragma once\nint x();\n"}
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            for _ in range(2):
                found = compilers.check_headers_alone(files, root, root / "build/cache.json")
                self.assertEqual(lines(found), [("src/core/bad.h", 1)])

    def test_the_first_include_of_a_source_needs_no_second_compiler(self):
        files = {"src/a/x.cc": '#include "a/x.h"\n#include "a/y.h"\n', "src/a/z.cc": '#include <vector>\n#include "a/z.h"\n'}
        self.assertEqual(compilers.first_includes(files), {"src/a/x.h"})

    def test_a_changed_include_is_compiled_again(self):
        before = {"src/a/x.h": '#include "a/y.h"\n', "src/a/y.h": "int y;\n"}
        after = before | {"src/a/y.h": "long y;\n"}
        self.assertNotEqual(compilers._fingerprint("src/a/x.h", before), compilers._fingerprint("src/a/x.h", after))

    def test_format_is_that_of_the_project(self):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            (root / ".clang-format").write_text((tidy.ROOT / ".clang-format").read_text())
            (root / "bad.cc").write_text("int  x ;\n")
            (root / "good.cc").write_text("int x;\n")
            found = compilers.check_format({"bad.cc": "", "good.cc": ""}, root)
            self.assertEqual(lines(found), [("bad.cc", 1)])


class Tree(unittest.TestCase):
    def test_blanking_keeps_line_numbers(self):
        text = '/* a\n b */ int x = 1\'000; "s\\"t" R"x(\n)" )x" \'"\' // end\nrand();\n'
        code = tree.code_only(text)
        self.assertEqual(code.count("\n"), text.count("\n"))
        self.assertIn("int x = 1'000;", code)
        self.assertEqual(code.split("\n")[3], "rand();")

    def test_reads_this_repository(self):
        files = tree.read_tree(tidy.ROOT)
        self.assertIn("tests/tidy/tidy_test.py", files)
        self.assertFalse([path for path in files if path.startswith("build/")])


class Report(unittest.TestCase):
    def test_junit_says_where(self):
        text = tidy.junit({"a": [tree.Finding("src/x.h", 3, "rule", 'why "so"')], "b": []})
        self.assertIn('tests="2" failures="1"', text)
        self.assertIn("src/x.h:3", text)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
