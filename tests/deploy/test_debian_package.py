"""The .deb of scripts/package: what is in it, and its life from installation to purge."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from support.debian_root import DebianRoot
from support.gateway import REPOSITORY, run_to_exit
from support.server_process import free_port

UNIT = "lib/systemd/system/websocket-gateway.service"
SETTINGS = "/etc/websocket-gateway.toml"


@pytest.fixture(scope="module")
def package() -> Path:
    made = subprocess.run([REPOSITORY / "scripts/package"], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stderr
    (path,) = made.stdout.split()
    return Path(path)


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg", "-x", package, root], check=True)
    return root


@pytest.fixture(scope="module")
def root(package):
    with DebianRoot() as made:
        made.put(package, "/package.deb")
        yield made


def field(package, name) -> str:
    return subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True, check=True).stdout.strip()


def test_lintian_finds_nothing(package):
    # Who answers for it is whose build it is: -D GW_MAINTAINER.
    known = "bogus-mail-host,bogus-mail-host-in-debian-changelog"
    found = subprocess.run(["lintian", "--allow-root", f"--suppress-tags={known}", "--fail-on=error,warning", package],
                           capture_output=True, text=True, timeout=120)  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr


def test_it_needs_the_libraries_that_it_is_linked_to(package):
    needs = {re.split(r"[ (]", each, maxsplit=1)[0] for each in field(package, "Depends").split(", ")}
    assert {"adduser", "libc6", "libssl3", "libhiredis0.14", "liburing2", "libmimalloc2.0", "opentelemetry-cpp"} <= needs


def test_the_program_says_its_commit(unpacked):
    said = subprocess.run([unpacked / "usr/bin/websocket-gateway", "--version"], capture_output=True, text=True, check=True)
    commit = subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(rf"websocket-gateway [\d.]+ \({commit[:12]}(-dirty)?\)\n", said.stdout)


def test_the_settings_file_is_a_conffile_of_comments(package, unpacked):
    assert subprocess.run(["dpkg-deb", "-I", package, "conffiles"], capture_output=True, text=True).stdout.split() == [SETTINGS]
    text = (unpacked / SETTINGS.lstrip("/")).read_text()
    assert all(line.startswith("#") for line in text.splitlines() if line)
    assert run_to_exit("--check-config", "--config", unpacked / SETTINGS.lstrip("/")).returncode == 0


def test_the_manual_page_reads_well(unpacked):
    page = gzip.decompress((unpacked / "usr/share/man/man1/websocket-gateway.1.gz").read_bytes())
    shown = subprocess.run(["groff", "-man", "-Tutf8", "-wall"], input=page, capture_output=True, check=True)
    assert not shown.stderr
    assert "--drain-timeout" in re.sub(r".\x08|\x1b\[[\d;]*m", "", shown.stdout.decode())


def test_bash_completes_flags_and_words(unpacked):
    script = unpacked / "usr/share/bash-completion/completions/websocket-gateway"

    def complete(*words):
        line = " ".join(f"'{word}'" for word in words)
        lines = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _websocket_gateway; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-ec", lines], capture_output=True, text=True, check=True).stdout.split()

    assert complete("websocket-gateway", "--drain") == ["--drain-timeout"]
    assert complete("websocket-gateway", "--log-level", "") == ["debug", "info", "warn", "error"]
    assert complete("websocket-gateway", "--engine", "=", "re") == ["redis"]
    assert complete("websocket-gateway", "--shards", "") == []


def test_zsh_completes_flags_and_words(unpacked):
    """A zsh in a terminal of its own, in which somebody presses Tab."""
    directory = unpacked / "usr/share/zsh/vendor-completions"
    script = f"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= ; fpath=({directory} \\$fpath); autoload -U compinit; compinit -u -D; echo set-'up'"
zpty -r shell said '*set-up*'
zpty -w -n shell $'websocket-gateway --drain\\t1s --engine=r\\t; echo do-\\'ne\\'\\n'
zpty -r shell said '*command not found*'
print -r -- $said
"""
    said = subprocess.run(["timeout", "20", "zsh", "-fc", script], capture_output=True, text=True).stdout
    assert "--drain-timeout" in said and "--engine=redis" in said, said


def test_its_unit_is_the_one_of_deploy_with_a_user(unpacked):
    def settings(path):
        return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}

    ours, theirs = settings(unpacked / UNIT), settings(REPOSITORY / "deploy/systemd/websocket-gateway.service")
    assert {line.split("=")[0] for line in theirs - ours} == {
        "ExecStart", "LoadCredential", "EnvironmentFile", "Environment", "DynamicUser"}
    assert {line.split("=")[0] for line in ours - theirs} == {
        "Documentation", "ExecStart", "ExecReload", "EnvironmentFile", "User", "Group"}


# In this order: one package, from installation to purge.

def test_installing_makes_the_user_and_enables_the_service(root):
    said = root.run("dpkg --no-triggers -i /package.deb >&2; getent passwd websocket-gateway; "
                    "readlink /etc/systemd/system/multi-user.target.wants/websocket-gateway.service")  # fmt: skip
    user, unit = said.splitlines()
    assert user.endswith(":/nonexistent:/usr/sbin/nologin") and unit == f"/{UNIT}"


def test_its_service_runs_as_that_user_with_that_file(root, unpacked):
    command = re.search(r"^ExecStart=(.*)$", (unpacked / UNIT).read_text(), re.MULTILINE)[1]
    reload = re.search(r"^ExecReload=(.*)$", (unpacked / UNIT).read_text(), re.MULTILINE)[1]
    port = free_port()
    said = root.run(f"""
sed -i 's/^#listen = .*/listen = ["127.0.0.1:{port}"]/' {SETTINGS}
setpriv --reuid websocket-gateway --regid websocket-gateway --clear-groups --no-new-privs --bounding-set=-all {command} >/run/said 2>/run/log &
for _ in $(seq 200); do grep -q ready /run/said && break; sleep 0.05; done
exec 3<>/dev/tcp/127.0.0.1/{port}
printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3
head -n 1 <&3
stat -c %U /proc/$!
sed -i 's/^#log_level = .*/log_level = "debug"/' {SETTINGS}
MAINPID=$!; {reload}
for _ in $(seq 200); do grep -q reloaded /run/log && break; sleep 0.05; done
grep -cw reloaded /run/log
kill -TERM $!
wait $! && echo drained
""")
    assert [line.strip() for line in said.splitlines()] == ["HTTP/1.1 200 OK", "websocket-gateway", "1", "drained"]


def test_what_somebody_changed_stays(root):
    said = root.run(f"dpkg --no-triggers -i /package.deb >&2; grep -c ^listen {SETTINGS}; id -u websocket-gateway >/dev/null")
    assert said.strip() == "1"


def test_purging_leaves_the_user_alone(root):
    said = root.run(f"""
touch /etc/websocket-gateway.env
files=$(dpkg -L websocket-gateway)
dpkg --no-triggers -P websocket-gateway >&2
for file in $files {SETTINGS} /etc/websocket-gateway.env; do [ -d $file ] || [ ! -e $file ] || echo $file; done
ls /etc/systemd/system/multi-user.target.wants | grep websocket || true
id -un websocket-gateway
""")
    assert said.split() == ["websocket-gateway"]
