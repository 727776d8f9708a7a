// Streams without their groups: https://redis.io/docs/latest/develop/data-types/streams/
#include <algorithm>
#include <charconv>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

constexpr const char* kBadId = "ERR Invalid stream ID specified as stream command argument";
// What Redis takes out of its own accord for "~" it takes in pieces of this size.
constexpr size_t kTrimPiece = 100;

StreamId id_or_refuse(std::string_view text, uint64_t seq_if_missing) {
  const auto id = parse_stream_id(text, seq_if_missing);
  if (!id) refuse(kBadId);
  return *id;
}

StreamId next_id(Call& call, const StreamData& stream) {
  const auto now = static_cast<uint64_t>(call.now);
  if (now > stream.last.ms) return {now, 0};
  return *stream.last.next();
}

// [MAXLEN|MINID [=|~] threshold] at `i`, which moves behind it.
struct Trimming {
  bool wanted = false;
  bool by_length = false;
  bool about = false;
  std::string_view threshold;

  Trimming(const Call& call, size_t& i) {
    if (!call.is(i, "MAXLEN") && !call.is(i, "MINID")) return;
    wanted = true;
    by_length = call.is(i++, "MAXLEN");
    about = call.is(i, "~");
    if (about || call.is(i, "=")) ++i;
    if (i >= call.size()) refuse(kSyntax);
    threshold = call[i++];
  }
  int64_t apply(StreamData& stream) const {
    if (!wanted) return 0;
    if (!about) return trim(stream, by_length, threshold);
    if (!by_length) refuse("ERR the model knows no MINID ~");
    const auto most = static_cast<size_t>(to_integer(threshold));
    if (stream.entries.size() < most + kTrimPiece) return 0;
    return trim(stream, true, std::to_string(stream.entries.size() - kTrimPiece));
  }
};

Answer xadd(Call& call) {
  size_t i = 2;
  const bool may_make = !call.is(i, "NOMKSTREAM");
  if (!may_make) ++i;
  const Trimming trimming(call, i);
  if (call.size() < i + 3 || (call.size() - i) % 2 == 0) {
    refuse("ERR wrong number of arguments for 'xadd' command");
  }
  const std::string& wanted = call[i];
  std::optional<StreamId> given;
  if (wanted != "*") given = id_or_refuse(wanted, 0);
  if (given == StreamId{}) refuse("ERR The ID specified in XADD must be greater than 0-0");
  StreamData* stream = call.find<StreamData>(call[1]);
  if (!stream && !may_make) return {};
  if (given && stream && *given <= stream->last) {
    refuse("ERR The ID specified in XADD is equal or smaller than the target stream top item");
  }
  if (!stream) stream = &call.make<StreamData>(call[1]);
  const StreamId id = given.value_or(next_id(call, *stream));
  stream->entries[id].assign(call.words.begin() + static_cast<std::ptrdiff_t>(i) + 1, call.words.end());
  stream->last = id;
  ++stream->added;
  trimming.apply(*stream);
  return id.text();
}

Answer xlen(Call& call) {
  const StreamData* const stream = call.find<StreamData>(call[1]);
  return stream ? stream->entries.size() : size_t{0};
}

StreamId first_of_range(const std::string& text) {
  if (text == "-") return {};
  if (text == "+") return kLastId;
  if (!text.starts_with('(')) return id_or_refuse(text, 0);
  const auto behind = id_or_refuse(std::string_view(text).substr(1), 0).next();
  if (!behind) refuse("ERR invalid start ID for the interval");
  return *behind;
}

StreamId last_of_range(const std::string& text) {
  if (text == "-") return {};
  if (text == "+") return kLastId;
  if (!text.starts_with('(')) return id_or_refuse(text, UINT64_MAX);
  const auto before = id_or_refuse(std::string_view(text).substr(1), 0).previous();
  if (!before) refuse("ERR invalid end ID for the interval");
  return *before;
}

// XRANGE key start end [COUNT n]; the other way round with `backwards`.
Answer range(Call& call, bool backwards) {
  const StreamId first = first_of_range(call[backwards ? 3 : 2]);
  const StreamId last = last_of_range(call[backwards ? 2 : 3]);
  int64_t most = INT64_MAX;
  if (call.size() > 4) {
    if (call.size() != 6 || !call.is(4, "COUNT")) refuse(kSyntax);
    most = std::max<int64_t>(call.integer(5), 0);
  }
  const StreamData* const stream = call.find<StreamData>(call[1]);
  Answers out;
  if (!stream) return out;
  if (most == 0) return {};
  if (first > last) return out;
  auto begin = stream->entries.lower_bound(first), end = stream->entries.upper_bound(last);
  while (begin != end && static_cast<int64_t>(out.size()) < most) {
    const auto it = backwards ? --end : begin++;
    out.push_back(entry_answer(it->first, it->second));
  }
  return out;
}

Answer xrange(Call& call) { return range(call, false); }
Answer xrevrange(Call& call) { return range(call, true); }

Answer xdel(Call& call) {
  std::vector<StreamId> ids;
  for (size_t i = 2; i < call.size(); ++i) ids.push_back(id_or_refuse(call[i], 0));
  StreamData* const stream = call.find<StreamData>(call[1]);
  if (!stream) return int64_t{0};
  int64_t removed = 0;
  for (const StreamId& id : ids) {
    if (stream->entries.erase(id) == 0) continue;
    stream->last_deleted = std::max(stream->last_deleted, id);
    ++removed;
  }
  return removed;
}

Answer xtrim(Call& call) {
  size_t i = 2;
  const Trimming trimming(call, i);
  if (!trimming.wanted || i != call.size()) refuse(kSyntax);
  StreamData* const stream = call.find<StreamData>(call[1]);
  return stream ? trimming.apply(*stream) : int64_t{0};
}

}  // namespace

std::optional<StreamId> parse_stream_id(std::string_view text, uint64_t seq_if_missing) {
  StreamId id{0, seq_if_missing};
  const auto read = [](std::string_view part, uint64_t& number) {
    const char* const end = part.data() + part.size();
    const auto [stop, problem] = std::from_chars(part.data(), end, number);
    return problem == std::errc() && stop == end;
  };
  const size_t dash = text.find('-');
  if (!read(text.substr(0, dash), id.ms)) return std::nullopt;
  if (dash != std::string_view::npos && !read(text.substr(dash + 1), id.seq)) return std::nullopt;
  return id;
}

Answer entry_answer(const StreamId& id, const Words& fields) {
  return Answers{Answer(id.text()), Answers(fields.begin(), fields.end())};
}

int64_t trim(StreamData& stream, bool by_length, std::string_view threshold) {
  int64_t removed = 0;
  size_t most = 0;
  StreamId low;
  if (by_length) {
    most = static_cast<size_t>(to_integer(threshold));
  } else {
    low = id_or_refuse(threshold, 0);
  }
  while (!stream.entries.empty() &&
         (by_length ? stream.entries.size() > most : stream.entries.begin()->first < low)) {
    stream.entries.erase(stream.entries.begin());
    ++removed;
  }
  return removed;
}

std::span<const Command> stream_commands() {
  static constexpr Command kCommands[] = {
      {"xadd", xadd, -5, true},     {"xlen", xlen, 2},        {"xrange", xrange, -4},
      {"xrevrange", xrevrange, -4}, {"xdel", xdel, -3, true}, {"xtrim", xtrim, -4, true},
  };
  return kCommands;
}

}  // namespace gw::sim
