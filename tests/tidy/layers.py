"""Who may include whom (docs/ARCHITECTURE.md, "Layers"), and which header of others lives where."""

import re

from tree import Finding, includes, is_cpp, is_test, layer_of

LAYERS = {
    "base": (),
    "ws": ("base",),
    "json": ("base",),
    "protocol": ("base", "json"),
    "net": ("base",),
    "core": ("base", "ws", "protocol"),
    "engine": ("base", "json", "core", "net"),
    "traffic_cop": ("base", "json", "core"),
    "gateway": ("base", "json", "ws", "protocol", "core", "net"),
    "post_office": ("base", "json", "protocol", "core", "traffic_cop", "net"),
    "ops": ("base", "json", "core", "net", "gateway"),
    "config": ("base", "core", "engine", "gateway", "net", "ops", "post_office", "traffic_cop"),
    "app": ("base", "config", "core", "engine", "gateway", "json", "net", "ops", "post_office", "protocol",
            "traffic_cop", "ws"),
}

# Prefix of a header -> the layers or files that may include it. Replace the library, touch one place.
HOMES = {
    "boost/system/": tuple(LAYERS),
    "boost/smart_ptr/": ("core", "engine"),
    "boost/container/": ("json", "core"),
    "boost/intrusive/": ("engine",),
    "emmintrin.h": ("src/json/json_string.h",),
    "boost/asio": ("net",),
    "boost/beast": ("net",),
    "openssl/": ("base", "net", "src/traffic_cop/jwt_keys.cc", "ws"),
    "hiredis/": ("engine",),
    "zlib.h": ("ws",),
    "liburing.h": ("net",),
    "fmt/": tuple(LAYERS),
    "CLI/": ("config",),
    "toml++/": ("config",),
    "opentelemetry/": ("src/ops/otel_parts.h", "src/ops/otel_data.cc", "src/ops/otel_exporters.cc",
                       "src/ops/otel_telemetry.cc"),
    "sys/epoll.h": ("src/net/poller.h",),
    "sys/socket.h": ("net", "gateway"),
    "netinet/": ("net", "gateway"),
}

_STANDARD_C = re.compile(
    r"(sys|arpa|linux|netinet)/\w+\.h|(unistd|fcntl|signal|errno|time|poll|pthread|sched|malloc|dirent|ifaddrs)\.h")


def check_includes(tree: dict[str, str]) -> list[Finding]:
    found = []
    for path, text in tree.items():
        layer = layer_of(path)
        if layer is None or not is_cpp(path):
            continue
        for line, header, quoted in includes(text):
            reason = _bad_own(path, layer, header, tree) if quoted else _bad_foreign(path, layer, header)
            if reason:
                found.append(Finding(path, line, "layering", reason))
    return found


def _bad_own(path: str, layer: str, header: str, tree: dict[str, str]) -> str | None:
    target = header.split("/")[0] if "/" in header else None
    if target not in LAYERS:
        return f'"{header}": include from the root of src/, as "layer/file.h"'
    if layer not in LAYERS:
        return f"{layer} is not a layer; add it to tests/tidy/layers.py and docs/ARCHITECTURE.md"
    if target != layer and target not in LAYERS[layer]:
        allowed = " ".join(LAYERS[layer]) or "nothing"
        return f'"{header}": {layer} may include {allowed}, never {target}'
    if is_test(f"src/{header}") and not is_test(path):
        return f'"{header}" is for tests only'
    return None


def _bad_foreign(path: str, layer: str, header: str) -> str | None:
    if header.startswith(("gtest/", "gmock/")):
        return None if is_test(path) else f"<{header}> belongs to tests"
    for prefix, homes in HOMES.items():
        if header.startswith(prefix):
            at_home = layer in homes or path in homes or is_test(path)
            return None if at_home else f"<{header}> lives in {', '.join(homes)} only"
    if re.fullmatch(r"[a-z_0-9]+", header) or _STANDARD_C.fullmatch(header):
        return None
    return f"<{header}> has no home; give it one in tests/tidy/layers.py"


_GW_LAYER = re.compile(r"gw_layer\((\w+)([^)]*)\)")


def check_cmake(tree: dict[str, str]) -> list[Finding]:
    """The build links what the rule allows, so that a forbidden include also fails to link."""
    found = []
    for layer, allowed in LAYERS.items():
        path = f"src/{layer}/CMakeLists.txt"
        declared = _GW_LAYER.search(tree.get(path, ""))
        if declared is None or declared[1] != layer:
            found.append(Finding(path, 1, "layering", f"no gw_layer({layer} ...)"))
            continue
        deps = re.search(r"\bDEPS\s+([\w\s]*?)(?=\s*(?:LIBS|$))", declared[2])
        extra = set(deps[1].split() if deps else ()) - set(allowed)
        if extra:
            found.append(Finding(path, 1, "layering", f"links {' '.join(sorted(extra))}, which {layer} may not include"))
    return found


def check_orphans(tree: dict[str, str]) -> list[Finding]:
    """A header that only its own source and test include is code that the program does not use."""
    used = set()
    for path, text in tree.items():
        if not is_cpp(path):
            continue
        stem = re.sub(r"(_test)?\.(cc|h)$", "", path)
        used.update(header for _, header, quoted in includes(text) if quoted and f"src/{header}" != f"{stem}.h")
    return [Finding(path, 1, "orphan", "no other file includes this header")
            for path in tree if path.startswith("src/") and path.endswith(".h") and path[4:] not in used]
