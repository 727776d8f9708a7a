#include "protocol/envelope.h"

#include "base/assert.h"
#include "json/json_wrapped.h"

namespace gw::protocol {
namespace {

// What keys, quotes and the instance's own parts add up to, with room to spare: one allocation an envelope.
constexpr size_t kFixedSize = 320;

// What agents can't read they lose, so debug builds (the sanitizers', the fuzzers') read it first. Too costly
// for each message otherwise.
void check_readable([[maybe_unused]] std::string_view written) {
#ifdef GW_DEBUG
  ASSERT(json::parse_wrapped(written));
#endif
}

void append_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out.append("null");
  } else {
    json::append_quoted(out, text);
  }
}

void append_run(std::string& out, const InboundRun& run) {
  out.append(R"(,"run":{"run_id":)");
  json::append_quoted(out, run.run_id);
  out.append(R"(,"thread_id":)");
  append_or_null(out, run.thread_id);
  out.append(R"(,"format":)");
  json::append_quoted(out, run.format);
  out.append(R"(,"protocol":)");
  append_or_null(out, run.protocol);
  out.push_back('}');
}

}  // namespace

EnvelopeWriter::EnvelopeWriter(std::string_view gateway_instance, std::string_view reply_to) {
  instance_part_ = R"(","gateway_instance":)";
  json::append_quoted(instance_part_, gateway_instance);
  instance_part_.append(R"(,"session_ref":)");
  reply_part_ = R"(,"reply_to":)";
  json::append_quoted(reply_part_, reply_to);
  reply_part_.append(R"(,"traceparent":)");
}

void EnvelopeWriter::append(std::string& out, const Inbound& inbound) const {
  out.reserve(out.size() + kFixedSize + instance_part_.size() + reply_part_.size() + inbound.message.size() +
              inbound.message_id.size() + inbound.connection_id.size() + inbound.channel.size() +
              inbound.session_ref.size() + inbound.user_id.size() + inbound.tenant_id.size());
  const size_t begin = out.size();
  out.append(R"({"message_id":)");
  json::append_quoted(out, inbound.message_id);
  out.append(R"(,"connection_id":)");
  append_or_null(out, inbound.connection_id);
  out.append(R"(,"channel":)");
  json::append_quoted(out, inbound.channel);
  out.append(R"(,"message":)").append(inbound.message);
  out.append(R"(,"timestamp":")");
  append_iso8601(out, inbound.timestamp);
  out.append(instance_part_);
  append_or_null(out, inbound.session_ref);
  out.append(R"(,"user_id":)");
  append_or_null(out, inbound.user_id);
  out.append(R"(,"tenant_id":)");
  append_or_null(out, inbound.tenant_id);
  out.append(reply_part_);
  if (inbound.trace) {
    out.push_back('"');
    append_traceparent(out, *inbound.trace);
    out.push_back('"');
  } else {
    out.append("null");
  }
  if (inbound.run) append_run(out, *inbound.run);
  out.push_back('}');
  check_readable(std::string_view(out).substr(begin));
}

void append_publication(std::string& out, const RealmPublication& publication) {
  out.reserve(out.size() + kFixedSize + publication.message.size());
  const size_t begin = out.size();
  out.append(R"({"message_id":)");
  json::append_quoted(out, publication.message_id);
  out.append(R"(,"channel":)");
  json::append_quoted(out, publication.channel);
  out.append(R"(,"source":)");
  json::append_quoted(out, publication.source);
  out.append(R"(,"message":)").append(publication.message);
  out.append(R"(,"timestamp":")");
  append_iso8601(out, publication.timestamp);
  out.append(R"("})");
  check_readable(std::string_view(out).substr(begin));
}

}  // namespace gw::protocol
