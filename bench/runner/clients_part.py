"""What the clients cost a page, an installation and who writes with them, beside others."""

import collections
import datetime
import json
import os
import pathlib
import tempfile

from . import client_installs, client_lines, machine, results, tools

BUSY = "Other work shared the CPUs meanwhile: seconds are far too high and say nothing, CPU time is too high for everybody."


def spaced(count):
    """12 345."""
    return f"{count:,}".replace(",", " ")


def time_cell(values):
    return results.spread(values, lambda value: f"{value:.2f}")


class Part:
    """Packages take turns; what cannot be installed says so in its row."""

    def __init__(self, command):
        self.command = command
        self.bundles = []  # rows
        self.figures = {}  # installer -> name -> [Figures]
        self.failures = {}  # (installer, name) -> why
        self.versions = []

    def measure(self, installer, packages, rounds):
        self.versions.append(installer.version())
        specs = {}
        for package in packages:
            print(f"preparing {package.name}", flush=True)
            try:
                specs[package.name] = installer.spec(package)
                folder = installer.prepare(specs[package.name])
                self.bundle(installer, folder, package)
            except client_installs.InstallFailed as failure:
                self.fail(installer, package.name, failure)
        for number in range(1, rounds + 1):
            for name, spec in specs.items():
                self.install(installer, name, spec, f"{number}/{rounds}")

    def bundle(self, installer, folder, package):
        for names, module in package.imports:
            plain, gzipped = installer.bundle(folder, names, module)
            self.bundles.append([package.name, f"`{{ {names} }}` of `{module}`", spaced(plain), spaced(gzipped)])

    def install(self, installer, name, spec, turn):
        if (installer.word, name) in self.failures:
            return
        try:
            figures = installer.once(spec)
        except client_installs.InstallFailed as failure:
            self.fail(installer, name, failure)
            return
        self.figures.setdefault(installer.word, collections.defaultdict(list))[name].append(figures)
        print(f"  {installer.word} {turn} {name}: {figures.seconds:.2f} s", flush=True)

    def fail(self, installer, name, failure):
        self.failures[installer.word, name] = str(failure)
        print(f"FAILED {installer.word} {name}: {failure}", flush=True)

    # Showing.

    def bundle_rows(self):
        yield ["package", "import", "minified, bytes", "gzipped, bytes"]
        yield from self.bundles

    def install_rows(self, word):
        yield ["package", f"`{word}`, s", "CPU time, s", "packages", "on disk, bytes"]
        for name, figures in self.figures.get(word, {}).items():
            last = figures[-1]
            yield [name, time_cell([f.seconds for f in figures]), time_cell([f.cpu_seconds for f in figures]),
                   str(last.packages), spaced(last.bytes_on_disk)]
        for failed, name in self.failures:
            if failed == word:
                yield [name, "does not install", "", "", ""]

    def tables(self):
        installs = [results.table(f"Installed by {word.split()[0]}", self.install_rows(word), "###")
                    for word in (client_installs.Npm.word, client_installs.Pip.word) if word in self.figures]
        bundles = [results.table("A page's bundle", self.bundle_rows(), "###")] if self.bundles else []
        return [*bundles, *installs, results.table("Lines of a correct client and agent", client_lines.rows(), "###")]

    def markdown(self):
        described = machine.describe(None)
        out = [results.CLIENTS_HEADING, "",
               "Written by `bench/clients --write`; what is measured and how: [README](README.md#clients).", "",
               f"- Date: {datetime.date.today().isoformat()}", f"- Command: `{self.command}`"]
        described["Load average after"] = described.pop("Load average before")
        out += [f"- {key}: {described[key]}" for key in ("Machine", "System", "Load average after", "Commit")]
        out += [f"- {version}" for version in self.versions]
        if os.getloadavg()[2] > len(os.sched_getaffinity(0)):
            out += ["", BUSY]
        out += ["", "Times are medians, with lowest and highest in brackets."]
        for table in self.tables():
            out += ["", *table]
        return "\n".join(out) + "\n"


