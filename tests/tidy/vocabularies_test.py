"""Shows that a word of a vocabulary which is missing anywhere is found, and that the same words everywhere pass."""

import json
import sys
import unittest

import vocabularies


class Vocabularies(unittest.TestCase):
    def events(self, code, *rows):
        table = "\n".join(("| event | level | meaning |", "| --- | --- | --- |", *rows))
        found = vocabularies.check_log_events({"src/core/a.cc": code, "docs/operations/logs.md": table})
        return [(f.path, f.line, f.text.split(" ")[0]) for f in found]

    def test_events_and_rows_are_the_same(self):
        code = 'log::warn(\n    gone ? "a_gone" : "b_gone",\n    {{"c", d(1, "e")}});\nif (x) log::info("f_came");\n'
        rows = ("| `a_gone`, `b_gone` | warn | x |", "| `f_came` | info | x |")
        self.assertEqual(self.events(code, *rows), [])
        self.assertEqual(self.events(code, rows[0]), [("src/core/a.cc", 4, "f_came")])
        self.assertEqual(self.events("\n", rows[1]), [("docs/operations/logs.md", 3, "nothing")])
        self.assertEqual(self.events(code, *rows, rows[1]), [("docs/operations/logs.md", 5, "f_came")])
        self.assertEqual(self.events(code, rows[0].replace("warn", "info"), rows[1]),
                         [("docs/operations/logs.md", 3, "a_gone"), ("docs/operations/logs.md", 3, "b_gone")])

    def test_an_event_stands_in_its_call(self):
        for bad in ("log::warn(event);", 'log::warn("two words");', 'log::warn(name("x y"), {});'):
            self.assertEqual(self.events(bad), [("src/core/a.cc", 1, "an")], bad)
        self.assertEqual(self.events('// log::warn("no_call");\ncatalog::warn_all("x");\n'), [])

    def test_a_script_is_loaded(self):
        def found(*loaded):
            tree_ = {"src/engine/redis/scripts.h": "\nextern const Script a;  // x\nextern const Script b;\n",
                     "src/engine/redis/scripts.cc": "".join(f"&scripts::{name},\n" for name in loaded)}
            return [(f.line, f.text.split(" ")[-1]) for f in vocabularies.check_scripts(tree_)]
        self.assertEqual(found("a", "b"), [])
        self.assertEqual(found("b"), [(2, "a")])

    def close_codes(self, *, ws=1002, core=4001, protocol="1002, 4001", asyncapi="1002, 4001"):
        def table(codes):
            return f"| code | meaning | come back? |\n| --- | --- | --- |\n| {codes} | x | y |\n"
        tree_ = {
            "src/ws/close_code.h": f"constexpr CloseCode a = {ws};\nconstexpr CloseCode b = 1006;  // never on the wire\n",
            "src/core/disconnect.h": f'inline constexpr Disconnect c{{{core}, "d"}};\n',
            "docs/PROTOCOL.md": table(protocol),
            "docs/asyncapi.json": json.dumps({"info": {"description": table(asyncapi)}}),
        }
        return [(f.path, f.text.split(" ")[0]) for f in vocabularies.check_close_codes(tree_)]

    def test_close_codes_are_the_same(self):
        self.assertEqual(self.close_codes(), [])
        self.assertEqual(self.close_codes(protocol="1002"), [("docs/PROTOCOL.md", "4001")])
        self.assertEqual(self.close_codes(asyncapi="1002, 1006, 4001"), [("docs/asyncapi.json", "1006")])
        self.assertEqual(len(self.close_codes(core=4002)), 4)
        self.assertEqual(len(self.close_codes(ws=1003)), 4)

    def message_codes(self, *, protocol=("`a`, `b`", "`c`"), errors=("a", "b"), statuses=("c",)):
        def field(name, words):
            return {"payload": {"properties": {name: {"enum": list(words)}}}}
        tree_ = {
            "src/protocol/codes.cc": "".join(f'case {name}::{word}: return "{word}";\n' for name, word in
                                             (("ErrorCode", "a"), ("ErrorCode", "b"), ("AckStatus", "c"))),
            "docs/PROTOCOL.md": f"| `ack` | `id`, `status`: {protocol[1]} | x |\n\nError codes: {protocol[0]}.\n",
            "docs/asyncapi.json": json.dumps({"components": {"messages": {
                "error": field("code", errors), "ack": field("status", statuses)}}}),
        }
        return [(f.path, f.text.split(" ")[0]) for f in vocabularies.check_message_codes(tree_)]

    def test_message_codes_are_the_same(self):
        self.assertEqual(self.message_codes(), [])
        self.assertEqual(self.message_codes(protocol=("`a`", "`c`")), [("docs/PROTOCOL.md", "b")])
        self.assertEqual(self.message_codes(protocol=("`a`, `b`", "`d`")),
                         [("docs/PROTOCOL.md", "c"), ("docs/PROTOCOL.md", "d")])
        self.assertEqual(self.message_codes(errors=("a",)), [("docs/asyncapi.json", "b")])
        self.assertEqual(self.message_codes(statuses=("c", "e")), [("docs/asyncapi.json", "e")])

    def api_codes(self, code, enum=("a", "b")):
        error = {"properties": {"code": {"enum": list(enum)}}}
        tree_ = {
            "src/base/error.cc": 'case Errc::a: return "a";\n',
            "src/net/http/message.cc": '    {400, "Bad Request", "a"},\n',
            "src/net/http/x.cc": code,
            "docs/openapi.json": json.dumps({"components": {"schemas": {"Error": error}}}),
        }
        return [(f.path, f.text.split(" ")[0]) for f in vocabularies.check_api_codes(tree_)]

    def test_api_codes_are_the_same(self):
        direct = 'Response::error(400, "b", "c, d");\n'
        self.assertEqual(self.api_codes(direct), [])
        self.assertEqual(self.api_codes('const char* code = x ? "a" : "b";\nResponse::error(status, code, "c");\n'), [])
        self.assertEqual(self.api_codes(direct, ("a",)), [("docs/openapi.json", "b")])
        self.assertEqual(self.api_codes("", ("a", "e")), [("docs/openapi.json", "e")])
        self.assertEqual(self.api_codes("Response::error(400, word(), detail);\n", ("a",)), [("src/net/http/x.cc", "the")])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
