// What clients without a WebSocket send, and what they get: the token, how a body becomes messages, and how a
// message becomes an event. Input: the token, a line end, then the body.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "core/connection.h"
#include "gateway/uplinks.h"
#include "protocol/event_stream.h"

using namespace gw;

namespace {

constexpr TimePoint kNow = TimePoint(1000s);

void check_token(std::string_view text) {
  const auto token = SendToken::parse(text);
  if (!token) return;
  std::string lower(text);
  std::transform(lower.begin(), lower.begin() + 64, lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  ASSERT(token->text() == lower);
}

// What a connection makes of a body.
std::vector<std::string> messages_of(const std::string& body, bool is_list) {
  std::string frames;
  Uplinks uplinks("gw-1", [&](command::Post post, size_t) {
    frames = std::move(post.frames);
    return true;
  });
  const ConnectionId id = ConnectionId::make();
  const SendToken token = *SendToken::parse(uplinks.open(id, {}));
  uplinks.take({token, 1, is_list, body}, [](const Result<PostVerdict>&) {});
  const ConnectionOptions options;
  Connection connection(options, id, false, kNow, false, Transport::events);
  ws::Scratch scratch;
  std::vector<std::string> messages;
  std::span<char> input(frames);
  while (true) {
    const Connection::Input next = connection.next(input, scratch, kNow);
    if (next.kind != Connection::Input::Kind::message) break;
    messages.emplace_back(next.text);
  }
  return messages;
}

void check_lines(const std::string& body) {
  const std::vector<std::string> messages = messages_of(body, true);
  size_t from = 0;
  for (const std::string& message : messages) {
    ASSERT(!message.empty() && message.find('\n') == std::string::npos);
    from = body.find(message, from);  // in order, as they stand there
    ASSERT(from != std::string::npos);
    from += message.size();
  }
}

// As a browser reads it (WHATWG HTML, 9.2.6), of one event.
std::string data_of(std::string_view event) {
  std::string data;
  ASSERT(event.ends_with("\n\n"));
  event.remove_suffix(1);
  while (!event.empty()) {
    const size_t end = event.find_first_of("\r\n");
    ASSERT(end != std::string_view::npos && event[end] == '\n');
    const std::string_view line = event.substr(0, end);
    ASSERT(line.starts_with("data: "));
    data.append(line.substr(6)).push_back('\n');
    event.remove_prefix(end + 1);
  }
  data.pop_back();
  return data;
}

void check_event(std::string_view text) {
  std::string event;
  protocol::append_event(event, text);
  std::string expected;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && text.substr(i + 1).starts_with('\n')) continue;
    expected.push_back(text[i] == '\r' ? '\n' : text[i]);
  }
  ASSERT(data_of(event) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), input.size());
  check_token(input.substr(0, end));
  const std::string body(input.substr(std::min(end + 1, input.size())));
  check_event(body);
  if (body.empty()) return 0;
  check_lines(body);
  const std::vector<std::string> whole = messages_of(body, false);
  ASSERT(whole.empty() || whole == std::vector<std::string>{body});
  return 0;
}
