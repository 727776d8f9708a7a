"""Instances on one Redis read their settings again one after the other."""

from support.settings_file import SettingsFile, hang_up
from support.wait import eventually

CHANNELS = 'channels = ["guide", "sales"]\n'


def test_a_channel_comes_to_one_instance_after_the_other(cluster, tmp_path):
    settings = SettingsFile(tmp_path / "gateway.toml", 'channels = ["guide"]\n')
    here, there = (cluster.start("--config", settings.path) for _ in range(2))
    agent_of_guide = there.subscribe("guide")
    assert settings.reload(here, CHANNELS).json()["changed"] == ["channels"]
    client = here.connect()
    assert client.say(channel="sales", id="early", text="nobody listens yet")["type"] == "ack"
    hang_up(there)
    eventually(lambda: "reloaded changed=channels" in there.log_text)

    first = there.subscribe("sales", "g")
    assert first.envelope()["message"]["payload"]["message"] == "nobody listens yet"  # it waited in the stream
    agents = [first, there.subscribe("sales", "h"), there.subscribe("sales")]
    assert client.say(channel="sales", id="late", text="of the new one")["status"] == "published"
    for agent in agents:
        assert agent.envelope()["message"]["payload"]["message"] == "of the new one"
    there.api.publish("sales", {"n": 1})
    assert client.receive() == {"n": 1}
    assert client.say(channel="guide", id="guide", text="as before")["status"] == "published"
    assert agent_of_guide.envelope()["message"]["payload"]["message"] == "as before"