def run(args, command):
    place = tools.cache("clients")
    part = Part(command)
    part.measure(client_installs.Npm(place), client_installs.NPM, args.rounds)
    part.measure(client_installs.Pip(place), client_installs.PIP, args.rounds)
    text = part.markdown()
    print(text)
    if args.write:
        results.write(tools.BENCH / "RESULTS.md", clients=text)
    return 1 if part.failures else 0


# --- The pure parts, without the network.

JS_SAMPLE = "// no\n\nconst a = 'http://x'; // no\n/* no\n no */\nconst b = `two\nlines // of it`;\n"
PYTHON_SAMPLE = '"""No\n\nno."""\n\n# no\ndef f():\n    """No."""\n    return """two\nlines"""  # no\n'


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} and not {wanted!r}")


def smoke_lines():
    expect("lines of JavaScript", client_lines.js_lines(JS_SAMPLE), 3)
    expect("lines of Python", client_lines.python_lines(PYTHON_SAMPLE), 3)
    expect("an example", client_lines.example("# a\n```js\n1\n```\n## b\n```js\n2\n```\n", "## b", "js"), "2\n")
    head, *rows = client_lines.rows()
    for row in rows:
        expect(f"columns of {row[0]}", len(row), len(head))
    ours = [int(count) for count in rows[0][1:5]]
    expect("ours have lines", all(ours), True)
    named = {program for peer in client_lines.PEERS for program in peer if isinstance(program, str) and program.endswith((".mjs", ".py"))}
    there = {str(path.relative_to(client_lines.PROGRAMS)) for path in client_lines.PROGRAMS.rglob("*.*")}
    expect("programs", named, there)
    for name in named:
        compile_if_python(name)


def compile_if_python(name):
    if name.endswith(".py"):
        compile((client_lines.PROGRAMS / name).read_text(), name, "exec", dont_inherit=True)


def smoke_results():
    """Writing one part leaves the others as they are, wherever it stands."""
    others = {"main": "# Results\n\nmain\n", "redis": f"{results.REDIS_HEADING}\n\nredis\n", "runs": f"{results.RUNS_HEADING}\n\nruns\n"}
    with tempfile.TemporaryDirectory(prefix="bench-clients-") as folder:
        path = pathlib.Path(folder) / "RESULTS.md"
        path.write_text("\n".join([*others.values(), f"{results.SLOW_HEADING}\n\nslow\n"]))
        part = Part("bench/clients")
        part.figures["npm install"] = {"some": [client_installs.Figures(seconds, 0.5, 2, 12345) for seconds in (3.0, 1.0, 2.0)]}
        for _ in range(2):
            results.write(path, clients=part.markdown())
        text = path.read_text()
        results.write(path, runs=others["runs"])
        expect("a part written again", path.read_text(), text)
    for words in (*others.values(), f"{results.SLOW_HEADING}\n\nslow\n"):
        expect(f"times that {words.split()[1]} is there", text.count(words), 1)
    expect("times that the heading is there", text.count(f"{results.CLIENTS_HEADING}\n"), 1)
    expect("a row", "| some | 2.00 (1.00..3.00) | 0.50 (0.50..0.50) | 2 | 12 345 |" in text, True)


def smoke():
    with tempfile.TemporaryDirectory(prefix="bench-clients-") as name:
        folder = pathlib.Path(name)
        (folder / "a").write_bytes(b"12345")
        (folder / "left out").write_bytes(b"12345")
        (folder / "link").symlink_to("a")
        expect("bytes below a folder", client_installs.bytes_below(folder, ("left out",)), 5)
    built_with = json.loads((tools.ROOT / "clients/js/package.json").read_text())["devDependencies"]["esbuild"]
    expect("esbuild", client_installs.ESBUILD_VERSION, built_with)
    expect("sizes", client_installs.sizes(b"a" * 1000)[0], 1000)
    smoke_lines()
    smoke_results()
    print("bench/clients: the parts that need no network work")
    return 0
