// The bytes of a run, and where a reader that comes back with a cursor goes on. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_text.h"
#include "core/run/cursor.h"

namespace gw {

// How a reader goes on.
struct RunResume {
  enum class Kind : uint8_t {
    fits,      // from `pos`, which is the cursor's own
    reset,     // the cursor's epoch is over: back to `pos`, the common prefix, then from there
    diverged,  // its bytes are not these: everything anew
    ahead,     // it has more than there is: everything anew
    fresh,     // it named no place: everything
  };
  Kind kind = Kind::fresh;
  uint64_t pos = 0;
};

// Where a reader goes on in a log of that size and hash, of which `tail` is what stands behind the cursor.
RunResume resume_at_tail(const std::vector<uint64_t>& bases, uint64_t size, RunHash hash,
                         const RunCursor& cursor, std::string_view tail);

class RunLog {
 public:
  // Positions whose hash is kept lie so far apart; those between are folded anew.
  static constexpr uint64_t kMarkBytes = BlockText::kPartBytes;

  uint64_t size() const { return expired_ ? expired_size_ : text_.size(); }
  RunHash hash() const { return hash_; }
  // The newest epoch that it has seen begin.
  uint32_t epoch() const { return static_cast<uint32_t>(bases_.size() - 1); }
  // For each epoch, from 0, where it began.
  const std::vector<uint64_t>& bases() const { return bases_; }
  // Those that are here: all, or none of one that has expired.
  uint64_t bytes_here() const { return text_.size(); }
  // What it holds of memory for them.
  size_t capacity() const;
  // Copies.
  std::string bytes() const { return bytes(0, text_.size()); }
  std::string bytes(uint64_t from, uint64_t to) const { return text_.copy(from, to); }
  // As they lie in memory where they lie in one piece, else a copy in `room`. Until the log changes.
  std::string_view view(uint64_t from, uint64_t to, std::string& room) const {
    return text_.view(from, to, room);
  }
  // Whether just these stand at `from`.
  bool has(uint64_t from, std::string_view bytes) const { return text_.has(from, bytes); }
  // Whether a cut at `pos`, which is here, is behind a whole line, or inside a character.
  bool ends_line(uint64_t pos) const { return pos > 0 && text_[pos - 1] == '\n'; }
  bool is_inside_character(uint64_t pos) const;
  // Where the line that holds the byte at `pos` ends, its '\n' included; empty: it has no end.
  std::optional<uint64_t> line_end(uint64_t pos) const;
  uint64_t count_lines() const;
  // `pos` is at most size().
  RunHash hash_at(uint64_t pos) const;

  void append(std::string_view bytes);
  // `epoch` begins (one above epoch(), or further where some were missed) and keeps the first `keep` bytes.
  void begin_epoch(uint32_t epoch, uint64_t keep);
  // Where each of its epochs began, when begin_epoch() has gone over some. `bases` may have later ones.
  void correct_bases(const std::vector<uint64_t>& bases);
  // What an engine read anew. `bases` is not empty.
  void assign(std::string bytes, std::vector<uint64_t> bases);
  // The same of one whose bytes are gone.
  void assign_expired(uint64_t size, RunHash hash, std::vector<uint64_t> bases);
  // Gives the bytes back; size() and hash() stay as they were.
  void expire();
  bool is_expired() const { return expired_; }

  // How far what had `pos` bytes in `epoch` still agrees with the log: the least of pos and the bases of
  // later epochs.
  uint64_t common_prefix(uint32_t epoch, uint64_t pos) const;
  RunResume resume(const std::optional<RunCursor>& cursor) const;
  // The furthest place up to `to`, but beyond `from` (if `to` is), where a piece may end: inside no character
  // that fits (in bytes that are no UTF-8 anywhere), and with `lines` inside no such line.
  uint64_t piece_end(uint64_t from, uint64_t to, bool lines) const;

 private:
  BlockText text_;  // each of its parts with the hash of what stands before it
  RunHash hash_;
  std::vector<uint64_t> bases_{0};
  uint32_t expired_size_ = 0;  // run-bytes is at most 64 MiB
  bool expired_ = false;
};

}  // namespace gw
