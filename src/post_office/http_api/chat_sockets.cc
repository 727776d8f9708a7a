#include "post_office/http_api/chat_sockets.h"

#include <algorithm>
#include <utility>

#include "base/overload.h"
#include "post_office/http_api/run_bodies.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kBroken = "the answer broke off; ask for it again";

// What a refusal over HTTP says in words.
std::string text_of(const http::Response& response) {
  const auto body = json::parse_object(response.body);
  const json::Value* const error = body ? body->find("error") : nullptr;
  return error ? json::as_string(*error).value_or("") : std::string("the request was refused");
}

}  // namespace

// One request's frames. Its feed owns it.
class ChatSockets::Outlet final : public RunOutlet {
 public:
  Outlet(ChatSockets& owner, const ConnectionHandle& to, ClientPtr client, RequestPtr request)
      : owner_(owner),
        to_(to),
        client_(std::move(client)),
        request_(std::move(request)),
        sequence_(request_->first_sequence) {}
  ~Outlet() override {
    request_->closed = nullptr;
    owner_.forget(to_, request_);
  }

  bool begin(const Run&) override {
    frames_.push_back(chat_frame("start", request_->id));
    return is_there();
  }
  void refuse(http::Response response) override { owner_.answer(to_, request_, response); }
  bool add_reset(const RunCursor&, const RunStart& start) override { return !start.loses; }
  void add_bytes(const RunCursor&, const RunCursor&, const RunRecord&, std::string_view bytes, bool) override;
  void add_nothing(const RunCursor&, bool) override {}
  void add_end(const Run&) override { frames_.push_back(chat_frame("end", request_->id)); }
  bool flush() override;
  size_t unsent_bytes() const override { return client_->posted - client_->sent + waiting_bytes_; }
  void keep_alive() override {}  // the connection has pings of its own
  void close() override {}
  void drop() override;
  void on_close(std::function<void()> function) override { request_->closed = std::move(function); }

 private:
  bool is_there() const { return owner_.clients_.contains(to_); }

  ChatSockets& owner_;
  const ConnectionHandle to_;
  const ClientPtr client_;
  const RequestPtr request_;
  uint64_t sequence_;
  std::vector<std::string> frames_;
  size_t waiting_bytes_ = 0;
};

void ChatSockets::Outlet::add_bytes(const RunCursor&, const RunCursor&, const RunRecord&,
                                    std::string_view bytes, bool) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    frames_.push_back(chat_chunk_frame(request_->id, sequence_++, bytes.substr(0, end)));
    waiting_bytes_ += frames_.back().size();
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
}

bool ChatSockets::Outlet::flush() {
  waiting_bytes_ = 0;
  const std::vector<std::string> frames = std::exchange(frames_, {});
  if (!is_there()) return false;
  if (!frames.empty()) owner_.say(to_, *client_, frames);
  return true;
}

// Its client could take an `end` for the answer's.
void ChatSockets::Outlet::drop() {
  if (is_there()) owner_.say(to_, *client_, {chat_error_frame(request_->id, kBroken)});
}

// --- What clients say -------------------------------------------------------------------------------------

void ChatSockets::on_frame(const ChatClient& from, std::string text, bool is_limited) {
  ClientPtr& client = clients_[from.handle];
  if (!client) client = std::make_shared<Client>();
  const Result<ChatFrameRead> read = read_chat_frame(text);
  // Nobody is there whom an error could reach: frames without a request are none of the protocol.
  if (!read) return;
  const auto refuse = [&](std::string_view why) {
    say(from.handle, *client, {chat_error_frame(read->request_id, why)});
  };
  // An abort asks for less work, whatever the rate.
  const bool is_abort = std::holds_alternative<ChatAbortFrame>(read->what);
  if (is_limited && !is_abort) return refuse("Message rejected: rate limit exceeded");
  if (const auto* const fault = std::get_if<Error>(&read->what)) return refuse(fault->detail);
  if (is_abort) return on_abort(from, read->request_id);
  const auto is_same = [&](const RequestPtr& other) { return other->id == read->request_id; };
  if (std::any_of(client->requests.begin(), client->requests.end(), is_same))
    return refuse("requestId is one that is being answered");
  if (client->requests.size() >= kRequestsMax)
    return refuse("too many requests of this connection are being answered");
  const RequestPtr request = client->requests.emplace_back(std::make_shared<Request>());
  request->id = read->request_id;
  if (const auto* const send = std::get_if<ChatSendFrame>(&read->what)) return on_send(from, request, *send);
  on_resume(from, request, std::get<ChatResumeFrame>(read->what));
}

