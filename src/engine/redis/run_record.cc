#include "engine/redis/run_record.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/hex.h"
#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

constexpr size_t kDigestDigits = 32;

template <class T = int64_t>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Duration duration(std::string_view text) { return std::chrono::milliseconds(number(text)); }
WallTime time(std::string_view text) { return WallTime(std::chrono::milliseconds(number(text))); }

std::string short_digest(std::string_view text) { return to_hex(sha256(text)).substr(0, kDigestDigits); }

// The fields of a hash: so few that looking at one after another is quicker than any index.
class Fields {
 public:
  explicit Fields(const Reply& flat) {
    fields_.reserve(flat.size() / 2);
    for (size_t i = 0; i + 1 < flat.size(); i += 2) fields_.emplace_back(flat[i].text(), flat[i + 1].text());
  }
  std::string_view operator[](std::string_view name) const {
    const auto found = std::find_if(fields_.begin(), fields_.end(),
                                    [name](const auto& field) { return field.first == name; });
    return found == fields_.end() ? std::string_view() : found->second;
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> fields_;
};

// The words of one field, from the first.
class FieldWords {
 public:
  explicit FieldWords(std::string_view text) : text_(text) {}
  std::string_view next() {
    const size_t end = std::min(text_.find(' '), text_.size());
    const std::string_view word = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    return word;
  }
  template <class T = int64_t>
  T next_number() {
    return number<T>(next());
  }
  RunHash next_hash() {
    const auto first = next_number<uint32_t>();
    return {first, next_number<uint32_t>()};
  }

