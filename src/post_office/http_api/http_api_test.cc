#include <gtest/gtest.h>

#include "json/json.h"
#include "post_office/http_api/api_request.h"
#include "post_office/http_api/documents.h"
#include "post_office/http_api/event_streams.h"

namespace gw::http_api {
namespace {

std::string event(std::string_view data) {
  std::string out;
  append_event(out, "7", data);
  return out;
}

TEST(EventStreams, AnEventHasALineForEveryLineOfItsData) {
  EXPECT_EQ(event("{}"), "id: 7\ndata: {}\n\n");
  EXPECT_EQ(event("a\nb\r\nc\rd"), "id: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(event("a\n"), "id: 7\ndata: a\ndata: \n\n");
  EXPECT_EQ(event(""), "id: 7\ndata: \n\n");
}

TEST(Refusal, HasTheFormAndTheStatus) {
  const http::Response response = refusal({Errc::not_found, "no \"such\" thing"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"success":false,"error":"no \"such\" thing","code":"not_found"})");
  const std::pair<Errc, int> statuses[] = {
      {Errc::invalid_argument, 400},   {Errc::unauthenticated, 401}, {Errc::permission_denied, 403},
      {Errc::already_exists, 409},     {Errc::too_large, 413},       {Errc::failed_precondition, 409},
      {Errc::resource_exhausted, 503}, {Errc::unavailable, 503},     {Errc::timeout, 503},
      {Errc::internal, 500},           {Errc::closed, 503},          {Errc::protocol_error, 400},
  };
  for (const auto& [code, status] : statuses)
    EXPECT_EQ(refusal({code, "x"}).status, status) << to_string(code);
  EXPECT_EQ(refusal({Errc::unavailable, "x"}).extra_head, "Retry-After: 1\r\n");
}

TEST(Documents, AreWholeAndJson) {
  EXPECT_TRUE(json::parse_object(openapi_document()));
  EXPECT_TRUE(json::parse_object(asyncapi_document()));
}

TEST(Documents, NameTheChannelsOfThisGateway) {
  const std::string document = openapi_document(ChannelTable({"sales", "a:b"}));
  EXPECT_TRUE(json::parse_object(document));
  EXPECT_NE(document.find(R"("enum": ["sales","a:b"],)"), std::string::npos);
  EXPECT_EQ(document.find("pillar:business_outcomes"), std::string::npos);
}

}  // namespace
}  // namespace gw::http_api