RunAsking::Call ChatSockets::call_of(const ChatClient& from, const RequestPtr& request, std::string channel) {
  RunAsking::Call call;
  const ClientPtr client = clients_.at(from.handle);
  call.refuse = [this, to = from.handle, request](const http::Response& response) {
    answer(to, request, response);
  };
  call.outlet = [this, to = from.handle, client, request](const RunAsking::Call& asked,
                                                          const std::string& run_id) {
    request->run_id = run_id;
    if (request->is_aborted) cancel(asked, run_id);
    return std::make_unique<Outlet>(*this, to, client, request);
  };
  call.caller.session = from.session;
  call.asker.connection_id = from.connection_id;
  call.channel_name = std::move(channel);
  return call;
}

void ChatSockets::on_send(const ChatClient& from, const RequestPtr& request, ChatSendFrame frame) {
  RunAsking::Call call = call_of(from, request, from.channel.empty() ? frame.channel : from.channel);
  if (call.channel_name.empty())
    return call.refuse(
        refusal(Error{Errc::invalid_argument,
                      "channel is missing: connect to /ws?protocol=ai-sdk&channel=, or name it in "
                      "the transport's body"}));
  call.body = std::move(frame.payload);
  const Result<void> named = asking_.name(call, from.address);
  if (!named) return call.refuse(refusal(named.error()));
  if (auto refused = asking_.refuse_question(call)) return call.refuse(*std::move(refused));
  chats_.send(std::move(call), std::move(frame.message));
}

void ChatSockets::on_resume(const ChatClient& from, const RequestPtr& request, const ChatResumeFrame& frame) {
  RunAsking::Call call = call_of(from, request, from.channel.empty() ? frame.channel : from.channel);
  request->first_sequence = frame.chunks_had;
  const Result<void> named = asking_.name(call, from.address);
  if (!named) return call.refuse(refusal(named.error()));
  chats_.resume(std::move(call), frame.chat_id, frame.chunks_had);
}

void ChatSockets::on_abort(const ChatClient& from, const ChatRequestId& id) {
  const auto& requests = clients_.at(from.handle)->requests;
  const auto found =
      std::find_if(requests.begin(), requests.end(), [&](const RequestPtr& one) { return one->id == id; });
  if (found == requests.end()) return;  // it is over
  (*found)->is_aborted = true;
  if (!(*found)->run_id.empty()) cancel(call_of(from, *found, from.channel), (*found)->run_id);
}

void ChatSockets::cancel(RunAsking::Call call, const std::string& run_id) {
  asking_.cancel(
      std::move(call), run_id, [](const Run&) { return std::nullopt; },
      [](RunAsking::Call&, const RunResult<RunCancelled>&) {});
}

// --- And what they are told -------------------------------------------------------------------------------

void ChatSockets::say(const ConnectionHandle& to, Client& client, const std::vector<std::string>& frames) {
  client.posted += send_(to, frames);
}

void ChatSockets::answer(const ConnectionHandle& to, const RequestPtr& request,
                         const http::Response& response) {
  const auto client = clients_.find(to);
  if (client == clients_.end()) return;
  const bool is_nothing = response.status == 204;
  say(to, *client->second,
      {is_nothing ? chat_frame("no-active", request->id) : chat_error_frame(request->id, text_of(response))});
  forget(to, request);
}

void ChatSockets::forget(const ConnectionHandle& of, const RequestPtr& request) {
  const auto client = clients_.find(of);
  if (client != clients_.end()) std::erase(client->second->requests, request);
}

void ChatSockets::on_sent(const ConnectionHandle& to, uint64_t bytes) {
  const auto client = clients_.find(to);
  if (client != clients_.end()) client->second->sent = bytes;
}

void ChatSockets::on_closed(const ConnectionHandle& handle) {
  const auto found = clients_.find(handle);
  if (found == clients_.end()) return;
  const ClientPtr client = found->second;
  clients_.erase(found);
  for (const RequestPtr& request : std::vector<RequestPtr>(client->requests)) {
    // A copy: the feed goes, and what it has told with it.
    if (const std::function<void()> closed = request->closed) closed();
  }
}

}  // namespace gw::http_api