 private:
  std::string_view text_;
};

constexpr std::string_view kKinds[] = {"user", "session", "connection", "channel", "anonymous"};

RunAudience::Kind parse_kind(std::string_view text) {
  const auto found = std::find(std::begin(kKinds), std::end(kKinds), text);
  return found == std::end(kKinds) ? RunAudience::Kind::anonymous
                                   : static_cast<RunAudience::Kind>(found - std::begin(kKinds));
}

RunFormat parse_format(std::string_view text) { return parse_run_format(text).value_or(RunFormat::text); }

// "pos a b digest"
std::optional<RunReceipt> parse_seq(uint64_t which, std::string_view text) {
  FieldWords words(text);
  RunReceipt seq{which, words.next_number<uint64_t>(), words.next_hash(), {}};
  if (!from_hex(words.next(), seq.digest)) return {};
  return seq;
}

std::optional<WallTime> time_if_any(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(time(text));
}

std::optional<RunTrace> parse_trace(std::string_view span, std::string_view first_claim_at,
                                    std::string_view first_byte_at) {
  const auto open = parse_open_span(span);
  if (!open) return {};
  return RunTrace{*open, time_if_any(first_claim_at), time_if_any(first_byte_at)};
}

void read_static(RunRecord& record, const Fields& fields) {
  FieldWords shape(fields["shape"]);
  record.is_realms = shape.next() == "1";
  record.push = shape.next() == "1";
  record.retention = duration(shape.next());
  record.bytes_max = shape.next_number<uint64_t>();
  record.audience = {parse_kind(shape.next()), std::string(fields["who"]), std::string(fields["who_tenant"])};
  record.format = parse_format(shape.next());
  record.tenant_id = fields["tenant_id"];
  record.realm = fields["realm"];
  record.thread_id = fields["thread_id"];
  record.rare.set(&RunRare::metadata, fields["metadata"]);
  record.rare.set(&RunRare::asked_by, fields["asked_by"]);
  if (const auto trace = parse_trace(fields["trace"], fields["first_claim_at"], fields["first_byte_at"]))
    record.rare.make().trace = trace;
  FieldWords times(fields["times"]);
  record.created_at = time(times.next());
  record.start_until = time(times.next());
  record.life_until = time(times.next());
}

void read_claim(RunRecord& record, const Fields& fields) {
  record.claim_epoch = FieldWords(fields["owner"]).next_number<uint32_t>();
  record.producer = fields["producer"];
  record.shown.set(&RunClaimShown::token, fields["token"]);
  if (record.shown) static_cast<void>(from_hex(fields["claim_digest"], record.shown.make().digest));
  FieldWords claim(fields["claim"]);
  claim.next();
  record.claim_hash = claim.next_hash();
  record.takeover = duration(claim.next());
  record.shown.set(&RunClaimShown::group, fields["group"]);
  record.shown.set(&RunClaimShown::delivery_id, fields["delivery"]);
}

void read_seqs(RunRecord& record, const Fields& fields, uint64_t next) {
  record.batches.skip_to(next);
  for (uint64_t seq = next - std::min<uint64_t>(next, RunBatches::kKept); seq < next; ++seq) {
    const auto kept = parse_seq(seq, fields["s" + std::to_string(seq % RunBatches::kKept)]);
    if (kept) record.rare.make().receipts.push_back(*kept);
  }
}

void read_state(StoredRun& stored, const Fields& fields) {
  RunRecord& record = stored.record;
  const std::string_view at = fields["at"];
  const RunAnswer::State state = RunAnswer::parse_state(fields["state"], at);
  record.status = state.top.status;
  record.epoch = state.top.epoch;
  stored.pos = state.top.pos;
  stored.hash = state.top.hash;
  record.cancel_requested = state.cancel_requested;
  record.lease = state.lease;
  record.last_byte_at = state.last_byte_at;
  record.lease_until = lease_end(state, time(fields["beat_at"]));
  record.rare.set(&RunRare::cancel_reason, fields["cancel_reason"]);
  record.cancel_asked_at = time(fields["cancel_at"]);
  record.ended_at = time(fields["ended_at"]);
  record.rare.set(&RunRare::result, fields["result"]);
  if (const std::string_view code = fields["error_code"]; !code.empty())
    record.rare.make().error = {std::string(code), std::string(fields["error_message"])};
  FieldWords words(at);
  for (int i = 0; i < 3; ++i) words.next();
  read_seqs(record, fields, words.next_number<uint64_t>());
}

void read_stream(RunRecord& record, const Fields& fields) {
  PlainStream& stream = record.rare.make().stream.make();
  stream.content_type = fields["stream"];
  stream.ttl = duration(fields["ttl"]);
  stream.is_fixed = fields["fixed"] == "1";
  stream.expires_at = time(fields["expires"]);
  record.is_realms = !record.realm.empty();
}

std::vector<uint64_t> parse_bases(std::string_view text) {
  std::vector<uint64_t> bases;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    bases.push_back(number<uint64_t>(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return bases;
}

struct Word {
  std::string_view code;
  RunErrc refusal;
  std::string_view detail;
};
constexpr Word kWords[] = {
    {"not_found", RunErrc::not_found, "no such run"},
    {"stream", RunErrc::not_found, "no such run"},
    {"held", RunErrc::held, "another producer holds the run"},
    {"moved", RunErrc::moved, "the run has a later epoch, no such place, or the token is another claim's"},
    {"ended", RunErrc::ended, "the run is over"},
    {"fenced", RunErrc::fenced, "another claim of the run came after this one"},
    {"sequence_gap", RunErrc::sequence_gap, "batches before this one are missing"},
    {"sequence_conflict", RunErrc::sequence_conflict, "that seq was used with other bytes, or long ago"},
    {"too_large", RunErrc::too_large, "the batch or the run would be too large"},
    {"rate_limited", RunErrc::rate_limited, "the run has too many appends a second"},
    {"again", RunErrc::unavailable, "the run changes too fast"},
};

}  // namespace

RunTop top_of(const StoredRun& run) { return {run.record.status, run.record.epoch, run.pos, run.hash}; }

int64_t number_of(const Reply& reply) { return reply.is_integer() ? reply.integer() : number(reply.text()); }

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

int64_t RunAnswer::number(size_t i) const { return number_of(reply[kFirst + i]); }

RunAnswer::State RunAnswer::parse_state(std::string_view state, std::string_view at) {
  FieldWords state_words(state), at_words(at);
  State out;
  out.top.status = parse_run_status(state_words.next()).value_or(RunStatus::queued);
  out.top.epoch = state_words.next_number<uint32_t>();
  out.cancel_requested = state_words.next() == "1";
  out.lease = duration(state_words.next());
  out.top.pos = at_words.next_number<uint64_t>();
  out.top.hash = at_words.next_hash();
  at_words.next();
  out.last_byte_at = time(at_words.next());
  return out;
}

std::optional<RunStatus> parse_stored_status(std::string_view state) {
  return parse_run_status(FieldWords(state).next());
}

WallTime lease_end(const RunAnswer::State& state, WallTime beat_at) {
  return beat_at + std::chrono::duration_cast<std::chrono::milliseconds>(state.lease);
}

RunRefusal RunAnswer::refusal() const {
  RunRefusal refusal = refuse(RunErrc::unavailable, "Redis answered something else");
  for (const Word& word : kWords) {
    if (word.code == code()) refusal = refuse(word.refusal, std::string(word.detail));
  }
  if (refusal.code != RunErrc::not_found && reply.size() >= kFirst) refusal.run = top();
  if (refusal.code == RunErrc::held) refusal.retry_after = std::chrono::milliseconds(number(0));
  if (refusal.code == RunErrc::fenced) refusal.epoch = static_cast<uint32_t>(number(0));
  if (refusal.code == RunErrc::sequence_gap) refusal.expected_seq = static_cast<uint64_t>(number(0));
  return refusal;
}

RunCounted RunAnswer::counted(size_t i) const {
  return {std::chrono::milliseconds(number(i)),
          top().pos,
          std::string(text(i + 1)),
          std::string(text(i + 2)),
          std::string(text(i + 3)),
          std::string(text(i + 4)),
          traced(i + 5)};
}

std::optional<RunEnded> RunAnswer::traced(size_t i) const {
  const auto trace = parse_trace(text(i), text(i + 5), text(i + 6));
  if (!trace) return {};
  return RunEnded{
      std::string(text(i + 1)),
      top(),
      std::string(text(i + 4)),
      *trace,
      WallTime(std::chrono::milliseconds(number(i + 2))),
      WallTime(std::chrono::milliseconds(number(i + 3))),
  };
}

std::optional<StoredRun> parse_stored_run(const std::string& run_id, const ChannelTable& channels,
                                          const Reply& flat, uint64_t from, std::string_view bytes) {
  const Fields fields(flat);
  const bool is_stream = !fields["stream"].empty();
  const auto channel = is_stream ? std::optional<ChannelIndex>(0) : channels.find(fields["channel"]);
  if (!parse_stored_status(fields["state"]) || !channel) return {};
  StoredRun stored;
  stored.record.run_id = run_id;
  stored.record.channel = *channel;
  read_static(stored.record, fields);
  read_claim(stored.record, fields);
  read_state(stored, fields);
  stored.bases = parse_bases(fields["bases"]);
  stored.from = from;
  stored.bytes = bytes;
  stored.is_expired = fields["expired"] == "1";
  stored.owner = fields["owner"];
  if (is_stream) read_stream(stored.record, fields);
  if (stored.bases.size() != size_t{stored.record.epoch} + 1) return {};
  return stored;
}

void append_run_fields(Words& words, const NewRun& run, const RunLimits& limits,
                       const ChannelTable& channels) {
  const std::string& channel = channels.name(run.channel);
  const std::string realm = run.claim ? run.claim->realm : std::string();
  const Duration retention = run.retention != Duration() ? run.retention : limits.retention;
  const size_t bytes_max = run.bytes_max == 0 ? limits.run_bytes : std::min(run.bytes_max, limits.run_bytes);
  std::string shape = realm.empty() ? "0" : "1";
  shape.append(run.push ? " 1 " : " 0 ").append(milliseconds(retention)).append(" ");
  shape.append(std::to_string(bytes_max)).append(" ");
  shape.append(kKinds[static_cast<size_t>(run.audience.kind)]).append(" ").append(to_string(run.format));
  const std::pair<std::string_view, std::string> fields[] = {
      {"shape", shape},
      {"channel", channel},
      {"who", run.audience.who},
      {"who_tenant", run.audience.tenant_id},
      {"tenant_id", run.tenant_id},
      {"realm", realm},
      {"thread_id", run.thread_id},
      {"metadata", run.metadata},
      {"asked_by", run.asked_by},
      {"user", run_user(run.audience, run.asked_by)},
      {"thread", thread_digest(run.audience, channel, run.thread_id)},
      {"asked", asked_digest(run.asked_as)},
      {"trace", run.span ? text_of(*run.span) : std::string()},
  };
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    words.lend(name);
    words.keep(value);
  }
}

std::string run_user(const RunAudience& audience, std::string_view asked_by) {
  const std::string account = account_of(audience, asked_by);
  const std::string digest = account.empty() ? std::string() : short_digest(account);
  return audience.kind == RunAudience::Kind::anonymous ? std::string(kStranger) + digest : digest;
}

std::string person_digest(const RunAudience& audience) { return short_digest(audience.person()); }

std::string thread_digest(const RunAudience& audience, std::string_view channel, std::string_view thread_id) {
  if (thread_id.empty() || !audience.has_thread(thread_id)) return {};
  return to_hex(sha256(audience.text(channel) + "\n" + std::string(thread_id)));
}

std::string asked_digest(std::string_view asked_as) {
  return asked_as.empty() ? "" : to_hex(sha256(asked_as));
}

std::string token_digest(std::string_view token) { return token.empty() ? "" : short_digest(token); }

}  // namespace gw::redis
