#include "core/run/cursor.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(RunCursor, HasTwoForms) {
  const RunCursor cursor{1, 15131, *RunHash::parse("1c8441d38a51ad")};
  EXPECT_EQ(cursor.text(), "1.15131.1c8441d38a51ad");
  EXPECT_EQ(cursor.sortable(), "0001.000000015131.1c8441d38a51ad");
  EXPECT_EQ(RunCursor().text(), "0.0.00000000000000");
  EXPECT_EQ(RunCursor().sortable(), "0000.000000000000.00000000000000");
}

TEST(RunCursor, TakesBothForms) {
  for (const RunCursor& cursor :
       {RunCursor(), RunCursor{1, 15131, RunHash::of("a")},
        RunCursor{9999, 999'999'999'999, RunHash::of("b")}, RunCursor{12, 1 << 20, RunHash::of("c")}}) {
    EXPECT_EQ(RunCursor::parse(cursor.text()), cursor) << cursor.text();
    EXPECT_EQ(RunCursor::parse(cursor.sortable()), cursor) << cursor.sortable();
  }
}

TEST(RunCursor, SortsByPlace) {
  const std::string early = RunCursor{1, 999, {}}.sortable(), late = RunCursor{1, 1000, {}}.sortable();
  EXPECT_LT(early, late);
  EXPECT_LT(late, (RunCursor{2, 0, {}}.sortable()));
}

TEST(RunCursor, TakesNothingElse) {
  for (const char* text : {"",
                           ".",
                           "..",
                           "1",
                           "1.2",
                           "1.2.",
                           "1.2.1c8441d38a51a",
                           "1.2.1c8441d38a51adx",
                           "1.2.1C8441D38A51AD",
                           "01.2.1c8441d38a51ad",
                           "0001.2.1c8441d38a51ad",
                           "1.000000000002.1c8441d38a51ad",
                           "-1.2.1c8441d38a51ad",
                           "+1.2.1c8441d38a51ad",
                           " 1.2.1c8441d38a51ad",
                           "1.2.1c8441d38a51ad ",
                           "1.-2.1c8441d38a51ad",
                           "10000.2.1c8441d38a51ad",
                           "1.1000000000000.1c8441d38a51ad",
                           "1.2.3.1c8441d38a51ad",
                           "1..1c8441d38a51ad",
                           "1.2.ffffffffffffff",
                           "1.0x2.1c8441d38a51ad",
                           "1.18446744073709551616.1c8441d38a51ad"})
    EXPECT_FALSE(RunCursor::parse(text)) << text;
}

}  // namespace
}  // namespace gw
