#include "core/run/framing.h"

#include "base/assert.h"

namespace gw::run {
namespace {

using protocol::FramedEnd;
using protocol::FramedProtocol;
using protocol::RunFraming;

FramedProtocol protocol_of(RunFormat format) {
  ASSERT(is_framed(format));
  return format == RunFormat::ai_sdk ? FramedProtocol::ai_sdk : FramedProtocol::ag_ui;
}

RunRefusal refuse(RunErrc code, std::string detail) {
  RunRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

RunRefusal refuse(const Error& error) {
  const bool is_mixed = error.code == Errc::failed_precondition;
  return refuse(is_mixed ? RunErrc::mixed_framing : RunErrc::invalid_argument, error.detail);
}

}  // namespace

std::string head_of(const NewRun& run) {
  if (!is_framed(run.format)) return {};
  return RunFraming::head(protocol_of(run.format),
                          {run.run_id, run.thread_id, run.client_run_id, run.messages});
}

std::optional<RunRefusal> refuse_head(const NewRun& run, const RunLimits& limits) {
  if (!is_framed(run.format)) return {};
  const RunFraming framing = framing_of(run.format, head_of(run));
  if (framing.pos() + framing.room() <= bytes_max_of(run, limits)) return {};
  return refuse(RunErrc::too_large, "what such a run begins and ends with needs a larger bytes_max");
}

RunFraming framing_of(RunFormat format, std::string_view log) {
  RunFraming framing(protocol_of(format));
  framing.fold(log);
  return framing;
}

FramedEnd framed_end(RunStatus status, const RunError& error, std::string_view result) {
  using How = FramedEnd::How;
  const How how = status == RunStatus::completed   ? How::completed
                  : status == RunStatus::cancelled ? How::cancelled
                                                   : How::failed;
  return {how, error.code, error.message, result};
}

RunResult<FramedBatch> frame(const RunFraming& framing, const RunAppend& append, uint64_t bytes_max) {
  const RunError error = append.end ? append.end->error.value_or(RunError()) : RunError();
  const FramedEnd end = append.end ? framed_end(append.end->status, error, append.end->result) : FramedEnd();
  FramedBatch batch{{}, framing};
  RunFraming& after = batch.after;
  const bool is_items = append.format && has_lines(*append.format);
  const auto said =
      is_items ? after.items(append.bytes, append.end ? &end : nullptr) : after.text(append.bytes);
  if (!said) return refuse(said.error());
  const uint64_t kept_free = append.end ? 0 : after.room();
  const bool fits = append.bytes.size() <= RunLimits::kAppendBytes && after.pos() + kept_free <= bytes_max;
  if (!append.bytes.empty() && !fits)
    return refuse(RunErrc::too_large, "the batch or the run would be too large");
  batch.bytes = *said;
  if (append.end) batch.bytes += after.end(end);
  return batch;
}

RunResult<FramedBatch> begin_attempt(const RunFraming& framing, std::string_view opening,
                                     uint64_t bytes_max) {
  FramedBatch batch{{}, framing};
  batch.bytes = batch.after.begin_attempt(opening);
  if (!batch.bytes.empty() && batch.after.pos() + batch.after.room() > bytes_max)
    return refuse(RunErrc::too_large, "the run has no room for another attempt: claim it with keep \"all\"");
  return batch;
}

}  // namespace gw::run
