#include "post_office/http_api/run_poll.h"

#include "post_office/http_api/api_request.h"
#include "post_office/http_api/log_answers.h"

namespace gw::http_api {

void RunPoll::begin(const Run& run, const RunStart& start) {
  at_ = cursor_at(run, start.pos);
  state_ = State::open;
  look(run);
  if (state_ == State::open) over_ = loop_.after(wait_, [this] { cut(); });
}

void RunPoll::refuse(http::Response response) {
  responder_.send(std::move(response));
  become(State::ended);
}

void RunPoll::on_run_changed(const Run& run, const RunChange& change) {
  if (state_ != State::open) return;
  if (change.kind == RunChange::Kind::removed) return refuse(no_such_log());
  const RunStart start = resume_run(run, at_);
  if (start.loses) return refuse(cursor_mismatch());
  if (run.log.is_expired() && start.pos < run.log.size()) return refuse(log_expired());
  at_ = cursor_at(run, start.pos);
  look(run);
}

void RunPoll::look(const Run& run) {
  if (at_.pos < run.log.size() || is_over(run.record.status)) answer(run);
}

void RunPoll::answer(const Run& run) {
  const RunLog& log = run.log;
  http::Response response = log_answer(run.record, top_of(run), log.bytes(at_.pos, log.size()));
  if (at_.pos == log.size()) {
    response.status = 204;
    response.body.clear();
  }
  response.header("Stream-Cursor", std::to_string(stream_cursor_()));
  over_.reset();
  refuse(std::move(response));
}

void RunPoll::cut() {
  if (state_ == State::ended) return;
  const Run* const run = state_ == State::open ? reading.run() : nullptr;
  if (run && at_.pos <= run->log.bytes_here()) return answer(*run);
  refuse(refusal(Error{Errc::unavailable, "the gateway is about to end"}));
}

}  // namespace gw::http_api
