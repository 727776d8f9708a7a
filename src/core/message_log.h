// What has arrived and is kept for those who come by and ask: they have no connection to push it into.
// Messages are numbered; a reader's cursor is the position of the next one, and what it covers counts as
// received. What nobody has received yet is kept, and when that alone fills the log it takes no more. Pure.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "core/log_cursor.h"

namespace gw {

struct MessageLogLimits {
  size_t messages_max = 1000;
  size_t bytes_max = size_t{16} << 20;
  Duration age_max = 300s;  // received or not
};

// Why there may be messages between a cursor and what is read from it that the reader never sees.
enum class LogGap : uint8_t {
  expired,         // they were here and are not any more
  overflow,        // the log was full; other agents got them
  not_listening,   // nobody polled for a while: they waited elsewhere, or other agents got them
  unknown_cursor,  // it is another instance's, or from before a restart
};
std::string_view to_string(LogGap gap);

class MessageLog {
 public:
  // `epoch` is this log's own and never another's.
  MessageLog(std::string epoch, const MessageLogLimits& limits, WallTime listening_since);

  // False: it is full of messages that nobody has received.
  bool append(std::string_view id, std::string_view envelope, TimePoint now, WallTime arrived);
  // From here on something is missing.
  void lose(LogGap reason);
  // How many nobody had received.
  size_t expire(TimePoint now);

  struct Start {
    uint64_t next = 0;
    std::optional<LogGap> gap;
    std::string last_id;  // that the reader has seen
  };
  // Where to read on; what the cursor covers has been received. Without one: at the first message that nobody
  // has received. invalid_argument: no log of this gateway has given that cursor.
  Result<Start> start(const std::optional<LogCursor>& cursor);

  struct Page {
    std::vector<std::shared_ptr<const std::string>> envelopes;
    LogCursor cursor;  // behind them
    std::optional<LogGap> gap;
    bool more = false;
  };
  // At most so many; one is always given, however large.
  Page read(const Start& start, size_t messages_max, size_t bytes_max, WallTime now) const;

  // Whether a page from there would tell anything.
  bool has_news(const Start& start) const { return start.gap || start.next < next_; }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t number;
    std::string id;
    std::shared_ptr<const std::string> envelope;
    TimePoint since;
    WallTime arrived;
  };

  // For another log's cursor.
  Start start_elsewhere(const LogCursor& cursor) const;
  void drop_first();

  const std::string epoch_;
  const MessageLogLimits limits_;
  const WallTime listening_since_;
  std::deque<Entry> entries_;
  size_t bytes_ = 0;
  uint64_t next_ = 1;      // the number of the next to come
  uint64_t received_ = 1;  // the number of the first that no cursor has covered
  uint64_t dropped_ = 0;   // the number of the last that was dropped
  uint64_t hole_ = 0;      // a number that stands for what never came; 0: none
  LogGap hole_reason_ = LogGap::overflow;
  std::string last_id_;
};

}  // namespace gw
