#include "protocol/run_framing.h"

#include <algorithm>
#include <optional>

namespace gw::protocol {
namespace {

// Of an end without what it closes. A long reason goes beyond: an end is never refused.
constexpr size_t kEndBytes = 1024;

// Calls `visit` with each line and its line break, until it answers false.
template <class F>
void for_each_line(std::string_view lines, F&& visit) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size() - 1);
    if (!visit(lines.substr(0, end + 1))) return;
    lines.remove_prefix(end + 1);
  }
}

template <class Protocol>
std::optional<Error> take_item(Protocol& protocol, size_t number, std::string_view line, const FramedEnd* end,
                               std::string& out) {
  std::string detail = "items[" + std::to_string(number) + "]";
  const auto members = json::parse_object(line);
  if (!members) return Error{Errc::invalid_argument, detail + " must be an object"};
  const FramedItem item{line, text_of(*members, "type"), *members};
  const std::string why = protocol.take(item, end, out);
  if (why.empty()) return {};
  if (!item.type.empty()) detail.append(" (").append(item.type).append(")");
  return Error{Errc::invalid_argument, detail.append(": ").append(why)};
}

}  // namespace

std::string text_of(const json::Object& object, std::string_view member) {
  const json::Value* const value = object.find(member);
  return value ? json::as_string(*value).value_or("") : std::string();
}

RunFraming::RunFraming(FramedProtocol protocol) {
  if (protocol == FramedProtocol::ag_ui) protocol_.emplace<AgUiFraming>();
}

std::string RunFraming::head(FramedProtocol protocol, const FramedHead& head) {
  std::string out;
  if (protocol == FramedProtocol::ai_sdk) {
    AiSdkFraming::append_head(out, head);
  } else {
    AgUiFraming::append_head(out, head);
  }
  // A list of messages comes as it was written: between its tokens there may be raw line breaks.
  std::replace(out.begin(), out.end(), '\r', ' ');
  const size_t lines = head.messages.empty() || protocol == FramedProtocol::ai_sdk ? 1 : 2;
  const size_t first = out.find('\n');
  if (lines == 2)
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(first) + 1, out.end() - 1, '\n', ' ');
  return out;
}

void RunFraming::fold(std::string_view lines) {
  for_each_line(lines, [&](std::string_view line) {
    count(line);
    const auto members = json::parse_object(line, json::Utf8::trusted);
    if (!members) return true;
    const FramedItem item{line, text_of(*members, "type"), *members};
    std::visit([&](auto& protocol) { protocol.fold(item); }, protocol_);
    return true;
  });
}

void RunFraming::count(std::string_view line) {
  pos_ += line.size();
  if (lines_ == 2 || ++lines_ < 2) return;
  const auto members = json::parse_object(line, json::Utf8::trusted);
  if (members && text_of(*members, "type") == "MESSAGES_SNAPSHOT") opening_ = {pos_ - line.size(), pos_};
}

std::string RunFraming::counted(std::string out) {
  for_each_line(out, [this](std::string_view line) {
    count(line);
    return true;
  });
  return out;
}

Result<std::string> RunFraming::text(std::string_view text) {
  if (text.empty()) return std::string();
  return std::visit(
      [&](auto& protocol) -> Result<std::string> {
        if (protocol.said() == FramedSaid::items)
          return Error{Errc::failed_precondition, "this attempt has begun with items: text does not fit"};
        std::string out;
        protocol.say(text, out);
        return counted(std::move(out));
      },
      protocol_);
}

Result<std::string> RunFraming::items(std::string_view lines, const FramedEnd* end) {
  if (lines.empty()) return std::string();
  return std::visit(
      [&](auto& protocol) -> Result<std::string> {
        if (protocol.said() == FramedSaid::text)
          return Error{Errc::failed_precondition, "this attempt has begun with text: items do not fit"};
        std::string out;
        std::optional<Error> fault;
        size_t number = 0;
        for_each_line(lines, [&](std::string_view line) {
          fault = take_item(protocol, number++, line, end, out);
          return !fault.has_value();
        });
        if (fault) return *fault;
        if (room() > kClosersBytesMax + kEndBytes)
          return Error{Errc::invalid_argument, "items: too much is open at one time"};
        return counted(std::move(out));
      },
      protocol_);
}

std::string RunFraming::end(const FramedEnd& end) {
  std::string out;
  std::visit([&](auto& protocol) { protocol.close(end, out); }, protocol_);
  return counted(std::move(out));
}

std::string RunFraming::begin_attempt(std::string_view opening_line) {
  std::string out;
  if (auto* const ag_ui = std::get_if<AgUiFraming>(&protocol_)) {
    ag_ui->begin_attempt(opening_line.empty() ? AgUiFraming::kNoMessages : opening_line, out);
  } else {
    std::get<AiSdkFraming>(protocol_).begin_attempt(out);
  }
  return counted(std::move(out));
}

size_t RunFraming::room() const {
  auto copy = protocol_;
  std::string out;
  std::visit([&](auto& protocol) { protocol.close({FramedEnd::How::failed}, out); }, copy);
  return out.size() + kEndBytes;
}

}  // namespace gw::protocol
