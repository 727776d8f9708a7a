#include "post_office/webhooks/delivery.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/run/run_machine.h"
#include "json/json.h"
#include "post_office/webhooks/signature.h"

namespace gw {
namespace {

constexpr Duration kRetryAfterMax = 1h;

bool is_success(int status) { return status >= 200 && status < 300; }

// In seconds; a date is nothing that clocks agree on.
Duration retry_after_of(const http::AnswerHead& head) {
  const std::string_view text = head.field("Retry-After");
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return std::min<Duration>(std::chrono::seconds(seconds), kRetryAfterMax);
}

std::string why_refused(const http::AnswerHead& head) {
  const bool is_redirect = head.status >= 300 && head.status < 400;
  return is_redirect ? "it redirects, which is not followed" : "its status is " + std::to_string(head.status);
}

}  // namespace

WebhookDelivery::WebhookDelivery(const DeliveryParts& parts, const WebhookTarget& target,
                                 const PostedEnvelope& envelope, Done done)
    : parts_(parts), target_(target), envelope_(envelope), done_(std::move(done)) {
  start_ = parts_.loop.after(Duration(0), [this] { look(); });
  limit_ = parts_.loop.after(parts_.options.answer_max, [this] { fail("the answer took too long"); });
}

WebhookDelivery::~WebhookDelivery() = default;

RunClaim WebhookDelivery::claim(std::optional<uint64_t> keep) const {
  RunClaim claim;
  claim.producer = target_.producer;
  claim.keep = keep;
  claim.group = target_.webhook.group;
  claim.delivery_id = envelope_.delivery_id;
  claim.realm = target_.webhook.realm;
  return claim;
}

// --- Before the request ---

void WebhookDelivery::look() {
  if (!has_run()) return post();
  parts_.runs.find_record(envelope_.run_id, {},
                          [this, alive = std::weak_ptr<int>(alive_)](const RunResult<const Run*>& run) {
                            if (!alive.expired()) on_run(run);
                          });
}

// What this group has had may have been answered, or is being answered by another instance.
void WebhookDelivery::on_run(const RunResult<const Run*>& run) {
  if (!run && run.error().code == RunErrc::not_found) return post();
  if (!run) return fail("its run can't be looked at");
  const RunRecord& record = (*run)->record;
  if (record.shown->group != target_.webhook.group) return post();
  if (record.status == RunStatus::abandoned) return be_done(Outcome::hopeless, "its run is over");
  if (is_over(record.status)) return be_done(Outcome::delivered);
  if (record.producer != target_.producer && !run::is_owner_lost(record, parts_.runs.now()))
    return be_done(Outcome::held, "its answer is being written");
  hold_run();
}

// Its last owner is gone, and the server may think for longer than a takeover waits: what was said stays
// until there is something new.
void WebhookDelivery::hold_run() {
  parts_.runs.claim(envelope_.run_id, {}, claim(std::nullopt),
                    [this, alive = std::weak_ptr<int>(alive_)](const RunResult<RunClaimed>& claimed) {
                      if (alive.expired()) return;
                      if (!claimed) return be_done(Outcome::held, "its run can't be claimed");
                      post();
                    });
}

// --- The request ---

std::string WebhookDelivery::request_text() const {
  const Webhook& webhook = target_.webhook;
  const WallTime now = parts_.loop.wall_now();
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const std::string& id = envelope_.message_id;
  std::string signatures = webhook_signature(webhook.secret, id, seconds, envelope_.text);
  if (!webhook.old_secret.empty() && now < webhook.old_secret_until)
    signatures.append(" ").append(webhook_signature(webhook.old_secret, id, seconds, envelope_.text));
  std::string text = "POST " + target_.url.target + " HTTP/1.1\r\nHost: " + target_.url.host_field;
  text.append("\r\nUser-Agent: websocket-gateway/").append(parts_.options.version);
  text.append("\r\nAccept: text/event-stream, text/plain, application/json\r\nConnection: close");
  text.append("\r\nContent-Type: application/json\r\nContent-Length: ");
  text.append(std::to_string(envelope_.text.size()));
  text.append("\r\nwebhook-id: ").append(id);
  text.append("\r\nwebhook-timestamp: ").append(std::to_string(seconds));
  text.append("\r\nwebhook-signature: ").append(signatures);
  text.append("\r\nwebhook-subscription: ").append(webhook.id);
  if (envelope_.trace) {
    text.append("\r\ntraceparent: ");
    protocol::append_traceparent(text, *envelope_.trace);
  }
  return text.append("\r\n\r\n").append(envelope_.text);
}

void WebhookDelivery::post() {
  if (!is_named(parts_.options.hosts, target_.url)) return fail("its host is not among webhook-hosts");
  http::CallOptions options;
  options.server = {target_.url.host, target_.url.port};
  options.tls = {target_.url.tls, {}, target_.trust};
  options.may_connect_to = [hosts = parts_.options.hosts, url = target_.url](const IpAddress& address) {
    return may_lead_to(hosts, url, address);
  };
  options.head_timeout = options.silence_timeout = parts_.options.timeout;
  attempted_.was_posted = true;
  call_ =
      std::make_unique<http::Call>(parts_.loop, std::move(options), request_text(),
                                   http::Call::Events{[this](const http::AnswerHead& head) { on_head(head); },
                                                      [this](std::string_view piece) { on_body(piece); },
                                                      [this](const Result<void>& ended) { on_end(ended); }});
}

// --- The answer ---

void WebhookDelivery::on_head(const http::AnswerHead& head) {
  attempted_.status = head.status;
  if (!is_success(head.status)) {
    attempted_.retry_after = retry_after_of(head);
    return fail(why_refused(head));
  }
  form_ = answer_form(head.status, head.field("Content-Type"));
  is_sure_of_end_ = head.length || !head.field("Transfer-Encoding").empty();
  const bool is_for_client =
      form_ == AnswerForm::json && target_.webhook.may_send && !envelope_.connection_id.empty();
  if (head.length == 0u || (!has_run() && !is_for_client)) form_ = AnswerForm::none;
  if (form_ == AnswerForm::none) return;
  reader_ = std::make_unique<AnswerReader>(form_);
  if (form_ != AnswerForm::json) begin_answer();
}

// Another attempt begins anew.
void WebhookDelivery::begin_answer() {
  run_ = std::make_unique<RunWriter>(
      parts_.loop, parts_.runs, RunWriter::Claim{envelope_.run_id, envelope_.run_format, {}, claim(0)},
      RunWriter::Events{[this] {
                          if (call_) call_->resume();
                        },
                        [this] {
                          call_.reset();
                          run_->finish({RunStatus::cancelled, std::nullopt, {}});
                        },
                        [this](RunWriter::Over how) { on_run_over(how); }});
  run_->begin();
}

void WebhookDelivery::on_body(std::string_view piece) {
  if (form_ == AnswerForm::none) {
    ignored_bytes_ += piece.size();
    if (ignored_bytes_ > kIgnoredBytes) be_done(Outcome::delivered);
    return;
  }
  if (const Result<void> put = reader_->put(piece); !put) return fail(put.error().detail);
  say(reader_->take());
  if (is_over_ || !run_) return;
  if (reader_->is_over()) return on_answer_whole();
  if (run_->is_behind()) call_->pause();
}

void WebhookDelivery::say(std::vector<std::string> pieces) {
  if (!run_) return;
  for (const std::string& piece : pieces) {
    const bool is_item = form_ == AnswerForm::events && has_items();
    if (is_item && !json::parse(piece)) return fail("an event of the answer is no JSON");
    run_->say(piece, is_item);
  }
}

void WebhookDelivery::on_end(const Result<void>& ended) {
  if (form_ == AnswerForm::none) {
    if (attempted_.status == 0) return fail(ended ? "no answer" : ended.error().detail);
    return be_done(Outcome::delivered);
  }
  if (!ended) return fail(ended.error().detail);
  if (const Result<void> whole = reader_->end(is_sure_of_end_); !whole) return fail(whole.error().detail);
  on_answer_whole();
}

void WebhookDelivery::on_answer_whole() {
  std::vector<std::string> pieces = reader_->take();
  if (form_ == AnswerForm::json) {
    if (pieces.empty()) return be_done(Outcome::delivered);
    if (!has_run()) return send_to_client(pieces.front());
    const auto value = json::parse(pieces.front());
    const auto text = value ? json::as_string(*value) : std::nullopt;
    // An item for those who read items; text, as far as there is one, for all others.
    const bool is_item = envelope_.run_format == RunFormat::json;
    if (!is_item && !text) return fail("message of the answer is no text");
    begin_answer();
    if (!run_) return;
    run_->say(is_item ? pieces.front() : *text, is_item);
  } else {
    say(std::move(pieces));
    if (is_over_) return;
  }
  call_.reset();
  const auto& failure = reader_->failure();
  run_->finish(failure ? RunEnd{RunStatus::failed, RunError{"agent_error", *failure}} : RunEnd{});
}

void WebhookDelivery::on_run_over(RunWriter::Over how) {
  switch (how) {
    case RunWriter::Over::ended:
    case RunWriter::Over::refused: return be_done(Outcome::delivered);
    case RunWriter::Over::lost: return be_done(Outcome::held, "its run has another owner");
    case RunWriter::Over::uncertain: return fail("its answer can't be stored");
  }
}

// Who has left meanwhile is sent nothing.
void WebhookDelivery::send_to_client(const std::string& message) {
  parts_.post_office.send(ToConnection{envelope_.connection_id}, message, target_.webhook.tenant_id,
                          [this, alive = std::weak_ptr<int>(alive_)](const Result<size_t>& sent) {
                            if (alive.expired()) return;
                            const bool is_gone = !sent && (sent.error().code == Errc::not_found ||
                                                           sent.error().code == Errc::too_large);
                            if (!sent && !is_gone) return fail("its answer can't be sent");
                            be_done(Outcome::delivered);
                          });
}

void WebhookDelivery::fail(std::string why) { be_done(Outcome::failed, std::move(why)); }

void WebhookDelivery::be_done(Outcome outcome, std::string why) {
  if (std::exchange(is_over_, true)) return;
  attempted_.outcome = outcome;
  attempted_.why = std::move(why);
  call_.reset();
  run_.reset();
  limit_.reset();
  start_ = parts_.loop.after(Duration(0), [this] {
    // The last thing: it may destroy this.
    const Done done = done_;
    const Attempted attempted = attempted_;
    done(attempted);
  });
}

}  // namespace gw
