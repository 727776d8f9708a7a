#include "ws/extensions.h"

#include "ws/token.h"

namespace gw::ws {
namespace {

// Reads one field value from left to right. Blanks may stand between any two parts.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

  bool take(char wanted) {
    skip_blanks();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  // Empty when there is none.
  std::string_view token() {
    skip_blanks();
    size_t size = 0;
    while (size < text_.size() && is_token_char(text_[size])) ++size;
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }

  // After the opening quote. What it says must be a token too (RFC 6455 9.1), so the only use of a
  // backslash is before a character that could have stood alone.
  std::optional<std::string> quoted_token() {
    std::string value;
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return value.empty() ? std::nullopt : std::optional(value);
      if (c == '\\' && !text_.empty()) {
        c = text_.front();
        text_.remove_prefix(1);
      }
      if (!is_token_char(c)) return std::nullopt;
      value.push_back(c);
    }
    return std::nullopt;
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }

  std::string_view text_;
};

bool read_parameter(Reader& reader, ExtensionParameter& parameter) {
  parameter.name = reader.token();
  if (parameter.name.empty()) return false;
  if (!reader.take('=')) return true;
  parameter.value = reader.take('"') ? reader.quoted_token() : std::optional<std::string>(reader.token());
  return parameter.value.has_value() && !parameter.value->empty();
}

bool read_offer(Reader& reader, ExtensionOffer& offer) {
  offer.name = reader.token();
  if (offer.name.empty()) return false;
  while (reader.take(';')) {
    if (offer.parameters.size() == kExtensionParametersMax) return false;
    if (!read_parameter(reader, offer.parameters.emplace_back())) return false;
  }
  return true;
}

}  // namespace

bool parse_extension_offers(std::string_view value, std::vector<ExtensionOffer>& offers) {
  Reader reader(value);
  const size_t before = offers.size();
  while (!reader.at_end()) {
    if (reader.take(',')) continue;  // an empty list element
    if (offers.size() == kExtensionOffersMax) return false;
    if (!read_offer(reader, offers.emplace_back())) return false;
    if (!reader.at_end() && !reader.take(',')) return false;
  }
  return offers.size() > before;
}

}  // namespace gw::ws
