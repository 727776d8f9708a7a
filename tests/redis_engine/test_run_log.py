"""Why a run ended stands in its record, and one instance logs it."""

import re

from support.runs import Run
from support.wait import eventually


def test_one_instance_logs_how_a_run_ended(cluster):
    gateways = [cluster.start("--log-level", "debug") for _ in range(2)]
    lost = Run.create(gateways[0].api, lease_ms=2000)
    failed = Run.create(gateways[1].api)
    failed.end("failed", error={"code": "no_luck", "message": ""})

    def ends(run):
        lines = "".join(gateway.log_text for gateway in gateways).splitlines()
        return [
            (re.search(r"\brun_(?:ended|abandoned)", line)[0], re.search(r"\berror=(\S+)", line)[1])
            for line in lines
            if f"run_id={run.run_id}" in line and re.search("run_ended|run_abandoned", line)
        ]

    def each_is_told_once():
        return (ends(lost), ends(failed)) == ([("run_abandoned", "agent_lost")], [("run_ended", "no_luck")])

    eventually(each_is_told_once, 30)
    for gateway in gateways:
        gateway.stop()
    assert each_is_told_once(), "the other instance told it too"
