// The log of a run in a protocol of others: of AI SDK chunks, of AG-UI events, one a line. What stands in it
// is at any moment the beginning of a stream that this protocol's readers take, and ends with its closing
// event. The gateway writes the beginning and the end; between them stand the items of an agent that speaks
// the protocol, or what it says as text, in frames. Pure.
//
// A framing is a fold of the log's lines, so whoever has the log knows what may come next and what an end has
// to close. An attempt is what one agent says: it is text or items, and a new one takes back what the last
// one has said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "protocol/ag_ui_framing.h"
#include "protocol/ai_sdk_framing.h"
#include "protocol/framed_run.h"

namespace gw::protocol {

class RunFraming {
 public:
  // What is open at one time closes with so many bytes at most.
  static constexpr size_t kClosersBytesMax = size_t{16} << 10;

  explicit RunFraming(FramedProtocol protocol = FramedProtocol::ai_sdk);

  // What a log begins with.
  static std::string head(FramedProtocol protocol, const FramedHead& head);
  // Lines of the log as they stand there, in order.
  void fold(std::string_view lines);
  uint64_t pos() const { return pos_; }  // of the log, behind them

  // Each answers what the log gets, and has folded it. Where it fails nothing may be asked of it any more:
  // whoever may fail works on a copy.
  //
  // What an agent says. failed_precondition: the attempt has begun with the other; invalid_argument: an item
  // that readers would not take, by its number. `end`: what comes with the items, or null: its own closing
  // event is one of that end, and is left out without.
  Result<std::string> text(std::string_view text);
  Result<std::string> items(std::string_view lines, const FramedEnd* end);
  // Closes what is open, and the stream, unless the agent just has.
  std::string end(const FramedEnd& end);
  // Another attempt. Empty where nothing was said in the last one. `opening_line`: what stands in the log at
  // opening().
  std::string begin_attempt(std::string_view opening_line);
  struct Range {
    uint64_t from = 0, to = 0;
    bool operator==(const Range&) const = default;
  };
  // What takes back all that was said; empty: the protocol has a word for it.
  Range opening() const { return opening_; }

  // What has to be left of a log's bound for an end.
  size_t room() const;
  bool operator==(const RunFraming&) const = default;

 private:
  std::string counted(std::string out);
  void count(std::string_view line);

  std::variant<AiSdkFraming, AgUiFraming> protocol_;
  uint64_t pos_ = 0;
  unsigned lines_ = 0;  // at most two
  Range opening_;
};

}  // namespace gw::protocol
