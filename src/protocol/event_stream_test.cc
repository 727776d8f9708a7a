#include "protocol/event_stream.h"

#include <gtest/gtest.h>

namespace gw::protocol {
namespace {

std::string event(std::string_view text) {
  std::string out;
  append_event(out, text);
  return out;
}

TEST(EventStream, AMessageIsOneEvent) {
  EXPECT_EQ(event(R"({"a":1})"), "data: {\"a\":1}\n\n");
  EXPECT_EQ(event(" leading"), "data:  leading\n\n") << "a reader takes one blank away";
  EXPECT_EQ(event(""), "data: \n\n");
}

TEST(EventStream, NoLineOfAMessageIsAFieldOfItsOwn) {
  EXPECT_EQ(event("{\n\"event: close\":1}"), "data: {\ndata: \"event: close\":1}\n\n");
  EXPECT_EQ(event("a\rb\r\nc\n\nd\r"), "data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n");
}

TEST(EventStream, AnEndSaysWhy) {
  std::string out;
  append_close_event(out, 4003, "session \"ended\"");
  EXPECT_EQ(out, "event: close\ndata: {\"code\":4003,\"reason\":\"session \\\"ended\\\"\"}\n\n");
}

}  // namespace
}  // namespace gw::protocol
