#include "engine/redis/connection_record.h"

#include <gtest/gtest.h>

#include <map>

namespace gw::redis {
namespace {

class ConnectionRecordTest : public testing::Test {
 protected:
  ConnectionRecordTest() {
    Session session;
    session.ref = "ref-1";
    session.user_id = "ann";
    session.tenant_id = "red";
    record_.id = ConnectionId::make();
    record_.session = std::make_shared<const Session>(session);
    record_.handle = {1, 2, 3};
    record_.channel = 1;
    record_.channels.add(0);
    record_.channels.add(1);
    record_.connected_at = WallTime(1'790'000'000'001ms);
    record_.last_activity = WallTime(1'790'000'000'002ms);
    record_.last_heartbeat = WallTime(1'790'000'000'003ms);
    record_.pong_owed_since = WallTime(1'790'000'000'004ms);
    record_.client_id = "tab-1";
  }

  // What a script would find, by name.
  std::map<std::string, std::string> written() const {
    Words words;
    records_.append_fields(words, record_);
    return by_name(words, ConnectionRecords::fields());
  }
  static std::map<std::string, std::string> by_name(const Words& words,
                                                    const std::vector<std::string_view>& names) {
    const auto values = words.all();
    EXPECT_EQ(values.size(), names.size());
    std::map<std::string, std::string> fields;
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_TRUE(fields.emplace(names[i], values[i]).second) << names[i] << " stands there twice";
    }
    return fields;
  }
  // As the engine of another instance reads it.
  std::optional<ConnectionRecord> read(std::map<std::string, std::string> fields) {
    std::vector<std::string_view> values;
    for (const std::string_view name : ConnectionRecords::fields_read()) {
      values.push_back(fields[std::string(name)]);
    }
    std::string bytes;
    append_command(bytes, values);
    ReplyReader reader;
    reader.feed(bytes);
    const auto reply = reader.next();
    return records_.from_fields(Reply(*reply));
  }

  const ChannelTable channels_{{"guide", "pillar:content"}};
  const std::string instance_ = "gw-a";
  const ConnectionRecords records_{channels_, instance_};
  ConnectionRecord record_;
};

TEST_F(ConnectionRecordTest, IsReadAsItWasWritten) {
  const auto found = read(written());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, record_.id);
  EXPECT_EQ(found->session->ref, "ref-1");
  EXPECT_EQ(found->user_id(), "ann");
  EXPECT_EQ(found->tenant_id(), "red");
  EXPECT_EQ(found->gateway, "gw-a");
  EXPECT_EQ(found->channel, record_.channel);
  EXPECT_EQ(found->channels, record_.channels);
  EXPECT_EQ(found->connected_at, record_.connected_at);
  EXPECT_EQ(found->last_activity, record_.last_activity);
  EXPECT_EQ(found->last_heartbeat, record_.last_heartbeat);
}

TEST_F(ConnectionRecordTest, HoldsWhatThePromiseToReadersNames) {
  const std::map<std::string, std::string> expected{
      {"connection_id", record_.id.text()},
      {"session_ref", "ref-1"},
      {"user_id", "ann"},
      {"tenant_id", "red"},
      {"channel", "pillar:content"},
      {"channels", "guide pillar:content"},
      {"connected_at", "2026-09-21T14:13:20.001Z"},
      {"last_activity", "2026-09-21T14:13:20.002Z"},
      {"last_heartbeat", "2026-09-21T14:13:20.003Z"},
      {"gateway_instance_id", "gw-a"},
      {"client_id", "tab-1"},
      {"protocol", ""},
      {"pong_owed_since", "1790000000004"},
      {"metadata", R"({"user_id":"ann","tenant_id":"red","connected_at":"2026-09-21T14:13:20.001Z"})"},
  };
  EXPECT_EQ(written(), expected);
}

TEST_F(ConnectionRecordTest, WritesAgainWhatChangesAndNothingElse) {
  Words words;
  records_.append_changes(words, record_);
  std::vector<std::string> names;
  for (const auto& [name, value] : by_name(words, ConnectionRecords::changing_fields()))
    names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"channel", "channels", "last_activity", "last_heartbeat",
                                             "pong_owed_since"}));
}

TEST_F(ConnectionRecordTest, OneWithoutASessionHasNone) {
  record_.session = nullptr;
  record_.pong_owed_since.reset();
  const auto fields = written();
  EXPECT_EQ(fields.at("user_id"), "");
  EXPECT_EQ(fields.at("pong_owed_since"), "");
  EXPECT_EQ(read(fields)->session, nullptr);
}

TEST_F(ConnectionRecordTest, WhatNoGatewayWroteIsNone) {
  auto fields = written();
  fields["gateway_instance_id"] = "";
  EXPECT_FALSE(read(fields));
  fields = written();
  fields["connection_id"] = "somebody";
  EXPECT_FALSE(read(fields));
  EXPECT_FALSE(read({}));
}

TEST_F(ConnectionRecordTest, ChannelsOfAnotherInstanceArePassedOver) {
  auto fields = written();
  fields["channel"] = "theirs";
  fields["channels"] = "guide theirs";
  const auto found = read(fields);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->channel, 0);
  EXPECT_TRUE(found->channels.contains(0));
  EXPECT_FALSE(found->channels.contains(1));
}

}  // namespace
}  // namespace gw::redis
