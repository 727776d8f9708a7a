#include "core/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace gw {
namespace {

FramePtr frame_of(std::string plain, std::string deflated) {
  return FramePtr(new Frame(std::move(plain), std::move(deflated)));
}

TEST(Frame, JoinedTheyAreOneAfterTheOther) {
  const std::array frames{make_text_frame("one"), make_text_frame("two")};
  const FramePtr joined = join_frames(frames);
  EXPECT_EQ(joined->wire(false), std::string(frames[0]->wire(false)).append(frames[1]->wire(false)));
  EXPECT_FALSE(joined->has_two_forms());
}

TEST(Frame, JoinedTheyHaveTwoFormsWhenOneOfThemHas) {
  const std::array frames{frame_of("plain", "deflated"), frame_of("short", "")};
  const FramePtr joined = join_frames(frames);
  EXPECT_EQ(joined->wire(false), "plainshort");
  EXPECT_EQ(joined->wire(true), "deflatedshort");
}

TEST(Frame, JoinedTheyAreAnEventEach) {
  const std::array frames{make_text_frame("one"), make_text_frame("two")};
  EXPECT_EQ(as_events(*join_frames(frames)), as_events(*frames[0]) + as_events(*frames[1]));
}

}  // namespace
}  // namespace gw
