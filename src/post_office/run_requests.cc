#include "post_office/run_requests.h"

#include <algorithm>

#include "post_office/authorized_post_office.h"
#include "post_office/fields.h"

namespace gw {
namespace {

constexpr size_t kMetadataBytesMax = 16 * 1024;
constexpr size_t kResultBytesMax = 64 * 1024;
constexpr size_t kMessageBytesMax = 4 * 1024;
constexpr size_t kReasonBytesMax = 1024;
constexpr size_t kDeliveryIdBytesMax = 128;
constexpr int64_t kWholeMax = int64_t{1} << 53;  // what every JSON reader can hold

int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// Raw line breaks stand between tokens alone, where a blank says the same; in an event stream they would end
// the line.
std::string on_one_line(std::string_view json) {
  std::string line(json);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

// Fields of a body about a run, with what they have in common.
class RunFields : public BodyFields {
 public:
  explicit RunFields(std::string_view body) : BodyFields(body) { refuse_repeated(); }

  std::string producer() {
    text("producer");
    return optional_user_id("producer").value_or("");
  }
  uint32_t epoch() { return static_cast<uint32_t>(number_within("epoch", 0, RunLimits::kEpochMax)); }
  std::string bounded_text(std::string_view field, size_t bytes_max) {
    std::string value = optional_text(field).value_or("");
    if (value.size() > bytes_max) too_long(field, bytes_max);
    return value;
  }
  void too_long(std::string_view field, size_t bytes_max) {
    blame(std::string(field) + " must not be larger than " + std::to_string(bytes_max) + " bytes");
  }
  // Empty when absent.
  std::string_view object(std::string_view field) {
    return optional_object(field).value_or(std::string_view());
  }
  using BodyFields::blame;
};

void read_owner(RunFields& fields, RunClaim& claim) {
  const auto lease = fields.optional_number_within("lease_ms", milliseconds(RunLimits::kLeaseMin),
                                                   milliseconds(RunLimits::kLeaseMax));
  const auto takeover =
      fields.optional_number_within("takeover_ms", 0, milliseconds(RunLimits::kTakeoverMax));
  claim.producer = fields.producer();
  claim.token = fields.optional_user_id("token").value_or("");
  if (lease) claim.lease = std::chrono::milliseconds(*lease);
  if (takeover) claim.takeover = std::chrono::milliseconds(*takeover);
}

std::string read_metadata(RunFields& fields) {
  const std::string_view metadata = fields.object("metadata");
  if (metadata.size() > kMetadataBytesMax) fields.too_long("metadata", kMetadataBytesMax);
  return std::string(metadata);
}

RunFormat read_format(RunFields& fields) {
  const std::string text = fields.optional_text("format").value_or("text");
  const std::optional<RunFormat> format = parse_run_format(text);
  if (!format) fields.blame("format must be text, json, ai-sdk or ag-ui");
  return format.value_or(RunFormat::text);
}

std::string read_run_id(RunFields& fields) {
  std::optional<std::string> id = fields.optional_text("run_id");
  if (!id) return make_run_id();
  if (!is_valid_run_id(*id)) fields.blame("run_id must match [A-Za-z0-9_.~-]{1,128}");
  if (id->starts_with("run_"))
    fields.blame("run_id must not begin with run_: such names are the gateway's own");
  return std::move(*id);
}

std::optional<Recipient> read_to(RunFields& fields) {
  const std::string_view to = fields.object("to");
  if (to.empty()) return std::nullopt;
  RunFields inner(to);
  const Result<Recipient> recipient = read_recipient(inner);
  if (!recipient) fields.blame("to: " + recipient.error().detail);
  fields.take_fault("to", inner);
  return recipient ? std::optional(*recipient) : std::nullopt;
}

std::optional<RunError> read_error(RunFields& fields) {
  const std::string_view error = fields.object("error");
  if (error.empty()) return std::nullopt;
  RunFields inner(error);
  RunError out;
  out.code = inner.name("code");
  out.message = inner.bounded_text("message", kMessageBytesMax);
  fields.take_fault("error", inner);
  return out;
}

RunEnd read_end(RunFields& fields) {
  RunEnd end;
  RunFields inner(fields.object("end"));
  const std::optional<RunStatus> status = parse_run_status(inner.text("status"));
  if (status && is_over(*status) && *status != RunStatus::abandoned) {
    end.status = *status;
  } else {
    inner.blame("status must be completed, failed or cancelled");
  }
  end.error = read_error(inner);
  if (inner.count({"result"}) > 0) end.result = on_one_line(inner.raw("result"));
  if (end.result.size() > kResultBytesMax) inner.too_long("result", kResultBytesMax);
  fields.take_fault("end", inner);
  return end;
}

RunAppendCall read_batch(RunFields& fields) {
  RunAppendCall call;
  call.append.producer = fields.producer();
  call.append.epoch = fields.epoch();
  call.append.seq = static_cast<uint64_t>(fields.number_within("seq", 0, kWholeMax));
  call.append.any_producer = fields.optional_bool("force").value_or(false);
  if (fields.count({"end"}) > 0) call.append.end = read_end(fields);
  return call;
}

void read_items(RunFields& fields, RunAppendCall& call) {
  const std::optional<json::Array> items = fields.optional_list("items");
  if (!items) return;
  call.items = items->size();
  call.append.format = RunFormat::json;
  for (const json::Value& item : *items) append_item(call.append.bytes, item.raw());
}

}  // namespace

void append_item(std::string& log, std::string_view item) {
  const size_t begin = log.size();
  log.append(item);
  // Within a string JSON has no raw line break.
  std::replace_if(
      log.begin() + static_cast<std::ptrdiff_t>(begin), log.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
  log.push_back('\n');
}

Result<RunCreation> read_run_creation(std::string_view body) {
  RunFields fields(body);
  RunCreation creation;
  creation.channel = fields.text("channel");
  creation.to = read_to(fields);
  creation.tenant_id = fields.optional_name("tenant_id").value_or("");
  NewRun& run = creation.run;
  run.run_id = read_run_id(fields);
  run.thread_id = fields.optional_text("thread_id").value_or("");
  if (fields.count({"thread_id"}) > 0 && !is_valid_thread_id(run.thread_id))
    fields.blame("thread_id must match [A-Za-z0-9._:@+=-]{1,128}");
  run.format = read_format(fields);
  run.metadata = read_metadata(fields);
  run.bytes_max = static_cast<size_t>(fields.optional_number_within("bytes_max", 1, kWholeMax).value_or(0));
  const int64_t kept_max = std::chrono::duration_cast<std::chrono::seconds>(RunLimits::kRetentionMax).count();
  if (const auto seconds = fields.optional_number_within("ttl_seconds", 1, kept_max))
    run.retention = std::chrono::seconds(*seconds);
  run.push = fields.optional_bool("push").value_or(false);
  if (run.push && !creation.to) fields.blame("push needs to: whom the run is for");
  read_owner(fields, run.claim.emplace());
  if (fields.fault()) return *fields.fault();
  return creation;
}

Result<RunClaimCall> read_run_claim(std::string_view body) {
  RunFields fields(body);
  RunClaimCall call;
  RunClaim& claim = call.claim;
  read_owner(fields, claim);
  // The one word that is no number.
  if (fields.count({"keep"}) > 0 && fields.raw("keep") != "\"all\"") {
    const auto keep = fields.optional_number_within("keep", 0, kWholeMax);
    claim.keep = static_cast<uint64_t>(keep.value_or(0));
  }
  if (const auto epoch = fields.optional_number_within("epoch", 0, RunLimits::kEpochMax))
    claim.epoch = static_cast<uint32_t>(*epoch);
  claim.force = fields.optional_bool("force").value_or(false);
  call.include_text = fields.optional_bool("include_text").value_or(false);
  if (const std::string_view delivery = fields.object("delivery"); !delivery.empty()) {
    RunFields inner(delivery);
    claim.group = inner.name("group");
    claim.delivery_id = inner.text("id");
    if (claim.delivery_id.empty() || claim.delivery_id.size() > kDeliveryIdBytesMax)
      inner.blame("id must be that of an event");
    fields.take_fault("delivery", inner);
  }
  if (fields.fault()) return *fields.fault();
  return call;
}

Result<RunAppendCall> read_run_append(std::string_view body) {
  RunFields fields(body);
  RunAppendCall call = read_batch(fields);
  read_items(fields, call);
  if (auto text = fields.optional_text("text")) {
    if (call.append.format) fields.blame("text and items must not stand in one append");
    call.append.bytes = std::move(*text);
    call.append.format = RunFormat::text;
  }
  if (!call.append.format && !call.append.end) fields.blame("text, items or end is required");
  if (fields.fault()) return *fields.fault();
  return call;
}

Result<RunAppendCall> read_run_end(std::string_view body) {
  RunFields fields(body);
  RunAppendCall call = read_batch(fields);
  if (!call.append.end) fields.blame("end is required");
  if (fields.count({"text", "items"}) > 0) fields.blame("text and items belong into an append");
  if (fields.fault()) return *fields.fault();
  return call;
}

Result<RunHeartbeatCall> read_run_heartbeat(std::string_view body) {
  RunFields fields(body);
  RunHeartbeatCall call;
  call.heartbeat.producer = fields.producer();
  call.heartbeat.epoch = fields.epoch();
  const auto wait = fields.optional_number_within("wait_ms", 0, milliseconds(RunLimits::kLeaseMax) / 2);
  call.wait = std::chrono::milliseconds(wait.value_or(0));
  if (fields.fault()) return *fields.fault();
  return call;
}

Result<std::string> read_run_cancel(std::string_view body) {
  if (body.empty()) return std::string();
  RunFields fields(body);
  std::string reason = fields.bounded_text("reason", kReasonBytesMax);
  if (fields.fault()) return *fields.fault();
  return reason;
}

}  // namespace gw
