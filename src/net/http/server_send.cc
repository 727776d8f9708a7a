#include <charconv>

#include "base/assert.h"
#include "net/http/server_impl.h"

namespace gw::http {
namespace {

// What a connection keeps to write into while it has nothing to say.
constexpr size_t kRetainedBytesMax = 4096;
constexpr size_t kStreamRetainedBytesMax = 128 * 1024;
// A stream of which this much waits is written before the turn ends: the buffer stays small, and in the
// cache.
constexpr size_t kStreamWriteBytes = 64 * 1024;
constexpr size_t kChunkOverhead = 2 * sizeof(size_t) + 4;

void append_chunk_size(std::string& out, size_t size) {
  char digits[2 * sizeof(size_t)];
  const auto end = std::to_chars(digits, digits + sizeof(digits), size, 16).ptr;
  out.append(digits, end).append("\r\n");
}

}  // namespace

Exchange::~Exchange() {
  if (connection) connection->server.abandon(*this);
}

// The first in line writes straight to the socket's buffer.
std::string& ServerImpl::sink_of(ServerConnection& c, Slot& slot) {
  return &slot == &c.slots.front() ? c.out.tail() : slot.bytes;
}

void ServerImpl::answer(const Exchange& exchange, const Response& response) {
  ServerConnection& c = *exchange.connection;
  Slot& slot = c.slot(exchange);
  ASSERT(slot.state == Slot::State::waiting);
  slot.state = Slot::State::complete;
  if (stopping_ && !c.ops && &slot == &c.slots.back()) {
    slot.close_after = true;
    c.intake = ServerConnection::Intake::ended;
  }
  append_response(sink_of(c, slot), response,
                  {.close = slot.close_after, .head_only = slot.head_only, .extra_head = slot.extra_head},
                  loop_.wall_now());
  count_answer(stats, response.status);
  advance(c);
  touch(c);
}

void ServerImpl::begin_stream(const Exchange& exchange, const Response& response) {
  ServerConnection& c = *exchange.connection;
  Slot& slot = c.slot(exchange);
  ASSERT(slot.state == Slot::State::waiting);
  Holdings& account = payers_[c.payer];
  if (account.connections >= streams_of_one_max())
    return answer(exchange, Response::error(503, code_of(503), "this key has too many streams"));
  slot.state = slot.head_only ? Slot::State::complete : Slot::State::streaming;
  const auto body = slot.http10 ? ResponseForm::Body::until_close : ResponseForm::Body::chunked;
  append_response(
      sink_of(c, slot), response,
      {.close = slot.close_after, .head_only = slot.head_only, .extra_head = slot.extra_head, .body = body},
      loop_.wall_now());
  count_answer(stats, response.status);
  if (slot.state == Slot::State::streaming) {
    ++stats.streams;
    ++account.connections;
    move_charge(c, &account);
  }
  advance(c);
  touch(c);
}

bool ServerImpl::write_stream(const Exchange& exchange, std::initializer_list<std::string_view> parts) {
  ServerConnection& c = *exchange.connection;
  Slot& slot = c.slot(exchange);
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (size == 0) return true;  // an empty chunk would end the body
  const bool is_first = &slot == &c.slots.front();
  const size_t unsent = is_first ? c.unsent() : slot.bytes.size();
  const size_t cost = size + kChunkOverhead;
  if (c.output == ServerConnection::Output::doomed || unsent + cost > options_.stream_bytes_max ||
      !find_room(c, cost))
    return false;
  std::string& sink = sink_of(c, slot);
  if (!slot.http10) append_chunk_size(sink, size);
  for (const std::string_view part : parts) sink.append(part);
  if (!slot.http10) sink.append("\r\n");
  // Where that fails, the write at the end of the turn does as well.
  if (is_first && c.unsent() >= kStreamWriteBytes) static_cast<void>(send_pending(c));
  touch(c);
  return true;
}

void ServerImpl::end_stream(const Exchange& exchange) {
  ServerConnection& c = *exchange.connection;
  Slot& slot = c.slot(exchange);
  // Without chunks the end of the connection is the end of the body.
  if (slot.http10) {
    c.intake = ServerConnection::Intake::ended;
  } else {
    sink_of(c, slot) += "0\r\n\r\n";
  }
  if (stopping_ && !c.ops) c.intake = ServerConnection::Intake::ended;
  slot.state = Slot::State::complete;
  slot.on_close = nullptr;
  forget_stream(c);
  advance(c);
  touch(c);
}

void ServerImpl::drop_stream(const Exchange& exchange) {
  ServerConnection& c = *exchange.connection;
  Slot& slot = c.slot(exchange);
  slot.state = Slot::State::complete;
  slot.on_close = nullptr;
  forget_stream(c);
  doom(c);
  advance(c);
}

// The last handle went.
void ServerImpl::abandon(const Exchange& exchange) {
  Slot& slot = exchange.connection->slot(exchange);
  slot.exchange = nullptr;
  if (slot.state == Slot::State::waiting) {
    answer(exchange, Response::error(500, "internal", "the request was not answered"));
  } else if (slot.state == Slot::State::streaming) {
    end_stream(exchange);
  }
}

// Drops what is complete from the front; the next in line writes to the socket's buffer from then on.
void ServerImpl::advance(ServerConnection& c) {
  while (!c.slots.empty() && c.slots.front().state == Slot::State::complete) {
    if (c.slots.front().exchange) c.slots.front().exchange->connection = nullptr;
    c.slots.erase(c.slots.begin());
    ++c.first_sequence;
    if (c.slots.empty()) return;
    c.out.tail() += c.slots.front().bytes;
    std::string().swap(c.slots.front().bytes);
  }
}

void ServerImpl::touch(ServerConnection& c) {
  charge(c);
  if (c.dirty) return;
  c.dirty = true;
  // Something to run makes sure of a turn end, wherever this comes from: another hook, or before the loop
  // runs.
  if (dirty_.empty()) loop_.post([] {});
  dirty_.push_back(&c);
}

void ServerImpl::flush_all() {
  for (size_t i = 0; i < dirty_.size(); ++i) {
    ServerConnection& c = *dirty_[i];
    c.dirty = false;
    if (c.phase != ServerConnection::Phase::closed) flush(c);
  }
  dirty_.clear();
  if (!blocked_.empty() && !resume_timer_) {
    resume_timer_ = loop_.after(Duration::zero(), [this] {
      resume_timer_.reset();
      resume_blocked();
    });
  }
  if (requests_bytes_ > options_.requests_bytes_max) shed_requests();
  // Only what nothing names any more: resume_blocked() looks before it touches.
  if (blocked_.empty() && dirty_.empty()) graveyard_.clear();
}

void ServerImpl::flush(ServerConnection& c) {
  if (c.output == ServerConnection::Output::doomed || !send_pending(c)) return close(c);
  using Phase = ServerConnection::Phase;
  if (c.account && c.owes_nothing()) move_charge(c, nullptr);
  // A peer that has closed its side gets its answers first, and those to what it had sent before.
  const bool is_over =
      c.intake == ServerConnection::Intake::ended || (c.peer_ended && !c.may_hold_requests());
  if (c.owes_nothing() && is_over && c.phase != Phase::lingering) linger(c);
  if (c.phase == Phase::closed) return;
  // In the next turn: a pipeline without end must not keep the others from theirs.
  if (c.may_hold_requests() && may_take_request(c)) blocked_.push_back(&c);
  charge(c);
  settle(c);
  update_interest(c);
}

// False: the connection is broken.
bool ServerImpl::send_pending(ServerConnection& c) {
  using Output = ServerConnection::Output;
  if (c.unsent() == 0 || c.output == Output::full) return true;
  const IoResult result = c.write_out();
  if (result.status == IoResult::Status::failed) return false;
  if (c.unsent() != 0) {
    // A peer that takes a little each time is slow, not gone.
    if (result.bytes != 0 || c.output == Output::flowing)
      c.write_deadline = loop_.now() + options_.write_timeout;
    c.output = Output::full;
    return true;
  }
  c.output = Output::flowing;
  const bool streaming = !c.slots.empty() && c.slots.front().state == Slot::State::streaming;
  c.out.retain(streaming ? kStreamRetainedBytesMax : kRetainedBytesMax);
  return true;
}

void Responder::send(Response response) {
  if (exchange_ && exchange_->connection) exchange_->connection->server.answer(*exchange_, response);
}

Stream Responder::stream(const Response& response) {
  if (!exchange_ || !exchange_->connection) return Stream();
  exchange_->connection->server.begin_stream(*exchange_, response);
  return Stream(exchange_);
}

void Responder::bill(const void* payer) {
  if (exchange_ && exchange_->connection) exchange_->connection->server.bill(*exchange_, payer);
}

void Responder::add_header(std::string_view name, std::string_view value) {
  ASSERT(value.find_first_of("\r\n") == std::string_view::npos);
  if (!is_waiting()) return;
  exchange_->connection->slot(*exchange_).extra_head.append(name).append(": ").append(value).append("\r\n");
}

bool Responder::is_waiting() const {
  return exchange_ && exchange_->connection &&
         exchange_->connection->slot(*exchange_).state == Slot::State::waiting;
}

bool Responder::peer_ended() const {
  return exchange_ && exchange_->connection && exchange_->connection->peer_ended;
}

namespace {

// Null once the stream has ended.
Slot* open_slot(const std::shared_ptr<Exchange>& exchange) {
  if (!exchange || !exchange->connection) return nullptr;
  Slot& slot = exchange->connection->slot(*exchange);
  return slot.state == Slot::State::streaming ? &slot : nullptr;
}

}  // namespace

bool Stream::is_open() const { return open_slot(exchange_) != nullptr; }

bool Stream::write(std::string_view bytes) { return write({bytes}); }

bool Stream::write(std::initializer_list<std::string_view> parts) {
  return open_slot(exchange_) && exchange_->connection->server.write_stream(*exchange_, parts);
}

size_t Stream::buffered_bytes() const {
  const Slot* slot = open_slot(exchange_);
  if (!slot) return 0;
  ServerConnection& c = *exchange_->connection;
  return slot == &c.slots.front() ? c.unsent() : slot->bytes.size();
}

void Stream::on_close(std::function<void()> function) {
  if (Slot* slot = open_slot(exchange_)) slot->on_close = std::move(function);
}

void Stream::close() {
  if (open_slot(exchange_)) exchange_->connection->server.end_stream(*exchange_);
}

void Stream::drop() {
  if (open_slot(exchange_)) exchange_->connection->server.drop_stream(*exchange_);
}

}  // namespace gw::http
