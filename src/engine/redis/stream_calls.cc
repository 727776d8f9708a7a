#include "engine/redis/stream_calls.h"

#include <vector>

#include "base/hex.h"
#include "core/run/plain_stream_machine.h"

namespace gw::redis {
namespace {

struct Word {
  std::string_view code;
  StreamErrc refusal;
  std::string_view detail;
};
constexpr Word kWords[] = {
    {"invalid_argument", StreamErrc::invalid_argument, "a new Producer-Epoch begins with Producer-Seq 0"},
    {"not_found", StreamErrc::not_found, "no such stream"},
    {"exists", StreamErrc::exists, "there is another stream or a run of that name"},
    {"content_type", StreamErrc::content_type, "the stream has another Content-Type"},
    {"closed", StreamErrc::closed, "the stream is closed"},
    {"fenced", StreamErrc::fenced, "this producer has written with a later epoch"},
    {"sequence_gap", StreamErrc::sequence_gap, "batches before this one are missing"},
    {"sequence_conflict", StreamErrc::sequence_conflict, "that seq was used with other bytes, or long ago"},
    {"out_of_order", StreamErrc::out_of_order, "Stream-Seq must be behind the last one"},
    {"too_large", StreamErrc::too_large, "the stream would be too large"},
    {"rate_limited", StreamErrc::rate_limited, "the stream has too many appends a second"},
    {"resource_exhausted", StreamErrc::resource_exhausted,
     "the streams and runs have all the bytes that they may"},
    {"removed", StreamErrc::unavailable, "the stream of that name is just being deleted; say it again"},
};

std::string text_of(uint64_t number) { return std::to_string(number); }

std::string hex_of(std::string_view text) {
  const std::vector<unsigned char> bytes(text.begin(), text.end());
  return to_hex(bytes);
}

// A script whose keys are the stream's, and what it takes besides.
void run_on_stream(const RunPlace& place, const Script& script, std::string_view id,
                   std::initializer_list<Given> others, OnReply done) {
  const std::string run = place.keys.run(id), log = place.keys.run_log(id);
  const std::string producers = place.keys.stream_producers(id), removed = place.keys.run_removed(id);
  run_script(place.messages, script,
             {{"run", run}, {"log", log}, {"producers", producers}, {"removed", removed}}, others,
             std::move(done));
}

OnReply answered(StreamCalls::OnAnswer done) {
  return [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    done(StreamAnswer(*reply));
  };
}

}  // namespace

StreamRefusal refuse_stream(StreamErrc code, std::string detail) {
  StreamRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

StreamTop StreamAnswer::top() const {
  const RunTop top = RunAnswer::parse_state(reply[1].text(), reply[2].text()).top;
  return {top.pos, top.hash, is_over(top.status)};
}

uint64_t StreamAnswer::number(size_t i) const {
  return static_cast<uint64_t>(number_of(reply[RunAnswer::kFirst + i]));
}

StreamRefusal StreamAnswer::refusal() const {
  StreamRefusal refusal = refuse_stream(StreamErrc::unavailable, "Redis answered something else");
  for (const Word& word : kWords) {
    if (word.code == code()) refusal = refuse_stream(word.refusal, std::string(word.detail));
  }
  if (reply.size() >= RunAnswer::kFirst) refusal.top = top();
  if (refusal.code == StreamErrc::fenced) refusal.epoch = number(0);
  if (refusal.code == StreamErrc::sequence_gap) refusal.expected_seq = number(0);
  return refusal;
}

void StreamCalls::put(const NewStream& stream, size_t bytes_max, OnAnswer done) {
  const RunHash hash = RunHash::of(stream.bytes);
  const bool is_json = stream_kind_of(stream.content_type) == StreamKind::json;
  const Duration life = stream.ttl == Duration() ? StreamLimits::kLife : stream.ttl;
  const std::string expires =
      stream.expires_at ? std::to_string(stream.expires_at->time_since_epoch().count()) : std::string();
  run_on_stream(places_.of(stream.id), scripts::put_stream, stream.id,
                {{"status", to_string(stream.closed ? RunStatus::completed : RunStatus::in_progress)},
                 {"bytes", stream.bytes},
                 {"hash_a", text_of(hash.first)},
                 {"hash_b", text_of(hash.second)},
                 {"bytes_max", text_of(bytes_max)},
                 {"format", to_string(is_json ? RunFormat::json : RunFormat::text)},
                 {"type", stream.content_type},
                 {"media", media_type_of(stream.content_type)},
                 {"ttl", milliseconds(stream.ttl)},
                 {"life", milliseconds(life)},
                 {"expires", expires},
                 {"tenant", stream.tenant_id},
                 {"realm", stream.realm},
                 {"kept_ms", index_.kept_ms()}},
                answered(std::move(done)));
}

void StreamCalls::append(const RunRecord& stream, const StreamAppend& append, std::string_view refused,
                         OnAnswer done) {
  const std::string id(stream.run_id);
  const RunHash hash = RunHash::of(append.bytes);
  const RunHash power = RunHash{1, 1}.then(RunHash(), append.bytes.size());
  const StreamBatch batch = append.batch.value_or(StreamBatch());
  const RunPlace& place = places_.of(id);
  run_on_stream(place, scripts::append_stream, id,
                {{"changes", place.keys.run_changes(id)},
                 {"made_at", std::to_string(stream.created_at.time_since_epoch().count())},
                 {"media", append.media_type},
                 {"bytes", append.bytes},
                 {"digest", to_hex(plain_stream::digest_of(append))},
                 {"hash_a", text_of(hash.first)},
                 {"hash_b", text_of(hash.second)},
                 {"power_a", text_of(power.first)},
                 {"power_b", text_of(power.second)},
                 {"bytes_max", text_of(stream.bytes_max)},
                 {"refused", refused},
                 {"close", append.close ? "1" : "0"},
                 {"seq", hex_of(append.seq)},
                 {"producer", batch.producer},
                 {"epoch", text_of(batch.epoch)},
                 {"number", text_of(batch.seq)},
                 {"most", text_of(StreamLimits::kProducers)},
                 {"batches", text_of(StreamLimits::kBatches)},
                 {"kept_ms", index_.kept_ms()}},
                answered(std::move(done)));
}

void StreamCalls::touch(const std::string& id) {
  run_on_stream(places_.of(id), scripts::touch_stream, id, {{"kept_ms", index_.kept_ms()}}, {});
}

void StreamCalls::remove(const std::string& id, const RunReach& reach, OnAnswer done) {
  const RunPlace& place = places_.of(id);
  run_on_stream(
      place, scripts::remove_stream, id,
      {{"changes", place.keys.run_changes(id)}, {"tenant", reach.tenant_id}, {"realm", reach.realm}},
      answered(std::move(done)));
}

}  // namespace gw::redis
