#include "load/run_dialect.h"

#include <charconv>
#include <stdexcept>

#include "load/http_client.h"

namespace gw::bench {
namespace {

constexpr std::string_view kRuns = "/api/post-office/runs";
constexpr std::string_view kProducer = R"("producer":"bench-agent:1:5f0e3c1d2b4a6978")";
// The longest there is: what is measured is no heartbeat.
constexpr std::string_view kLease = R"("lease_ms":120000,"takeover_ms":300000)";

[[noreturn]] void bad(std::string_view what, std::string_view text) {
  throw std::runtime_error(std::string(what) + ": " + std::string(text.substr(0, 400)));
}

// What follows `key` in `text`, up to `end`; throws when it is not there. The bench's texts hold no escapes.
std::string_view value_of(std::string_view text, std::string_view key, char end) {
  const size_t at = text.find(key);
  const size_t to = at == std::string_view::npos ? at : text.find(end, at + key.size());
  if (to == std::string_view::npos) bad("no " + std::string(key) + " in", text);
  return text.substr(at + key.size(), to - at - key.size());
}

uint64_t number_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  uint64_t value = 0;
  if (at == std::string_view::npos ||
      std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value).ec != std::errc())
    bad("no " + std::string(key) + " in", text);
  return value;
}

class GatewayRuns final : public RunDialect {
 public:
  explicit GatewayRuns(const Target& target) : target_(target) {}

  std::string create(const RunName& run) const override {
    std::string body = R"({"channel":"guide","run_id":")" + run.id + "\",";
    if (!run.user.empty()) body += R"("to":{"user_id":")" + run.user + R"("},)";
    return http_request("POST", kRuns, target_.api_key,
                        body.append(kProducer).append(",").append(kLease).append("}"));
  }

  std::string append(const RunName& run, uint32_t seq, std::string_view text) const override {
    std::string body = "{";
    body.append(kProducer).append(R"(,"epoch":1,"seq":)").append(std::to_string(seq));
    body.append(R"(,"text":")").append(text).append("\"}");
    return http_request("POST", std::string(kRuns) + "/" + run.id + "/append", target_.api_key, body);
  }

  std::string cursor_after(int status, std::string_view answer, uint64_t pos) const override {
    if (status != 200 || answer.find(R"("status":"appended")") == std::string_view::npos ||
        number_of(answer, R"("pos":)") != pos)
      bad("append refused", answer);
    return R"("cursor":"1.)" + std::to_string(pos) + "." + std::string(value_of(answer, R"("hash":")", '"')) +
           '"';
  }

  std::string attach(const RunName& run, std::string_view cursor) const override {
    std::string message = R"({"type":"attach","run_id":")" + run.id + '"';
    if (!cursor.empty()) message.append(",").append(cursor);
    return message + "}";
  }

  bool is_attached(std::string_view message) const override {
    return message.starts_with(R"({"type":"run")");
  }

  void read(std::string_view message, const std::function<void(const RunPiece&)>& on_piece) const override {
    if (message.starts_with(R"({"type":"ping")") || target_.is_welcome(message)) return;
    if (!message.starts_with(R"({"type":"run")")) bad("not of a run", message);
    const std::string_view event = value_of(message, R"("event":")", '"');
    if (event == "top") return;
    if (event != "delta" && event != "snapshot") bad("not text", message);
    const std::string_view text = value_of(message, R"("text":")", '"');
    const uint64_t pos = number_of(message, R"("pos":)");
    if (event == "delta" && number_of(message, R"("from":)") + text.size() != pos)
      bad("from, text and pos disagree", message);
    if (text.size() > pos) bad("more text than log", message);
    if (!text.empty()) on_piece({.from = pos - text.size(), .text = text});
  }

 private:
  const Target& target_;
};

class CentrifugoChannels final : public RunDialect {
 public:
  CentrifugoChannels(const Target& target, size_t append_bytes)
      : target_(target), append_bytes_(append_bytes) {}

  std::string create(const RunName&) const override { return {}; }

  std::string append(const RunName& run, uint32_t, std::string_view text) const override {
    const std::string body = R"({"channel":"runs:)" + run.id + R"(","data":")" + std::string(text) + "\"}";
    return "POST /api/publish HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + target_.api_key +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  std::string cursor_after(int status, std::string_view answer, uint64_t pos) const override {
    if (status != 200 || answer.find(R"("result":)") == std::string_view::npos ||
        number_of(answer, kOffset) * append_bytes_ != pos)
      bad("publication refused", answer);
    return R"("recover":true,"epoch":")" + std::string(value_of(answer, R"("epoch":")", '"')) +
           R"(","offset":)" + std::to_string(pos / append_bytes_);
  }

  std::string attach(const RunName& run, std::string_view cursor) const override {
    std::string message = R"({"id":2,"subscribe":{"channel":"runs:)" + run.id + '"';
    if (!cursor.empty()) message.append(",").append(cursor);
    return message + "}}";
  }

  bool is_attached(std::string_view message) const override {
    return message.find(R"("id":2,"subscribe":{)") != std::string_view::npos;
  }

  // A push has one publication, the answer to a subscription those that were missed.
  void read(std::string_view message, const std::function<void(const RunPiece&)>& on_piece) const override {
    if (message.find(R"("error":{)") != std::string_view::npos) bad("refused", message);
    if (message.find(R"("recovered":false)") != std::string_view::npos) bad("not recovered", message);
    for (size_t at = message.find(kData); at != std::string_view::npos; at = message.find(kData, at + 1)) {
      const std::string_view publication = message.substr(at);
      const uint64_t offset = number_of(publication, kOffset);
      on_piece({.from = (offset - 1) * append_bytes_, .text = value_of(publication, kData, '"')});
    }
  }

 private:
  static constexpr std::string_view kData = R"("data":")";
  static constexpr std::string_view kOffset = R"("offset":)";

  const Target& target_;
  const size_t append_bytes_;
};

}  // namespace

std::unique_ptr<RunDialect> make_run_dialect(const Target& target, size_t append_bytes) {
  if (target.dialect == Dialect::gateway) return std::make_unique<GatewayRuns>(target);
  if (target.dialect == Dialect::centrifugo)
    return std::make_unique<CentrifugoChannels>(target, append_bytes);
  throw std::runtime_error("this server has neither runs nor channels with history");
}

}  // namespace gw::bench
