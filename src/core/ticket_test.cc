#include "core/ticket.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const ChannelTable kChannels({"guide", "pillar:content", "news"});
const WallTime kNow = WallTime(1'800'000'000'000ms);
const TicketKey kKey{TicketKey::period_of(kNow), sha256("key")};

Ticket any_ticket() {
  Ticket ticket;
  Session& session = ticket.session;
  session.key = sha256("token");
  session.ref = "0123456789abcdef0123456789abcdef";
  session.user_id = "ada@example.org";
  session.type = "web";
  session.tenant_id = "acme";
  session.channels = ChannelSet();
  session.channels.add(0);
  session.channels.add(2);
  session.created_at = kNow - 1h;
  session.expires_at = kNow + 1h;
  ticket.client_id = "tab-1";
  ticket.issued_at = kNow;
  return ticket;
}

TEST(Ticket, OpensAsItWasSealed) {
  const std::string text = seal_ticket(kKey, kChannels, any_ticket());
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            text.npos);
  EXPECT_EQ(period_of_ticket(text), kKey.period);
  const auto opened = open_ticket(kKey, kChannels, text);
  ASSERT_TRUE(opened);
  EXPECT_EQ(encode_ticket(kChannels, *opened), encode_ticket(kChannels, any_ticket()));
  EXPECT_EQ(opened->session.user_id, "ada@example.org");
  EXPECT_EQ(opened->session.status, SessionStatus::active);
  EXPECT_EQ(opened->session.channels, any_ticket().session.channels);
}

TEST(Ticket, OpensWithItsKeyAloneAndUnchanged) {
  const std::string text = seal_ticket(kKey, kChannels, any_ticket());
  EXPECT_FALSE(open_ticket({kKey.period, sha256("another")}, kChannels, text));
  EXPECT_FALSE(open_ticket({kKey.period + 1, kKey.secret}, kChannels, text));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_ticket(kKey, kChannels, changed)) << i;
    EXPECT_FALSE(open_ticket(kKey, kChannels, text.substr(0, i))) << i;
  }
}

TEST(Ticket, ChannelsAreThoseOfTheNames) {
  Ticket ticket = any_ticket();
  const ChannelTable others({"news", "sports"});
  auto opened = open_ticket(kKey, others, seal_ticket(kKey, kChannels, ticket));
  ASSERT_TRUE(opened);
  ChannelSet news;
  news.add(0);
  EXPECT_EQ(opened->session.channels, news);
  ticket.session.channels = ChannelSet::all();
  opened = open_ticket(kKey, others, seal_ticket(kKey, kChannels, ticket));
  EXPECT_EQ(opened->session.channels, ChannelSet::all());
}

TEST(Ticket, IsGoodForItsTimeWhileItsSessionGoesOn) {
  Ticket ticket = any_ticket();
  EXPECT_TRUE(ticket.is_good_at(kNow));
  EXPECT_TRUE(ticket.is_good_at(kNow + kTicketTime - 1ms));
  EXPECT_FALSE(ticket.is_good_at(kNow + kTicketTime));
  EXPECT_TRUE(ticket.is_good_at(kNow - kTicketLeeway));
  EXPECT_FALSE(ticket.is_good_at(kNow - kTicketLeeway - 1ms));
  ticket.session.expires_at = kNow + 10s;
  EXPECT_TRUE(ticket.is_good_at(kNow + 9s));
  EXPECT_FALSE(ticket.is_good_at(kNow + 10s));
}

TEST(Ticket, WhatWouldBeTooLongIsNone) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) names.push_back(std::string(60, 'c') + std::to_string(i));
  const ChannelTable many(names);
  Ticket ticket = any_ticket();
  ticket.session.channels = ChannelSet::all();
  EXPECT_NE(seal_ticket(kKey, many, ticket), "");
  ticket.session.channels.remove(0);
  EXPECT_EQ(seal_ticket(kKey, many, ticket), "");
}

TEST(Ticket, NothingElseIsOne) {
  for (const std::string text : {"", "A", "AQ", "not a ticket", "AQAAAAA", "AgAAAAAAAAAA"})
    EXPECT_FALSE(period_of_ticket(text)) << text;
  EXPECT_FALSE(period_of_ticket(std::string(kTicketBytesMax + 1, 'A')));
  const std::string whole = encode_ticket(kChannels, any_ticket());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(decode_ticket(kChannels, whole.substr(0, i))) << i;
  EXPECT_FALSE(decode_ticket(kChannels, whole + "x"));
}

}  // namespace
}  // namespace gw
