// What a log of AG-UI's events says so far (1.0): what is open, and whose it is. It knows what the verifier
// of
// @ag-ui/client knows, after it has taken the chunk events (*_CHUNK) apart. Part of protocol/run_framing.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/ag_ui_owners.h"
#include "protocol/framed_run.h"

namespace gw::protocol {

class AgUiFraming {
 public:
  static void append_head(std::string& out, const FramedHead& head);

  void fold(const FramedItem& item) { apply(item); }
  FramedSaid said() const { return said_; }

  // Each appends what the log gets. Empty: done; otherwise why readers would not take it.
  std::string take(const FramedItem& item, const FramedEnd* end, std::string& out);
  void say(std::string_view text, std::string& out);
  void close(const FramedEnd& end, std::string& out);
  void begin_attempt(std::string_view opening_line, std::string& out);

  // That of the log's second line, where it is one; else that of no messages.
  static constexpr std::string_view kNoMessages = "{\"type\":\"MESSAGES_SNAPSHOT\",\"messages\":[]}\n";
  bool operator==(const AgUiFraming&) const = default;

 private:
  // What is begun and ended by events of its own. Names are unique among those of one kind.
  enum Kind : uint8_t { message, call, span, reasoning };
  enum class Step : uint8_t { begin, go_on, end };
  struct Rule {
    std::string_view type;
    Kind kind;
    Step step;
  };
  static const std::array<Rule, 11> kRules;
  using Tag = AgUiOwners::Tag;
  // One that chunk events have begun: each of `owner` has one at most, and what else he says ends it.
  struct Lane {
    Tag owner;
    Kind kind;
    std::string id;
    std::optional<std::string> name, detail;  // what its first chunk said, and later ones may only repeat
    bool operator==(const Lane&) const = default;
  };
  struct Chunk {
    Kind kind;
    std::optional<std::string> id;
    Tag tag;
    std::optional<std::string> name, detail;
  };
  using Bucket = AgUiOwners::Bucket;

  std::string apply(const FramedItem& item);
  std::string apply_rule(const Rule& rule, const FramedItem& item, const Tag& tag);
  std::string begin(Kind kind, const std::string& id, const Tag& tag,
                    const std::optional<std::string>& parent);
  std::string go_on(Kind kind, const std::string& id, const Tag& tag) const;
  std::string apply_step(const FramedItem& item, const Tag& tag);
  std::string apply_subagent(const FramedItem& item);
  std::string apply_chunk(const FramedItem& item, const Tag& tag);
  static Chunk chunk_of(const FramedItem& item, const Tag& tag);
  std::string find_lane(const Chunk& chunk, Tag& owner) const;
  void end_lanes(const FramedItem& item, const Tag& tag);
  void end_lane(const Tag& owner);
  void end_all_lanes();
  Lane* lane_of(const Tag& owner);

  static Bucket bucket_of(Kind kind);

  bool is_own(std::string_view message_id) const { return message_id.starts_with(run_id_ + kOwnMessage); }
  bool in_lane(Kind kind, const std::string& id) const;
  bool is_opening(std::string_view line) const;
  bool has_open() const;
  void close_all(bool has_failed, std::string& out);
  void finish(const FramedItem& item, const FramedEnd& end, std::string& out);

  static constexpr const char* kOwnMessage = ":text-";

  std::string thread_id_, run_id_;
  size_t opening_ = 0;  // digest of the line that takes back all that was said
  FramedSaid said_ = FramedSaid::nothing;
  std::array<std::vector<std::string>, 4> open_;    // by kind; with those in lanes
  std::vector<std::pair<Tag, std::string>> steps_;  // open
  std::vector<std::string> subagents_;              // the same
  std::vector<Lane> lanes_;
  AgUiOwners owners_;
  unsigned own_messages_ = 0;  // that the gateway has begun
  bool is_over_ = false;
  unsigned events_ = 0;  // at most two
};

}  // namespace gw::protocol
