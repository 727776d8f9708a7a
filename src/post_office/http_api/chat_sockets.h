// AI SDK's chats over /ws?protocol=ai-sdk: each request of a client is one reader of a run, and its frames go
// out as its socket takes them. Control loop only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/chat_clients.h"
#include "post_office/http_api/ai_sdk.h"
#include "post_office/http_api/chat_frames.h"

namespace gw::http_api {

class ChatSockets final : public ChatClients {
 public:
  // As many requests of one connection may be answered at a time.
  static constexpr size_t kRequestsMax = 64;

  // Both outlive it.
  ChatSockets(AiSdk& chats, RunAsking& asking) : chats_(chats), asking_(asking) {}
  // Before anybody connects.
  void send_with(Send send) { send_ = std::move(send); }

  void on_frame(const ChatClient& from, std::string text, bool is_limited) override;
  void on_sent(const ConnectionHandle& to, uint64_t bytes) override;
  void on_closed(const ConnectionHandle& handle) override;

 private:
  // One that is being answered.
  struct Request {
    ChatRequestId id;
    uint64_t first_sequence = 0;
    std::string run_id;            // once it is known
    bool is_aborted = false;       // its client wants no more of it, and the run to end
    std::function<void()> closed;  // tells its feed that the client has gone
  };
  using RequestPtr = std::shared_ptr<Request>;
  struct Client {
    uint64_t posted = 0, sent = 0;  // bytes
    std::vector<RequestPtr> requests;
  };
  using ClientPtr = std::shared_ptr<Client>;
  class Outlet;

  void on_send(const ChatClient& from, const RequestPtr& request, ChatSendFrame frame);
  void on_resume(const ChatClient& from, const RequestPtr& request, const ChatResumeFrame& frame);
  void on_abort(const ChatClient& from, const ChatRequestId& id);
  void cancel(RunAsking::Call call, const std::string& run_id);
  RunAsking::Call call_of(const ChatClient& from, const RequestPtr& request, std::string channel);
  void say(const ConnectionHandle& to, Client& client, const std::vector<std::string>& frames);
  void answer(const ConnectionHandle& to, const RequestPtr& request, const http::Response& response);
  void forget(const ConnectionHandle& of, const RequestPtr& request);

  AiSdk& chats_;
  RunAsking& asking_;
  Send send_;
  struct Hash {
    size_t operator()(const ConnectionHandle& h) const noexcept {
      return (size_t{h.shard} << 48) ^ (size_t{h.slot} << 24) ^ h.generation;
    }
  };
  std::unordered_map<ConnectionHandle, ClientPtr, Hash> clients_;
};

}  // namespace gw::http_api
