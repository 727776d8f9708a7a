#include <utility>

#include "net/http/forwarded.h"
#include "net/http/server_impl.h"

namespace gw::http {
namespace {

// More unsent answers than this, and the client reads before it asks again.
constexpr size_t kUnsentBytesMax = size_t{1} << 20;

}  // namespace

void ServerImpl::read(ServerConnection& c) {
  if (c.phase == ServerConnection::Phase::lingering) {
    if (!discard_input(c.fd.get(), scratch_)) close(c);
    return;
  }
  if (c.awaits_tls && !begin_tls(c)) return;
  const bool was_securing = c.is_securing();
  const IoResult result = c.read(scratch_, stats.tls);
  if (c.tls && c.tls->has_unsent()) touch(c);
  if (was_securing) settle(c);
  switch (result.status) {
    case IoResult::Status::ok: return receive(c, {scratch_.data(), result.bytes});
    case IoResult::Status::again: return;
    case IoResult::Status::failed: return close(c);
    case IoResult::Status::end: break;
  }
  c.peer_ended = true;
  // It may wait for answers with its own side closed.
  if (c.owes_nothing()) return close(c);
  update_interest(c);
}

void ServerImpl::receive(ServerConnection& c, std::string_view fresh) {
  if (c.in.empty()) {
    const size_t used = consume(c, fresh);
    if (c.phase == ServerConnection::Phase::closed) return;
    if (c.intake != ServerConnection::Intake::ended) c.in.assign(fresh.substr(used));
  } else {
    c.in.append(fresh);
    const size_t used = consume(c, c.in);
    if (c.phase == ServerConnection::Phase::closed) return;
    c.in.erase(0, used);
  }
  if (c.intake == ServerConnection::Intake::ended || c.in.empty()) std::string().swap(c.in);
  charge(c);
  // No event tells of an end that TLS has read already.
  if (c.tls && c.tls->is_over()) c.peer_ended = true;
  if (c.peer_ended && c.owes_nothing()) return close(c);
  settle(c);
  update_interest(c);
  if (requests_bytes_ > options_.requests_bytes_max) shed_requests();
}

bool ServerImpl::may_take_request(const ServerConnection& c) const {
  if (c.phase == ServerConnection::Phase::closed || c.phase == ServerConnection::Phase::lingering ||
      c.intake == ServerConnection::Intake::ended)
    return false;
  // Behind a stream nothing is ever answered.
  if (!c.slots.empty() && c.slots.back().state == Slot::State::streaming) return false;
  if (c.intake == ServerConnection::Intake::upgrade_waits) return c.owes_nothing();
  return c.slots.size() < options_.pipeline_max && c.unsent() < kUnsentBytesMax;
}

size_t ServerImpl::consume(ServerConnection& c, std::string_view data) {
  size_t used = 0;
  using Intake = ServerConnection::Intake;
  if (c.intake == Intake::blocked) c.intake = Intake::open;
  while (used < data.size() && may_take_request(c)) {
    const std::string_view rest = data.substr(used);
    const size_t n = c.chunked ? take_chunks(c, rest) : take_request(c, rest);
    if (n == 0) return used;
    used += n;
  }
  if (used < data.size() && c.intake == Intake::open) c.intake = Intake::blocked;
  return used;
}

// The bytes of the request at the front of `data`, or 0 when it is not complete.
size_t ServerImpl::take_request(ServerConnection& c, std::string_view data) {
  if (data.size() < c.need) return 0;
  const auto refuse = [&](int status, const char* detail) {
    fail(c, status, detail);
    return data.size();
  };
  const ParsedHead parsed = parse_head(data);
  if (std::holds_alternative<HeadIncomplete>(parsed)) return 0;
  if (const auto* error = std::get_if<HeadError>(&parsed)) return refuse(error->status, error->detail);
  const RequestHead& head = std::get<RequestHead>(parsed);

  const auto is_for = [&](const std::string& path) { return is_request_for(data, path).value_or(false); };
  if (!c.ops && on_upgrade &&
      std::any_of(options_.upgrade_paths.begin(), options_.upgrade_paths.end(), is_for)) {
    // Its answers would come from two loops: the shard gets it when ours have all left.
    if (c.owes_nothing()) {
      hand_over(c, data);
    } else {
      c.intake = ServerConnection::Intake::upgrade_waits;
    }
    return 0;
  }
  const auto framed = body_framing(head);
  if (const auto* error = std::get_if<HeadError>(&framed)) return refuse(error->status, error->detail);
  const BodyFraming& framing = std::get<BodyFraming>(framed);
  if (framing.length > options_.body_bytes_max) return refuse(413, "the body is too large");
  const auto expect = find_field(head.fields, "Expect");
  if (expect && !equal_ignoring_case(*expect, "100-continue")) return refuse(417, "unknown expectation");

  if (framing.kind == BodyFraming::Kind::chunked) {
    c.chunked = std::make_unique<ServerConnection::ChunkedRequest>();
    c.chunked->head = data.substr(0, head.bytes);
    begin_body(c, head);
    return head.bytes;
  }
  const size_t total = head.bytes + framing.length;
  if (data.size() < total) {
    if (c.need == 0) begin_body(c, head);
    c.need = total;
    return 0;
  }
  c.need = 0;
  dispatch(c, head, data.substr(head.bytes, framing.length));
  return total;
}

size_t ServerImpl::take_chunks(ServerConnection& c, std::string_view data) {
  const ChunkedDecoder::Step step = c.chunked->decoder.decode(data, c.chunked->body, options_.body_bytes_max);
  switch (step.status) {
    case ChunkedDecoder::Status::more: return step.used;
    case ChunkedDecoder::Status::bad: fail(c, 400, "the chunked body is malformed"); return data.size();
    case ChunkedDecoder::Status::too_large: fail(c, 413, "the body is too large"); return data.size();
    case ChunkedDecoder::Status::done: break;
  }
  const std::unique_ptr<ServerConnection::ChunkedRequest> request = std::move(c.chunked);
  dispatch(c, std::get<RequestHead>(parse_head(request->head)), request->body);
  return step.used;
}

void ServerImpl::begin_body(ServerConnection& c, const RequestHead& head) {
  c.begun_anew = true;
  // An interim answer must not overtake the answers before it; without it clients go on after a moment.
  if (head.version >= 11 && c.slots.empty() && find_field(head.fields, "Expect")) {
    c.out.tail() += "HTTP/1.1 100 Continue\r\n\r\n";
    touch(c);
  }
}

void ServerImpl::dispatch(ServerConnection& c, const RequestHead& head, std::string_view body) {
  const bool of_server = head.target == "*" && head.method == "OPTIONS";
  const OriginForm origin = origin_form(head.target);
  if (const char* fault = target_fault(head, origin); fault && !of_server) return fail(c, 400, fault);
  ++stats.requests_total;
  c.begun_anew = true;

  Slot slot;
  slot.http10 = head.version < 11;
  slot.head_only = head.method == "HEAD";
  slot.close_after = slot.http10 || c.reserved || list_has_token(head.fields, "Connection", "close") ||
                     (stopping_ && !c.ops);
  if (slot.close_after) c.intake = ServerConnection::Intake::ended;
  auto exchange = std::make_shared<Exchange>(&c, c.first_sequence + c.slots.size());
  slot.exchange = exchange.get();
  c.slots.push_back(std::move(slot));

  if (of_server) {  // RFC 9110 9.3.7
    Response nothing;
    nothing.status = 204;
    nothing.content_type = {};
    return answer(*exchange, nothing);
  }
  const Requester requester =
      requester_of(c.peer.ip, head.fields, options_.trusted_proxies, c.tls != nullptr);
  const size_t question = origin.target.find('?');
  Request request;
  request.method = head.method;
  request.target = origin.target;
  request.path = origin.target.substr(0, question);
  if (question != std::string_view::npos) request.query = origin.target.substr(question + 1);
  request.fields = head.fields;
  request.body = body;
  request.ops = c.ops;
  request.remote_address = requester.address;
  request.scheme = requester.scheme;
  request.host = origin.authority.empty() ? std::string_view(requester.host) : origin.authority;
  request.peer = c.peer;
  request.local = c.local;
  handler_(request, Responder(std::move(exchange)));
}

void ServerImpl::hand_over(ServerConnection& c, std::string_view rest) {
  Handover handover{std::move(c.fd), std::string(rest), c.peer, c.local, true, false,
                    false,           std::move(c.tls)};
  poller_.remove(handover.fd.get());
  close(c);
  on_upgrade(std::move(handover));
}

// Answers for the server itself; what comes after on this connection cannot be trusted.
void ServerImpl::fail(ServerConnection& c, int status, const char* detail) {
  c.intake = ServerConnection::Intake::ended;
  c.need = 0;
  c.chunked.reset();
  std::string().swap(c.in);
  Slot slot;
  slot.close_after = true;
  Exchange exchange(&c, c.first_sequence + c.slots.size());
  slot.exchange = &exchange;
  c.slots.push_back(std::move(slot));
  answer(exchange, Response::error(status, code_of(status), detail));
  settle(c);
}

void ServerImpl::resume_blocked() {
  for (ServerConnection* c : std::exchange(blocked_, {})) {
    if (c->phase != ServerConnection::Phase::closed && c->may_hold_requests()) receive(*c, {});
  }
}

}  // namespace gw::http
