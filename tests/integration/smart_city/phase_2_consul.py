"""Phase 2, continued: the gateway as a service that is found, with a real Consul agent."""

import asyncio
from urllib.parse import urlsplit

from support.wait import eventually_async


class Phase2Consul:
    """Phase 2: Consul"""

    async def test_consul_registration_and_discovery(self, start, consul, connect):
        """Two instances register with address, port and an HTTP check that passes; what Consul tells of each can be connected to."""
        instances = [await start("--consul-url", consul.url) for _ in range(2)]
        ids = {one.process.instance_id for one in instances}

        async def both_pass():
            entries = await asyncio.to_thread(consul.get, "/v1/health/service/websocket-gateway?passing")
            return {entry["Service"]["ID"]: entry for entry in entries} if len(entries) >= 2 else None

        found = await eventually_async(both_pass, 30, "Consul finds both of them passing")
        assert set(found) == ids
        for one in instances:
            entry, address = found[one.process.instance_id], urlsplit(one.url)
            assert (entry["Service"]["Address"], entry["Service"]["Port"]) == (address.hostname, address.port)
            checks = [check for check in entry["Checks"] if check["ServiceID"] == one.process.instance_id]
            assert checks and all(check["Status"] == "passing" for check in checks)
            client = await connect(at=one)
            assert client.instance_id == entry["Service"]["ID"]

    async def test_consul_registers_again_and_deregisters(self, start, consul):
        """An instance that Consul forgot is there again within its check's interval or two; one that drains is taken out."""
        gateway = await start("--consul-url", consul.url)
        name = gateway.process.instance_id

        async def known():
            return name in await asyncio.to_thread(consul.services)

        async def unknown():
            return not await known()

        await eventually_async(known, message="registered")
        await asyncio.to_thread(consul.deregister, name)
        await eventually_async(known, 40, "registered again after it was forgotten")
        assert await asyncio.to_thread(gateway.process.stop) == 0
        await eventually_async(unknown, message="deregistered when it drained")

    async def test_consul_down_stops_no_traffic(self, start, connect):
        """With a Consul that does not answer the gateway is ready, lets clients in, and delivers."""
        gateway = await start("--consul-url", "http://127.0.0.1:1")
        client = await connect(at=gateway)
        assert (await client.say("guide", "all the same", id=1))["type"] == "ack"
        assert (await gateway.api.get("/health/websocket-gateway")).status_code == 200
