#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

std::string read(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? iso8601(*time) : "";
}

TEST(Rfc3339, ReadsFractionsAndOffsets) {
  EXPECT_EQ(read("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(read("2026-01-02T03:04:05.6Z"), "2026-01-02T03:04:05.600Z");
  EXPECT_EQ(read("2026-01-02T03:04:05.678912z"), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(read("2026-01-02T03:04:05.678+02:30"), "2026-01-02T00:34:05.678Z");
  EXPECT_EQ(read("2026-01-01T23:00:00-01:00"), "2026-01-02T00:00:00.000Z");
}

TEST(Rfc3339, RefusesWhatIsNone) {
  for (const char* text :
       {"", "tomorrow", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02 03:04:05Z",
        "2026-13-02T03:04:05Z", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05+01:60"}) {
    EXPECT_EQ(read(text), "") << text;
  }
}

}  // namespace
}  // namespace gw
