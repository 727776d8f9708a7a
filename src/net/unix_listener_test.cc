#include "net/unix_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

namespace gw {
namespace {

class UnixListenerTest : public ::testing::Test {
 protected:
  UnixListenerTest() {
    std::string name = ::testing::TempDir() + "unix_XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ + "/ws.sock";
  }
  ~UnixListenerTest() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  std::string refusal() const {
    const auto listener = listen_on_unix({path_});
    return listener ? "" : listener.error().detail.substr(listener.error().detail.rfind(": ") + 2);
  }
  bool is_there() const {
    struct stat found {};
    return lstat(path_.c_str(), &found) == 0;
  }
  unsigned mode() const {
    struct stat found {};
    lstat(path_.c_str(), &found);
    return found.st_mode & 0777;
  }
  // Of somebody who died.
  void leave_a_file() const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un raw{};
    raw.sun_family = AF_UNIX;
    std::memcpy(raw.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&raw), sizeof(raw)), 0);
  }

  std::string directory_, path_;
};

TEST_F(UnixListenerTest, MakesAFileOfItsModeAndTakesItAway) {
  for (const unsigned wanted : {0600u, 0660u, 0666u, 0777u}) {
    const auto before = umask(0077);
    {
      const auto listener = listen_on_unix({path_, wanted});
      ASSERT_TRUE(listener);
      EXPECT_EQ(mode(), wanted);
      EXPECT_TRUE(local_address(listener->fd.get())->ip.is_unix_socket());
    }
    umask(before);
    EXPECT_FALSE(is_there());
  }
}

TEST_F(UnixListenerTest, ReplacesWhatADeadProcessLeft) {
  leave_a_file();
  ASSERT_TRUE(is_there());
  EXPECT_TRUE(listen_on_unix({path_}));
}

TEST_F(UnixListenerTest, LeavesALiveOneAlone) {
  const auto first = listen_on_unix({path_});
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal(), "somebody listens there");
  EXPECT_TRUE(is_there());
}

TEST_F(UnixListenerTest, LeavesWhatIsNoSocketAlone) {
  ASSERT_EQ(symlink("elsewhere", path_.c_str()), 0);
  EXPECT_EQ(refusal(), "a file that is no socket is there");
  EXPECT_TRUE(is_there());
}

TEST_F(UnixListenerTest, LeavesItsSuccessorsFileAlone) {
  auto made = listen_on_unix({path_});
  ASSERT_TRUE(made);
  auto first = std::make_optional(std::move(*made));
  ASSERT_EQ(unlink(path_.c_str()), 0);
  const auto second = listen_on_unix({path_});
  ASSERT_TRUE(second);
  first.reset();
  EXPECT_TRUE(is_there());
}

TEST_F(UnixListenerTest, SaysWhyItCannot) {
  const std::string path = directory_ + "/none/ws.sock";
  const auto listener = listen_on_unix({path});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().detail, "cannot listen on unix:" + path + ": No such file or directory");
}

}  // namespace
}  // namespace gw
