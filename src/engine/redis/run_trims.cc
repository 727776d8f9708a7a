#include "engine/redis/run_trims.h"

#include <utility>

namespace gw::redis {
namespace {

// Of one turn: what is copied in Redis keeps everything else there waiting.
constexpr uint64_t kBytesMax = uint64_t{4} << 20;
constexpr size_t kLogsMax = 250;
// Below that there is little to gain, and above little of it: APPEND makes no more than a mebibyte of room.
constexpr uint64_t kLeastBytes = 512;
constexpr uint64_t kMostBytes = kBytesMax;

}  // namespace

bool RunTrims::Growth::is_worth_it(uint64_t bytes, bool is_all, TimePoint now) {
  if (waits_ && now - at_ >= kQuiet) {
    waits_ = false;
    least_ = bytes_ + bytes_ / 4;
  }
  at_ = now;
  bytes_ = bytes;
  const bool is_fit = bytes >= kLeastBytes && bytes <= kMostBytes;
  return waits_ = is_fit && (bytes >= least_ || is_all);
}

void RunTrims::grew(const std::string& run_id, uint64_t bytes, TimePoint now) {
  const auto [grown, is_new] = grown_.try_emplace(run_id);
  grown->second = {now, bytes};
  if (is_new) looks_.push_back({now + kQuiet, run_id});
}

void RunTrims::tick(TimePoint now) {
  uint64_t bytes = 0;
  size_t logs = 0;
  while (!looks_.empty() && looks_.front().at <= now && bytes < kBytesMax && logs < kLogsMax) {
    Look look = std::move(looks_.front());
    looks_.pop_front();
    const auto grown = grown_.find(look.run_id);
    look.at = grown->second.at + kQuiet;
    if (look.at > now) {
      looks_.push_back(std::move(look));
      continue;
    }
    calls_.trim(look.run_id, grown->second.bytes);
    bytes += grown->second.bytes;
    ++logs;
    grown_.erase(grown);
  }
}

}  // namespace gw::redis
