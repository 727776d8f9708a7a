// One attempt to give an envelope to a webhook: looks at its run, posts it, and passes the answer on to
// whoever asked. Control loop only.
//
//   look at the run --> (claim it again) --> post --head--> taken, or answer: run, connection --> over
//         `--- over, or being answered ---------------------------------------------------------^
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/run_store.h"
#include "net/event_loop.h"
#include "net/http/call.h"
#include "post_office/post_office.h"
#include "post_office/webhooks/answer_reader.h"
#include "post_office/webhooks/options.h"
#include "post_office/webhooks/posted_envelope.h"
#include "post_office/webhooks/run_writer.h"
#include "post_office/webhooks/webhook_target.h"

namespace gw {

struct DeliveryParts {
  EventLoop& loop;
  RunStore& runs;
  PostOffice& post_office;
  const WebhookOptions& options;  // as they are now
};

class WebhookDelivery {
 public:
  enum class Outcome : uint8_t {
    delivered,  // or there is nothing left to deliver
    failed,     // to be tried again
    held,       // its answer is being written elsewhere: to be looked at again
    hopeless,   // its run is over without an answer: no attempt can give one
  };
  struct Attempted {
    Outcome outcome = Outcome::failed;
    std::string why = {};  // a fixed phrase, or what the network said; never of the answer
    int status = 0;        // of the answer; 0: none
    Duration retry_after{};
    bool was_posted = false;
  };
  using Done = std::function<void(const Attempted&)>;

  // `target` and `envelope` outlive it. `done` comes once, in a later turn, and may destroy it; not at all
  // once it is gone.
  WebhookDelivery(const DeliveryParts& parts, const WebhookTarget& target, const PostedEnvelope& envelope,
                  Done done);
  ~WebhookDelivery();

 private:
  // Of an answer that says nothing so much is read, for the server's sake.
  static constexpr size_t kIgnoredBytes = size_t{64} << 10;

  void look();
  void on_run(const RunResult<const Run*>& run);
  void hold_run();
  void post();
  std::string request_text() const;
  void on_head(const http::AnswerHead& head);
  void on_body(std::string_view piece);
  void on_end(const Result<void>& ended);
  void begin_answer();
  void say(std::vector<std::string> pieces);
  void on_answer_whole();
  void on_run_over(RunWriter::Over how);
  void send_to_client(const std::string& message);
  bool has_items() const { return envelope_.run_format != RunFormat::text; }
  bool has_run() const { return target_.webhook.may_run && !envelope_.run_id.empty(); }
  RunClaim claim(std::optional<uint64_t> keep) const;
  void fail(std::string why);
  void be_done(Outcome outcome, std::string why = {});

  const DeliveryParts parts_;
  const WebhookTarget& target_;
  const PostedEnvelope& envelope_;
  const Done done_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  Attempted attempted_;
  AnswerForm form_ = AnswerForm::none;
  std::unique_ptr<AnswerReader> reader_;
  std::unique_ptr<RunWriter> run_;
  std::unique_ptr<http::Call> call_;
  size_t ignored_bytes_ = 0;
  bool is_sure_of_end_ = false;
  bool is_over_ = false;
  EventLoop::Registration start_;
  EventLoop::Registration limit_;
};

}  // namespace gw
