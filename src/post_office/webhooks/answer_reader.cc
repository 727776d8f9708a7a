#include "post_office/webhooks/answer_reader.h"

#include "base/http_field.h"
#include "base/utf8.h"
#include "json/json.h"

namespace gw {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// How many bytes at the end begin a character that is not whole.
size_t cut_character(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

Error not_utf8() { return {Errc::protocol_error, "the answer is not UTF-8"}; }

}  // namespace

AnswerForm answer_form(int status, std::string_view content_type) {
  if (status != 200) return AnswerForm::none;
  const std::string_view type = trim_blanks(content_type.substr(0, content_type.find(';')));
  if (equal_ignoring_case(type, "text/plain")) return AnswerForm::text;
  if (equal_ignoring_case(type, "text/event-stream")) return AnswerForm::events;
  return equal_ignoring_case(type, "application/json") ? AnswerForm::json : AnswerForm::none;
}

Result<void> AnswerReader::put(std::string_view bytes) {
  switch (form_) {
    case AnswerForm::none: return {};
    case AnswerForm::text: return put_text(bytes);
    case AnswerForm::events: return put_events(bytes);
    case AnswerForm::json: break;
  }
  rest_.append(bytes);
  if (rest_.size() > kJsonBytesMax) return Error{Errc::too_large, "the answer is too large"};
  return {};
}

Result<void> AnswerReader::put_text(std::string_view bytes) {
  rest_.append(bytes);
  const size_t whole = rest_.size() - cut_character(rest_);
  if (!is_valid_utf8(std::string_view(rest_).substr(0, whole))) return not_utf8();
  if (whole > 0) pieces_.push_back(rest_.substr(0, whole));
  rest_.erase(0, whole);
  return {};
}

// Lines end with CR, LF or both (WHATWG HTML 9.2.5).
Result<void> AnswerReader::put_events(std::string_view bytes) {
  while (!bytes.empty() && !is_over_) {
    if (std::exchange(was_cr_, false) && bytes.front() == '\n') bytes.remove_prefix(1);
    const size_t end = bytes.find_first_of("\r\n");
    rest_.append(bytes.substr(0, end));
    if (rest_.size() + data_.size() > kEventBytesMax)
      return Error{Errc::too_large, "an event of the answer is too large"};
    if (end == std::string_view::npos) break;
    was_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!is_valid_utf8(rest_)) return not_utf8();
    std::string_view line = rest_;
    if (std::exchange(is_first_line_, false) && line.starts_with(kByteOrderMark))
      line.remove_prefix(kByteOrderMark.size());
    take_line(line);
    rest_.clear();
  }
  return {};
}

void AnswerReader::take_line(std::string_view line) {
  if (line.empty()) return take_event();
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") event_ = value;
  if (name != "data") return;
  if (std::exchange(has_data_, true)) data_.push_back('\n');
  data_.append(value);
}

void AnswerReader::take_event() {
  const std::string event = std::exchange(event_, {}), data = std::exchange(data_, {});
  const bool has_data = std::exchange(has_data_, false);
  if (event == "error") failure_ = data;
  is_over_ = is_over_ || event == "end" || event == "error" || data == "[DONE]";
  if (has_data && !is_over_ && !data.empty()) pieces_.push_back(data);
}

Result<void> AnswerReader::end(bool is_sure) {
  if (is_over_ || form_ == AnswerForm::none) return {};
  if (form_ == AnswerForm::json) {
    const auto object = json::parse_object(rest_);
    if (!object) return Error{Errc::protocol_error, "the answer is no JSON object"};
    if (const json::Value* const message = object->find("message")) pieces_.emplace_back(message->raw());
    return {};
  }
  if (!is_sure) return Error{Errc::unavailable, "nothing but the end of the connection ends the answer"};
  if (form_ == AnswerForm::text && !rest_.empty()) return not_utf8();
  // The last event may lack its empty line.
  if (form_ == AnswerForm::events) {
    if (!is_valid_utf8(rest_)) return not_utf8();
    take_line(rest_);
    take_event();
  }
  return {};
}

}  // namespace gw
