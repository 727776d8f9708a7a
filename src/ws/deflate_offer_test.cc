// permessage-deflate's negotiation, by section of RFC 7692.
#include <gtest/gtest.h>

#include "ws/deflate.h"

namespace gw::ws {
namespace {

constexpr std::string_view kBase =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// The answer to a field value, "" for none.
std::string answer(std::string_view field) {
  std::vector<ExtensionOffer> offers;
  EXPECT_TRUE(parse_extension_offers(field, offers)) << field;
  return negotiate_deflate(offers).value_or("");
}

// 7.1: negotiation.
TEST(DeflateOffer, PlainOfferIsTaken) {
  EXPECT_EQ(answer("permessage-deflate"), kBase);
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits"), kBase) << "what browsers send";
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"), kBase);
}

TEST(DeflateOffer, OtherExtensionsArePassedOver) {
  EXPECT_EQ(answer("x-webkit-deflate-frame"), "");
  EXPECT_EQ(answer("foo; bar=1, permessage-deflate"), kBase);
  EXPECT_EQ(answer("permessage-bzip2, Permessage-Deflate"), "");
}

// 7.1.2.1: the answer says the same or less; what we cannot do is declined.
TEST(DeflateOffer, ServerWindow) {
  for (const char* bits : {"12", "13", "14", "15", "\"15\""}) {
    EXPECT_EQ(answer(std::string("permessage-deflate; server_max_window_bits=") + bits),
              std::string(kBase) + "; server_max_window_bits=12");
  }
  for (const char* bits : {"8", "9", "10", "11", "7", "16", "0", "012", "+12", "1", "x", "99999999999"}) {
    EXPECT_EQ(answer(std::string("permessage-deflate; server_max_window_bits=") + bits), "") << bits;
  }
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits"), "") << "needs a value";
}

// 7.1.2.2
TEST(DeflateOffer, ClientWindow) {
  for (int bits = 8; bits <= 15; ++bits) {
    EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=" + std::to_string(bits)), kBase);
  }
  for (const char* bits : {"7", "16", "08", "0", "x"}) {
    EXPECT_EQ(answer(std::string("permessage-deflate; client_max_window_bits=") + bits), "") << bits;
  }
}

// 7: unknown, duplicate or invalid parameters decline the offer they are in.
TEST(DeflateOffer, BadParameters) {
  for (const char* field : {"permessage-deflate; foo", "permessage-deflate; server_no_context_takeover=1",
                            "permessage-deflate; client_no_context_takeover=true",
                            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
                            "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"}) {
    EXPECT_EQ(answer(field), "") << field;
  }
}

// 5.1: offers are in order of preference; 7.1.3 has a client offer less as its second choice.
TEST(DeflateOffer, TheFirstAcceptableOfSeveral) {
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=10, permessage-deflate"), kBase);
  EXPECT_EQ(
      answer("permessage-deflate; foo=1, permessage-deflate; server_max_window_bits=14, permessage-deflate"),
      std::string(kBase) + "; server_max_window_bits=12");
}

}  // namespace
}  // namespace gw::ws
