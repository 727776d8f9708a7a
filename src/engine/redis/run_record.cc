#include "engine/redis/run_record.h"

#include <algorithm>
#include <charconv>
#include <map>

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

// The fields of a hash.
class Fields {
 public:
  explicit Fields(const Reply& flat) {
    for (size_t i = 0; i + 1 < flat.size(); i += 2) values_[flat[i].text()] = flat[i + 1].text();
  }
  std::string_view operator[](std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string_view() : found->second;
  }

 private:
  std::map<std::string_view, std::string_view> values_;
};

constexpr std::string_view kKinds[] = {"user", "session", "connection", "channel", "anonymous"};

RunAudience::Kind parse_kind(std::string_view text) {
  const auto found = std::find(std::begin(kKinds), std::end(kKinds), text);
  return found == std::end(kKinds) ? RunAudience::Kind::anonymous
                                   : static_cast<RunAudience::Kind>(found - std::begin(kKinds));
}

RunFormat parse_format(std::string_view text) { return parse_run_format(text).value_or(RunFormat::text); }

// "seq pos a b digest"
std::optional<RunReceipt> parse_seq(std::string_view text) {
  std::string_view parts[5];
  for (size_t i = 0; i < 5; ++i) {
    const size_t end = std::min(text.find(' '), text.size());
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  RunReceipt seq{number<uint64_t>(parts[0]),
             number<uint64_t>(parts[1]),
             {number<uint32_t>(parts[2]), number<uint32_t>(parts[3])},
             {}};
  if (!from_hex(parts[4], seq.digest)) return {};
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
  record.audience = {parse_kind(fields["kind"]), std::string(fields["who"]),
                     std::string(fields["who_tenant"])};
  record.tenant_id = fields["tenant_id"];
  record.realm = fields["realm"];
  record.is_realms = fields["is_realms"] == "1";
  record.thread_id = fields["thread_id"];
  record.format = parse_format(fields["format"]);
  record.rare.set(&RunRare::metadata, fields["metadata"]);
  record.bytes_max = number<uint64_t>(fields["bytes_max"]);
  record.retention = duration(fields["retention"]);
  record.push = fields["push"] == "1";
  record.rare.set(&RunRare::asked_by, fields["asked_by"]);
  if (const auto trace = parse_trace(fields["trace"], fields["first_claim_at"], fields["first_byte_at"]))
    record.rare.make().trace = trace;
  record.created_at = time(fields["created_at"]);
  record.start_until = time(fields["start_until"]);
  record.life_until = time(fields["life_until"]);
}

void read_claim(RunRecord& record, const Fields& fields) {
  record.claim_epoch = number<uint32_t>(fields["claim_epoch"]);
  record.producer = fields["producer"];
  record.shown.set(&RunClaimShown::token, fields["token"]);
  if (record.shown) static_cast<void>(from_hex(fields["claim_digest"], record.shown.make().digest));
  record.claim_hash = {number<uint32_t>(fields["claim_a"]), number<uint32_t>(fields["claim_b"])};
  record.shown.set(&RunClaimShown::group, fields["group"]);
  record.shown.set(&RunClaimShown::delivery_id, fields["delivery"]);
  record.lease = duration(fields["lease"]);
  record.takeover = duration(fields["takeover"]);
  record.lease_until = time(fields["lease_until"]);
  const auto next = number<uint64_t>(fields["next"]);
  for (uint64_t seq = next - std::min<uint64_t>(next, RunBatches::kKept); seq < next; ++seq) {
    const auto kept = parse_seq(fields["s" + std::to_string(seq % RunBatches::kKept)]);
    if (kept) record.rare.make().receipts.push_back(*kept);
  }
}

void read_state(RunRecord& record, const Fields& fields) {
  record.epoch = number<uint32_t>(fields["epoch"]);
  record.last_byte_at = time(fields["last_byte_at"]);
  record.cancel_requested = fields["cancel"] == "1";
  record.rare.set(&RunRare::cancel_reason, fields["cancel_reason"]);
  record.cancel_asked_at = time(fields["cancel_at"]);
  record.ended_at = time(fields["ended_at"]);
  record.rare.set(&RunRare::result, fields["result"]);
  if (const std::string_view code = fields["error_code"]; !code.empty())
    record.rare.make().error = {std::string(code), std::string(fields["error_message"])};
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
    {"invalid_argument", RunErrc::invalid_argument, "the run takes another format"},
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

RunTop RunAnswer::top() const {
  return {parse_run_status(reply[1].text()).value_or(RunStatus::queued),
          static_cast<uint32_t>(number_of(reply[2])),
          static_cast<uint64_t>(number_of(reply[3])),
          {static_cast<uint32_t>(number_of(reply[4])), static_cast<uint32_t>(number_of(reply[5]))}};
}

RunRefusal RunAnswer::refusal(size_t number_at) const {
  RunRefusal refusal = refuse(RunErrc::unavailable, "Redis answered something else");
  for (const Word& word : kWords) {
    if (word.code == code()) refusal = refuse(word.refusal, std::string(word.detail));
  }
  if (refusal.code != RunErrc::not_found && reply.size() >= kFirst) refusal.run = top();
  if (refusal.code == RunErrc::held) refusal.retry_after = std::chrono::milliseconds(number(number_at));
  if (refusal.code == RunErrc::fenced) refusal.epoch = static_cast<uint32_t>(number(number_at));
  if (refusal.code == RunErrc::sequence_gap) refusal.expected_seq = static_cast<uint64_t>(number(number_at));
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

std::optional<StoredRun> parse_stored_run(const std::string& run_id, uint64_t from,
                                          const ChannelTable& channels, const Reply& reply) {
  const Fields fields(reply[1]);
  const auto status = parse_run_status(fields["status"]);
  const auto channel = channels.find(fields["channel"]);
  if (!status || !channel) return {};
  StoredRun stored;
  stored.now = WallTime(std::chrono::milliseconds(reply[0].integer()));
  stored.record.run_id = run_id;
  stored.record.channel = *channel;
  stored.record.status = *status;
  read_static(stored.record, fields);
  read_claim(stored.record, fields);
  read_state(stored.record, fields);
  stored.pos = number<uint64_t>(fields["pos"]);
  stored.hash = {number<uint32_t>(fields["a"]), number<uint32_t>(fields["b"])};
  stored.bases = parse_bases(fields["bases"]);
  stored.from = from;
  stored.bytes = reply[2].text();
  stored.is_expired = fields["expired"] == "1";
  if (stored.bases.size() != size_t{stored.record.epoch} + 1) return {};
  return stored;
}

void append_run_fields(Words& words, const NewRun& run, const RunLimits& limits,
                       const ChannelTable& channels) {
  const std::string& channel = channels.name(run.channel);
  const std::string realm = run.claim ? run.claim->realm : std::string();
  const std::pair<std::string_view, std::string> fields[] = {
      {"channel", channel},
      {"kind", std::string(kKinds[static_cast<size_t>(run.audience.kind)])},
      {"who", run.audience.who},
      {"who_tenant", run.audience.tenant_id},
      {"tenant_id", run.tenant_id},
      {"realm", realm},
      {"is_realms", realm.empty() ? "0" : "1"},
      {"thread_id", run.thread_id},
      {"format", std::string(to_string(run.format))},
      {"metadata", run.metadata},
      {"bytes_max",
       std::to_string(run.bytes_max == 0 ? limits.run_bytes : std::min(run.bytes_max, limits.run_bytes))},
      {"push", run.push ? "1" : "0"},
      {"asked_by", run.asked_by},
      {"user", run_user(run.audience, run.asked_by)},
      {"thread", thread_digest(run.audience, channel, run.thread_id)},
      {"asked", asked_digest(run.asked_as)},
  };
  for (const auto& [name, value] : fields) {
    words.lend(name);
    words.keep(value);
  }
  if (!run.span) return;
  words.lend("trace");
  words.keep(text_of(*run.span));
  for (const std::string_view unset : {"first_claim_at", "", "first_byte_at", ""}) words.lend(unset);
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
