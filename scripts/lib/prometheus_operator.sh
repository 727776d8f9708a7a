#!/usr/bin/env bash
# Prints the directory with the schemas of the Prometheus Operator, by which tests/deploy judges the Helm chart's
# ServiceMonitor, installed there when they are not. Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/prometheus-operator
mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "the schemas of the Prometheus Operator" "$root/tests/deploy/prometheus-operator" "$installed"
echo "$installed"
