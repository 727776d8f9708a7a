// A plain stream of the Durable Streams protocol: a log that whoever holds a key may append to, with any
// number of producers and no owner. It has a run's name, record, log and readers, and nothing of its life;
// what becomes of a call is core/run/plain_stream_machine.h's to say.
//
//   open --closed--> closed;   both --not used for its TTL, or past its Expires-At--> gone
#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/run/hash.h"

namespace gw {

// Of a Content-Type: type and subtype alone, in lower case.
std::string media_type_of(std::string_view content_type);
// How its bytes are told to who follows them as events.
enum class StreamKind : uint8_t { text, json, binary };
StreamKind stream_kind_of(std::string_view content_type);

struct StreamLimits {
  static constexpr size_t kProducers = 64;  // that are remembered; who was silent for longest is forgotten
  static constexpr size_t kBatches = 8;     // of a producer
  static constexpr Duration kLife = 24h;    // without use, of one that names no TTL
  static constexpr Duration kLifeMax = 168h;
  static constexpr uint64_t kNumberMax = (uint64_t{1} << 53) - 1;
  static constexpr size_t kNameBytes = 128;  // of a producer, of a Content-Type
  static constexpr size_t kSeqBytes = 256;   // of Stream-Seq
};

// Of a batch: its bytes, and whether it closes.
using StreamDigest = std::array<unsigned char, 12>;

struct StreamProducer {
  std::string id;
  uint64_t epoch = 0;
  uint64_t next = 0;  // seq
  std::array<StreamDigest, StreamLimits::kBatches>
      digests{};  // of its last batches, by seq modulo their number

  bool has(uint64_t seq) const { return seq < next && seq + StreamLimits::kBatches >= next; }
  friend bool operator==(const StreamProducer&, const StreamProducer&) = default;
};

// Which batch of whom.
struct StreamBatch {
  std::string producer;
  uint64_t epoch = 0;
  uint64_t seq = 0;
  friend bool operator==(const StreamBatch&, const StreamBatch&) = default;
};

// What a record has beside a run's.
struct PlainStream {
  std::string content_type;
  Duration ttl{};         // that was asked for; 0: none
  bool is_fixed = false;  // expires_at was asked for, and stays
  WallTime expires_at;
  std::string last_seq;                   // Stream-Seq
  std::vector<StreamProducer> producers;  // who wrote last is last
  std::optional<StreamBatch> closed_by;   // absent: open, or closed by nobody in particular

  Duration life() const { return ttl == Duration() ? StreamLimits::kLife : ttl; }
};

// --- What is asked ----------------------------------------------------------------------------------------

struct NewStream {
  std::string id;
  std::string tenant_id = {}, realm = {};  // whose it is, and that it counts for
  std::string content_type;
  Duration ttl{};
  std::optional<WallTime> expires_at = {};
  std::string bytes = {};
  bool closed = false;
};

struct StreamAppend {
  std::string media_type;  // of `bytes`
  std::string bytes = {};  // empty only to close
  bool close = false;
  std::string seq = {};  // Stream-Seq; empty: none
  std::optional<StreamBatch> batch = {};
};

// --- And answered -----------------------------------------------------------------------------------------

struct StreamTop {
  uint64_t pos = 0;
  RunHash hash;
  bool is_closed = false;
  friend bool operator==(const StreamTop&, const StreamTop&) = default;
};

enum class StreamErrc : uint8_t {
  invalid_argument,
  not_found,     // or out of the caller's reach, or a run
  exists,        // with another configuration, or a run
  content_type,  // another than the stream's
  closed,
  fenced,             // epoch
  sequence_gap,       // expected_seq
  sequence_conflict,  // that seq with other bytes, or too long ago to tell
  out_of_order,       // Stream-Seq
  too_large,
  rate_limited,        // retry_after
  resource_exhausted,  // a bound of the instance or the realm
  unavailable,         // the engine; what was asked may have been done
};
std::string_view to_string(StreamErrc code);

struct StreamRefusal {
  StreamErrc code = StreamErrc::unavailable;
  std::string detail = {};
  std::optional<StreamTop> top = {};
  uint64_t epoch = 0;
  uint64_t expected_seq = 0;
  Duration retry_after{};
};
[[noreturn]] void throw_exception_from_error(const StreamRefusal& refusal,
                                             const boost::source_location& where);
template <class T>
using StreamResult = boost::system::result<T, StreamRefusal>;
template <class T>
using StreamDone = std::function<void(StreamResult<T>)>;

struct StreamMade {
  bool existed = false;  // with the same configuration
  std::string content_type;
  StreamTop top;
};
struct StreamAppended {
  bool duplicate = false;
  StreamTop top;
  uint64_t seq = 0;  // the highest of that producer
  friend bool operator==(const StreamAppended&, const StreamAppended&) = default;
};

}  // namespace gw
