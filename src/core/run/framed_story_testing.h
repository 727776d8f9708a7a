// For tests: a random history of one framed run, told to whatever has runs, with what has to hold after each
// step: its log only ever grows, a reader of its protocol takes each line, and its terminal comes with its
// end and once.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/run/framing.h"
#include "protocol/framed_stream_testing.h"

namespace gw::run {

// `Runs` has: claim(RunClaim), append(RunAppend), cancel(), pass(Duration), and look(): status and log.
template <class Runs>
class FramedStory {
 public:
  using Counts = std::map<std::string, int>;

  FramedStory(unsigned seed, RunFormat format, uint64_t bytes_max, Runs& runs, Counts& counts)
      : seed_(seed),
        format_(format),
        bytes_max_(bytes_max),
        random_(seed),
        runs_(runs),
        counts_(counts),
        reader_(protocol_of(format)) {
    look("the beginning");
  }

  bool tell(int steps) {
    for (int i = 0; i < steps && !failed_; ++i) act();
    return !failed_;
  }
  // Brings it to its end, if it has none.
  bool finish() {
    act_cancel();
    for (int i = 0; i < 20 && !failed_ && !is_over(status_); ++i) {
      runs_.pass(10s);
      look("time passes");
    }
    if (!reader_.is_over()) fail("its log has no end");
    return !failed_;
  }

 private:
  struct Stored {
    RunAppend append;
    RunAppended answer;
  };
  static protocol::FramedProtocol protocol_of(RunFormat format) {
    return format == RunFormat::ai_sdk ? protocol::FramedProtocol::ai_sdk : protocol::FramedProtocol::ag_ui;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned in) { return below(in) == 0; }

  void act() {
    const unsigned what = below(40);
    if (what < 6 || epoch_ == 0) return act_claim();
    if (what < 8 && !stored_.empty()) return act_again();
    if (what < 38) return act_append();
    if (what < 39) return act_cancel();
    runs_.pass(std::chrono::milliseconds(below(4000)));
    look("time passes");
  }

  void act_claim() {
    RunClaim claim;
    claim.producer = chance(4) ? "b" : "a";
    claim.lease = 2s;
    if (chance(2)) claim.keep = chance(4) ? 1 + below(30) : 0;
    const auto claimed = runs_.claim(claim);
    const std::string code = claimed ? "none" : std::string(to_string(claimed.error().code));
    ++counts_["claim: " + code];
    const bool is_cut = claim.keep.value_or(0) > 0;
    if (is_cut != (code == "invalid_argument")) return fail("claim: " + code);
    if (claimed) {
      epoch_ = claimed->epoch;
      producer_ = claim.producer;
      seq_ = 0;
      stored_.clear();
      if (claim.keep) begin_attempt();
    }
    look("claim " + code);
    if (claimed && claimed->pos != log_.size()) fail("a claim's pos");
  }
  void begin_attempt() {
    said_.clear();
    mode_ = {};
  }

  // Some of them break the rules.
  std::string item() {
    static const std::vector<std::string> kChunks{R"({"type":"start-step"})",
                                                  R"({"type":"finish-step"})",
                                                  R"({"type":"text-start","id":"$"})",
                                                  R"({"type":"text-delta","id":"$","delta":"é\n"})",
                                                  R"({"type":"text-end","id":"$"})",
                                                  R"({"type":"reasoning-start","id":"$"})",
                                                  R"({"type":"reasoning-end","id":"$"})",
                                                  R"({"type":"data-x","data":1})"};
    static const std::vector<std::string> kEvents{
        R"({"type":"TEXT_MESSAGE_START","messageId":"$"})",
        R"({"type":"TEXT_MESSAGE_CONTENT","messageId":"$","delta":"é\n"})",
        R"({"type":"TEXT_MESSAGE_END","messageId":"$"})",
        R"({"type":"TOOL_CALL_START","toolCallId":"$","toolCallName":"t"})",
        R"({"type":"TOOL_CALL_END","toolCallId":"$"})",
        R"({"type":"STEP_STARTED","stepName":"$"})",
        R"({"type":"STEP_FINISHED","stepName":"$"})",
        R"({"type":"CUSTOM","name":"n","value":1})"};
    const auto& all = format_ == RunFormat::ai_sdk ? kChunks : kEvents;
    std::string out = all[below(static_cast<unsigned>(all.size()))];
    if (const size_t id = out.find('$'); id != out.npos) out.replace(id, 1, chance(2) ? "p" : "q");
    return out + "\n";
  }

