#include "core/run/log.h"

#include <algorithm>

#include "base/assert.h"

namespace gw {
namespace {

uint64_t least_base_after(const std::vector<uint64_t>& bases, uint32_t epoch, uint64_t pos) {
  for (size_t later = size_t{epoch} + 1; later < bases.size(); ++later) pos = std::min(pos, bases[later]);
  return pos;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

uint64_t note_of(RunHash hash) { return uint64_t{hash.first} << 32 | hash.second; }
RunHash hash_of(uint64_t note) { return {static_cast<uint32_t>(note >> 32), static_cast<uint32_t>(note)}; }

}  // namespace

size_t RunLog::capacity() const { return text_.capacity() + bases_.capacity() * sizeof(uint64_t); }

bool RunLog::is_inside_character(uint64_t pos) const {
  return pos < text_.size() && continues_character(text_[pos]);
}

std::optional<uint64_t> RunLog::line_end(uint64_t pos) const {
  const uint64_t newline = text_.find('\n', pos);
  return newline == text_.size() ? std::nullopt : std::optional(newline + 1);
}

uint64_t RunLog::count_lines() const {
  uint64_t lines = 0;
  text_.visit(0, text_.size(), [&](std::string_view piece) {
    lines += static_cast<uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
  });
  return lines;
}

RunHash RunLog::hash_at(uint64_t pos) const {
  if (pos == size()) return hash_;
  ASSERT(!expired_ && pos < size());
  RunHash hash = hash_of(text_.note(pos));
  text_.visit(pos / kMarkBytes * kMarkBytes, pos, [&](std::string_view piece) { hash = hash.then(piece); });
  return hash;
}

void RunLog::append(std::string_view bytes) {
  ASSERT(!expired_ || bytes.empty());
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMarkBytes - text_.size() % kMarkBytes);
    const uint64_t from = text_.size();
    text_.append(piece);
    if (from % kMarkBytes == 0) text_.set_note(from, note_of(hash_));
    hash_ = hash_.then(piece);
    bytes.remove_prefix(piece.size());
  }
}

void RunLog::begin_epoch(uint32_t epoch, uint64_t keep) {
  ASSERT(epoch > this->epoch() && keep <= size());
  if (keep < size()) {
    hash_ = hash_at(keep);
    text_.cut(keep);
  }
  bases_.resize(size_t{epoch} + 1, keep);
}

void RunLog::correct_bases(const std::vector<uint64_t>& bases) {
  ASSERT(bases.size() >= bases_.size());
  std::copy_n(bases.begin(), bases_.size(), bases_.begin());
}

void RunLog::assign(std::string bytes, std::vector<uint64_t> bases) {
  ASSERT(!bases.empty());
  *this = RunLog();
  append(bytes);
  bases_ = std::move(bases);
}

void RunLog::assign_expired(uint64_t size, RunHash hash, std::vector<uint64_t> bases) {
  assign({}, std::move(bases));
  expired_size_ = static_cast<uint32_t>(size);
  hash_ = hash;
  expired_ = true;
}

void RunLog::expire() {
  expired_size_ = static_cast<uint32_t>(size());
  expired_ = true;
  text_ = BlockText();
}

uint64_t RunLog::common_prefix(uint32_t epoch, uint64_t pos) const {
  return least_base_after(bases_, epoch, pos);
}

RunResume resume_at_tail(const std::vector<uint64_t>& bases, uint64_t size, RunHash hash,
                         const RunCursor& cursor, std::string_view tail) {
  using Kind = RunResume::Kind;
  const auto epoch = static_cast<uint32_t>(bases.size() - 1);
  if (cursor.epoch > epoch) return {Kind::ahead, 0};
  const uint64_t common = least_base_after(bases, cursor.epoch, cursor.pos);
  if (common > size) return {Kind::ahead, 0};
  if (common < cursor.pos) return {Kind::reset, common};
  // The hash folds: with the bytes from there on it has to come to that of the whole log.
  const bool is_whole = cursor.pos + tail.size() == size && (tail.empty() || !continues_character(tail[0]));
  if (!is_whole || cursor.hash.then(tail) != hash) return {Kind::diverged, 0};
  return {cursor.epoch == epoch ? Kind::fits : Kind::reset, common};
}

RunResume RunLog::resume(const std::optional<RunCursor>& cursor) const {
  using Kind = RunResume::Kind;
  if (!cursor) return {Kind::fresh, 0};
  if (cursor->epoch > epoch()) return {Kind::ahead, 0};
  const uint64_t common = common_prefix(cursor->epoch, cursor->pos);
  if (common > size()) return {Kind::ahead, 0};
  const bool is_known = !expired_ || common == size();
  if (!is_known || is_inside_character(common)) return {Kind::diverged, 0};
  // Of what was cut nobody has the bytes any more: the reader is told the hash at the common prefix.
  if (common == cursor->pos && hash_at(common) != cursor->hash) return {Kind::diverged, 0};
  return {cursor->epoch == epoch() ? Kind::fits : Kind::reset, common};
}

uint64_t RunLog::piece_end(uint64_t from, uint64_t to, bool lines) const {
  if (to >= text_.size()) return text_.size();
  ASSERT(from <= to);
  if (lines) {
    const uint64_t newline = text_.find_last('\n', from, to);
    if (newline < text_.size()) return newline + 1;
  }
  // Bytes that go on for longer are no character.
  uint64_t end = to;
  while (end > from && to - end < 3 && is_inside_character(end)) --end;
  return end == from || is_inside_character(end) ? to : end;
}

}  // namespace gw
