// Vercel AI SDK's chats: its UI message streams over SSE, as DefaultChatTransport and WorkflowChatTransport
// speak. A chat is a thread, an answer a run, and a line of its log a chunk. Control loop only.
#pragma once

#include <memory>
#include <string>

#include "post_office/http_api/ai_sdk_request.h"
#include "post_office/http_api/routes.h"
#include "post_office/http_api/run_asking.h"

namespace gw::http_api {

class AiSdk {
 public:
  // `asking` outlives it.
  explicit AiSdk(RunAsking& asking) : asking_(asking) {}

  // POST /api/chat?channel=: the answer to the last message, from its start. The same message again is the
  // same answer; another one while the chat's answer is being written is 409.
  void send(ApiRequest request);
  // GET /api/chat/{id}/stream: the chat's answer that is being written, or that of the run `id`.
  void resume(ApiRequest request);
  // POST /api/chat/{id}/stop
  void stop(ApiRequest request);

  // The same for a client of another transport: `call` is named (RunAsking::name). Refusals are answers as
  // over HTTP, 204 that there is nothing.
  void send(RunAsking::Call call, AiSdkMessage message);
  // `chunks_had`: so many have come already.
  void resume(RunAsking::Call call, const std::string& chat_id, uint64_t chunks_had);

 private:
  struct Send;
  using SendPtr = std::shared_ptr<Send>;

  void send_in_chat(const SendPtr& send);
  void ask(const SendPtr& send, int attempt);
  void look_at_first(const SendPtr& send, const std::string& run_id, int attempt);
  void refuse_active(const SendPtr& send, const std::string& run_id);
  // The run that `id` names, as a run or as a chat (`is_chat`); empty: none.
  using Found = std::function<void(RunAsking::Call&, const std::string& run_id, bool is_chat)>;
  void find(RunAsking::Call& call, const std::string& id, Found found);
  struct From;
  void go_on(RunAsking::Call& call, const std::string& id, From from);

  RunAsking& asking_;
};

void add_ai_sdk_routes(Routes& routes, AiSdk& chats);

}  // namespace gw::http_api
