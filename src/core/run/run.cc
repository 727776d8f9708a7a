#include "core/run/run.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/random.h"
#include "base/user_id.h"

namespace gw {
namespace {

constexpr size_t kNameBytesMax = 128;
constexpr size_t kSecretThreadBytes = 16;

constexpr std::array<std::string_view, 6> kStatuses{"queued", "in_progress", "completed",
                                                    "failed", "cancelled",   "abandoned"};
constexpr std::array<std::string_view, 4> kFormats{"text", "json", "ai-sdk", "ag-ui"};
constexpr std::array<std::string_view, 5> kAudiences{"user", "session", "connection", "channel", "anonymous"};
constexpr std::array<std::string_view, 3> kCancelled{"asked", "already", "ended"};

template <class E, size_t size>
std::optional<E> find_word(const std::array<std::string_view, size>& words, std::string_view text) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) return {};
  return static_cast<E>(found - words.begin());
}

bool is_name(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= kNameBytesMax && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != others.npos;
  });
}

}  // namespace

std::string_view to_string(RunStatus status) { return kStatuses[static_cast<size_t>(status)]; }
std::optional<RunStatus> parse_run_status(std::string_view text) {
  return find_word<RunStatus>(kStatuses, text);
}
std::string_view to_string(RunFormat format) { return kFormats[static_cast<size_t>(format)]; }
std::optional<RunFormat> parse_run_format(std::string_view text) {
  return find_word<RunFormat>(kFormats, text);
}
std::string_view to_string(RunCancelled cancelled) { return kCancelled[static_cast<size_t>(cancelled)]; }

bool is_valid_run_id(std::string_view text) { return is_name(text, "_.~-"); }
bool is_valid_thread_id(std::string_view text) { return is_name(text, "._:@+=-"); }

std::string run_id_of_message(std::string_view message_id) {
  std::string id = "run_";
  std::copy_if(message_id.begin(), message_id.end(), std::back_inserter(id), [](char c) { return c != '-'; });
  return id;
}

std::string make_run_id() { return "run_" + secure_random_hex(16); }

// Of all parts only a channel's name may hold a colon, and it stands last.
std::string RunAudience::text(std::string_view channel) const {
  std::string out(kAudiences[static_cast<size_t>(kind)]);
  out.append(":").append(tenant_id).append(":");
  return out.append(kind == Kind::channel ? std::string(channel) : encode_user_id(who));
}

std::string RunAudience::person() const {
  return RunAudience{kind, who, kind == Kind::user ? tenant_id : LeanText()}.text({});
}

bool RunAudience::has_thread(std::string_view thread_id) const {
  return thread_id.size() >= (kind == Kind::anonymous ? kSecretThreadBytes : 1);
}

std::string account_of(const RunAudience& audience, std::string_view asked_by) {
  using Kind = RunAudience::Kind;
  if (audience.kind == Kind::channel) return {};
  if (audience.kind != Kind::anonymous) return audience.text({});
  return asked_by.empty() ? std::string() : audience.text({}).append(asked_by);
}

RunTop top_of(const Run& run) {
  return {run.record.status, run.record.epoch, run.log.size(), run.log.hash()};
}

std::string_view to_string(RunErrc code) {
  switch (code) {
    case RunErrc::invalid_argument: return "invalid_argument";
    case RunErrc::not_found: return "run_not_found";
    case RunErrc::forbidden: return "permission_denied";
    case RunErrc::exists: return "run_exists";
    case RunErrc::held: return "run_held";
    case RunErrc::moved: return "run_moved";
    case RunErrc::ended: return "run_ended";
    case RunErrc::fenced: return "fenced";
    case RunErrc::sequence_gap: return "sequence_gap";
    case RunErrc::sequence_conflict: return "sequence_conflict";
    case RunErrc::mixed_framing: return "mixed_framing";
    case RunErrc::too_large: return "run_too_large";
    case RunErrc::rate_limited: return "rate_limited";
    case RunErrc::too_many_runs: return "too_many_runs";
    case RunErrc::resource_exhausted: return "resource_exhausted";
    case RunErrc::unavailable: return "unavailable";
  }
  return "unavailable";
}

void throw_exception_from_error(const RunRefusal& refusal, const boost::source_location& where) {
  throw std::logic_error(std::string(to_string(refusal.code)) + ": " + refusal.detail + " at " +
                         where.file_name() + ":" + std::to_string(where.line()));
}

}  // namespace gw
