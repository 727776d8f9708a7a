"""Lines of code of small programs: ours are the examples of our READMEs, the peers' lie in clients_programs/."""

import ast
import collections
import io
import re
import tokenize

from . import tools

PROGRAMS = tools.BENCH / "clients_programs"
# Of what is no program: there is nothing that keeps an answer until its reader comes back.
NO_LOG = "no log"
NOT_WRITTEN = "not written"

# An example of a README is (document, heading, language): the first block under that heading.
JS, PYTHON = "clients/js/README.md", "clients/python/README.md"
Peer = collections.namedtuple("Peer", "name js_client js_agent python_client python_agent hashed taken_over tried")
PEERS = (
    Peer("websocket-gateway-client",
         (JS, "# websocket-gateway-client", "js"), (JS, "## Agents in Node: `websocket-gateway-client/producer`", "js"),
         (PYTHON, "## A client in ten lines", "python"), (PYTHON, "## An agent in ten lines", "python"),
         "yes", "yes", "by `tests/clients`"),
    Peer("centrifuge", "centrifuge/client.mjs", "centrifuge/agent.mjs", "centrifuge/client.py", "centrifuge/agent.py",
         "no hash", "no owner", "on Centrifugo 6.9.1"),
    Peer("@durable-streams/client", "durable-streams/client.mjs", "durable-streams/agent.mjs", NOT_WRITTEN, NOT_WRITTEN,
         "no hash", "fence, no lease", "on its server 0.3.7"),
    Peer("ably", "ably/client.mjs", "ably/agent.mjs", NOT_WRITTEN, NOT_WRITTEN, "no hash", "no owner", "never run"),
    Peer("socket.io-client", NO_LOG, NO_LOG, NO_LOG, NO_LOG, "no hash", "no owner", "nothing to try"),
    Peer("phoenix", NO_LOG, NO_LOG, NO_LOG, NO_LOG, "no hash", "no owner", "nothing to try"),
)


def python_lines(text):
    """Lines on which a token stands that is neither a comment nor of a docstring."""
    documents = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node) is not None:
            documents.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documents)


# What looks like a comment within a string or a template is none.
_JS_PART = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/""", re.DOTALL)


def js_lines(text):
    bare = _JS_PART.sub(lambda part: part[1] or "\n" * part[0].count("\n"), text)
    return sum(1 for line in bare.splitlines() if line.strip())


def lines_of(text, language):
    return python_lines(text) if language == "python" else js_lines(text)


def example(document, heading, language):
    """The first block of code in this language under the heading."""
    begin = f"\n{document}".find(f"\n{heading}\n")
    block = re.search(rf"^```{language}\n(.*?)^```$", document[begin:], re.MULTILINE | re.DOTALL) if begin >= 0 else None
    if block is None:
        raise LookupError(f"no {language} example under: {heading}")
    return block[1]


def text_of(program):
    """(text, language) of a program; None when it is a word."""
    if isinstance(program, tuple):
        path, heading, language = program
        return example((tools.ROOT / path).read_text(), heading, language), language
    if not program.endswith((".mjs", ".py")):
        return None
    return (PROGRAMS / program).read_text(), "python" if program.endswith(".py") else "js"


def cell(program):
    found = text_of(program)
    return program if found is None else str(lines_of(*found))


def rows():
    yield ["", "client, JavaScript", "agent, JavaScript", "client, Python", "agent, Python",
           "checks the text", "another agent goes on", "tried"]
    for peer in PEERS:
        yield [peer.name, *map(cell, (peer.js_client, peer.js_agent, peer.python_client, peer.python_agent)),
               peer.hashed, peer.taken_over, peer.tried]
