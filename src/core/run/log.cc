#include "core/run/log.h"

#include <algorithm>

#include "base/assert.h"

namespace gw {
namespace {

constexpr size_t kSpareBytes = 240;  // at least, so that a short answer is not moved for each of its words

uint64_t least_base_after(const std::vector<uint64_t>& bases, uint32_t epoch, uint64_t pos) {
  for (size_t later = size_t{epoch} + 1; later < bases.size(); ++later) pos = std::min(pos, bases[later]);
  return pos;
}

bool is_inside_character(std::string_view text, uint64_t pos) {
  return pos < text.size() && (static_cast<unsigned char>(text[pos]) & 0xc0) == 0x80;
}

}  // namespace

RunHash RunLog::hash_at(uint64_t pos) const {
  if (pos == size()) return hash_;
  ASSERT(!expired_ && pos < size());
  const uint64_t mark = pos / kMarkBytes;
  const RunHash before = mark == 0 ? RunHash() : marks_[mark - 1];
  return before.then(bytes(mark * kMarkBytes, pos));
}

// A string that grows by itself doubles, and ten thousand answers of 16 KiB would hold as much again for
// nothing. In steps of a 64th a byte is copied 64 times in all, far less than it cost to come here.
void RunLog::make_room(size_t more) {
  const size_t size = bytes_.size() + more;
  if (size <= bytes_.capacity()) return;
  std::string roomier;  // reserve() of one that has bytes doubles it too
  roomier.reserve(size + std::max(kSpareBytes, size / 64));
  roomier += bytes_;
  bytes_ = std::move(roomier);
}

void RunLog::append(std::string_view bytes) {
  ASSERT(!expired_ || bytes.empty());
  make_room(bytes.size());
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMarkBytes - bytes_.size() % kMarkBytes);
    bytes_.append(piece);
    hash_ = hash_.then(piece);
    if (bytes_.size() % kMarkBytes == 0) marks_.push_back(hash_);
    bytes.remove_prefix(piece.size());
  }
}

void RunLog::begin_epoch(uint32_t epoch, uint64_t keep) {
  ASSERT(epoch > this->epoch() && keep <= size());
  if (keep < size()) {
    hash_ = hash_at(keep);
    bytes_.resize(keep);
    marks_.resize(keep / kMarkBytes);
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
  expired_size_ = size;
  hash_ = hash;
  expired_ = true;
}

void RunLog::expire() {
  expired_size_ = size();
  expired_ = true;
  bytes_ = std::string();
  marks_ = std::vector<RunHash>();
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
  const bool is_whole = cursor.pos + tail.size() == size && !is_inside_character(tail, 0);
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
  if (!is_known || is_inside_character(bytes_, common)) return {Kind::diverged, 0};
  // Of what was cut nobody has the bytes any more: the reader is told the hash at the common prefix.
  if (common == cursor->pos && hash_at(common) != cursor->hash) return {Kind::diverged, 0};
  return {cursor->epoch == epoch() ? Kind::fits : Kind::reset, common};
}

uint64_t RunLog::piece_end(uint64_t from, uint64_t to, bool lines) const {
  if (to >= bytes_.size()) return bytes_.size();
  ASSERT(from <= to);
  if (lines && to > from) {
    const size_t newline = bytes_.rfind('\n', to - 1);
    if (newline != std::string::npos && newline >= from) return newline + 1;
  }
  while (to > from && is_inside_character(bytes_, to)) --to;
  return to;
}

}  // namespace gw