  void act_append() {
    RunAppend append;
    append.producer = producer_;
    append.epoch = epoch_;
    append.seq = seq_;
    const bool is_items = mode_ == "items" ? !chance(20) : mode_ == "text" ? chance(20) : chance(2);
    if (is_items) {
      append.format = RunFormat::json;
      for (unsigned left = below(4); left > 0; --left) append.bytes += item();
    } else if (!chance(8)) {
      append.format = RunFormat::text;
      for (unsigned left = below(6); left > 0; --left) append.bytes += chance(2) ? "\"ä\n" : "word ";
    }
    if (chance(30)) append.end = end();
    const std::string expected = expect(append);
    const auto appended = runs_.append(append);
    const std::string code = appended ? "none" : std::string(to_string(appended.error().code));
    ++counts_["append: " + code];
    const bool may_be_full = code == "run_too_large" && !append.bytes.empty() && expected == "none";
    // Where time passes by itself, it may have ended meanwhile.
    if (code != expected && !may_be_full && code != "run_ended")
      fail("append " + append.bytes + ": " + code + ", expected " + expected);
    if (appended) take(append, *appended);
    look("append " + code);
  }
  RunEnd end() {
    RunEnd end{static_cast<RunStatus>(2 + below(3)), {}, ""};
    if (chance(2)) end.error = RunError{"e", chance(2) ? "why" : ""};
    if (chance(2)) end.result = "{\"n\":1}";
    return end;
  }
  std::string expect(const RunAppend& append) {
    if (is_over(status_)) return "run_ended";
    if (append.bytes.empty()) return "none";
    const std::string kind = has_lines(*append.format) ? "items" : "text";
    if (!mode_.empty() && mode_ != kind) return "mixed_framing";
    protocol::FramedStreamReader reader = reader_;
    return kind == "items" && !reader.read(append.bytes).empty() ? "invalid_argument" : "none";
  }
  void take(const RunAppend& append, const RunAppended& answer) {
    ++seq_;
    stored_.push_back({append, answer});
    if (append.bytes.empty()) return;
    const bool is_text = !has_lines(*append.format);
    if (is_text) said_ += append.bytes;
    // What only opens and closes steps of AI SDK is no answer yet.
    const bool is_answer = is_text || format_ == RunFormat::ag_ui ||
                           append.bytes.find("text-") != append.bytes.npos ||
                           append.bytes.find("reasoning-") != append.bytes.npos ||
                           append.bytes.find("data-") != append.bytes.npos;
    if (is_answer) mode_ = is_text ? "text" : "items";
  }

  // An answer was lost, or another thing is said under an old number.
  void act_again() {
    const Stored& one = stored_[below(static_cast<unsigned>(stored_.size()))];
    RunAppend again = one.append;
    const bool is_changed = chance(3);
    if (is_changed) again.bytes += again.format && has_lines(*again.format) ? item() : "x";
    if (is_changed && !again.format) again.format = RunFormat::text;
    const bool is_known = one.append.seq + RunBatches::kKept >= seq_;
    const auto appended = runs_.append(again);
    if (appended &&
        (!appended->duplicate || appended->pos != one.answer.pos || appended->hash != one.answer.hash))
      fail("said again: another answer");
    if (appended.has_value() != (is_known && !is_changed)) fail("said again: stored or refused");
    ++counts_[appended ? "append: duplicate" : "append: " + std::string(to_string(appended.error().code))];
    look("append again");
  }

  void act_cancel() {
    runs_.cancel();
    look("cancel");
  }

  void look(const std::string& after) {
    const auto [status, log] = runs_.look();
    status_ = status;
    if (!log.starts_with(log_)) return fail(after + ": the log was cut");
    const std::string why = reader_.read(std::string_view(log).substr(log_.size()));
    if (!why.empty()) return fail(after + ": " + why);
    log_ = log;
    if (reader_.is_over() != is_over(status))
      return fail(after + ": a terminal without an end, or the reverse");
    if (is_over(status)) {
      const std::string expected = status == RunStatus::completed   ? "stop"
                                   : status == RunStatus::cancelled ? "other"
                                                                    : "error";
      if (reader_.terminal() != expected) fail(after + ": its terminal says " + reader_.terminal());
    } else if (log.size() > bytes_max_) {
      fail(after + ": too long");
    }
    if (mode_ == "text" && reader_.text() != said_)
      fail(after + ": it shows " + reader_.text() + ", said was " + said_);
  }

  void fail(const std::string& why) {
    if (!std::exchange(failed_, true))
      ADD_FAILURE() << "seed " << seed_ << ", " << to_string(format_) << ": " << why << "\n" << log_;
  }

  const unsigned seed_;
  const RunFormat format_;
  const uint64_t bytes_max_;
  std::mt19937 random_;
  Runs& runs_;
  Counts& counts_;
  protocol::FramedStreamReader reader_;
  std::string log_;
  RunStatus status_ = RunStatus::queued;
  std::string said_, mode_;  // in this attempt
  std::string producer_;
  uint32_t epoch_ = 0;
  uint64_t seq_ = 0;
  std::vector<Stored> stored_;
  bool failed_ = false;
};

}  // namespace gw::run
