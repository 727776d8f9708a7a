#include "net/http/head.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

namespace gw::http {
namespace {

namespace beast = boost::beast;
namespace bh = boost::beast::http;

// Beast's parser without its containers: fields go straight to the caller as views. The body is not its
// business, parsing stops after the head.
class HeadParser : public bh::basic_parser<true> {
 public:
  explicit HeadParser(RequestHead& head) : head_(head) {
    header_limit(kHeadBytesMax);
    body_limit(boost::none);
  }

  bool too_many_fields() const { return too_many_fields_; }

 private:
  using error_code = beast::error_code;
  using view = beast::string_view;

  void on_request_impl(bh::verb, view method, view target, int version, error_code& error) override {
    head_.method = method;
    head_.target = target;
    head_.version = version;
    error = {};
  }

  void on_field_impl(bh::field, view name, view value, error_code& error) override {
    error = {};
    if (head_.fields.size() == kFieldsMax) {
      too_many_fields_ = true;
      error = bh::error::header_limit;
      return;
    }
    head_.fields.push_back({name, value});
  }

  void on_header_impl(error_code& error) override { error = {}; }
  void on_finish_impl(error_code& error) override { error = {}; }

  // Responses and bodies never get here.
  void on_response_impl(int, view, int, error_code& error) override { error = bh::error::bad_version; }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code& error) override { error = {}; }
  size_t on_body_impl(view, error_code& error) override {
    error = {};
    return 0;
  }
  void on_chunk_header_impl(uint64_t, view, error_code& error) override { error = {}; }
  size_t on_chunk_body_impl(uint64_t, view, error_code& error) override {
    error = {};
    return 0;
  }

  RequestHead& head_;
  bool too_many_fields_ = false;
};

// Where the head ends, or what is wrong with its lines: Beast would wait for more behind a bare LF and
// would join folded fields.
struct Extent {
  size_t bytes = 0;  // 0: the end is not there yet
  const char* fault = nullptr;
};

Extent find_extent(std::string_view text) {
  size_t line = 0;
  while (true) {
    const size_t lf = text.find('\n', line);
    if (lf == std::string_view::npos) return {};
    if (lf == line || text[lf - 1] != '\r') return {0, "a line does not end in CRLF"};
    if (lf == line + 1) return {lf + 1, nullptr};
    if (line != 0 && (text[line] == ' ' || text[line] == '\t')) return {0, "a field is folded"};
    line = lf + 1;
  }
}

HeadError translate(const beast::error_code& error, std::string_view text, bool too_many_fields) {
  if (too_many_fields) return {431, "too many header fields"};
  if (error == bh::error::bad_method) return {400, "the method is malformed"};
  if (error == bh::error::bad_target) return {400, "the request target is malformed"};
  if (error == bh::error::bad_version) {
    // "HTTP/" DIGIT "." DIGIT is a version, only not one that is spoken here.
    const std::string_view line = text.substr(0, text.find("\r\n"));
    const size_t name = line.find(' ', line.find(' ') + 1);
    const auto digit = [&](size_t i) { return line[i] >= '0' && line[i] <= '9'; };
    const bool version = name != std::string_view::npos && line.substr(name).starts_with(" HTTP/") &&
                         line.size() == name + 9 && digit(name + 6) && line[name + 7] == '.' &&
                         digit(name + 8);
    return version ? HeadError{505, "this server speaks HTTP/1.1"}
                   : HeadError{400, "the request line is malformed"};
  }
  if (error == bh::error::bad_content_length) return {400, "Content-Length is invalid"};
  if (error == bh::error::bad_transfer_encoding) return {400, "Transfer-Encoding is invalid"};
  return {400, "a header field is malformed"};
}

bool is_host_char(char c) {
  return c > ' ' && c < 0x7f && std::string_view("\"#/<>?@\\^`{|}").find(c) == std::string_view::npos;
}

// RFC 9112 3.2: exactly one Host with 1.1, and a valid one.
const char* host_fault(const RequestHead& head) {
  const size_t count = count_fields(head.fields, "Host");
  if (count > 1) return "there is more than one Host";
  if (count == 0) return head.version >= 11 ? "Host is missing" : nullptr;
  const std::string_view host = *find_field(head.fields, "Host");
  return std::all_of(host.begin(), host.end(), is_host_char) ? nullptr : "Host is malformed";
}

// RFC 9112 2.2: one empty line before the request line is forgiven.
size_t skipped_before(std::string_view bytes) { return bytes.starts_with("\r\n") ? 2 : 0; }

bool has_path(std::string_view target, std::string_view path) {
  if (!target.starts_with(path)) return false;
  const std::string_view rest = target.substr(path.size());
  return rest.empty() || rest.starts_with('?') || rest == "/" || rest.starts_with("/?");
}

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

ParsedHead parse_head(std::string_view bytes) {
  const size_t skipped = skipped_before(bytes);
  const std::string_view text = bytes.substr(skipped, kHeadBytesMax);
  const Extent extent = find_extent(text);
  if (extent.fault) return HeadError{400, extent.fault};
  if (extent.bytes == 0) {
    if (text.size() == kHeadBytesMax) return HeadError{431, "the header is too large"};
    return HeadIncomplete{};
  }

  RequestHead head;
  head.fields.reserve(16);
  HeadParser parser(head);
  beast::error_code error;
  const size_t used = parser.put({text.data(), extent.bytes}, error);
  if (error) return translate(error, text, parser.too_many_fields());
  if (used != extent.bytes) return HeadError{400, "the header is malformed"};
  head.bytes = skipped + used;
  if (!is_visible_ascii(head.target)) return HeadError{400, "the request target is malformed"};
  if (const char* fault = host_fault(head)) return HeadError{400, fault};
  return head;
}

std::optional<std::string_view> find_field(std::span<const HttpField> fields, std::string_view name) {
  for (const HttpField& field : fields) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

size_t count_fields(std::span<const HttpField> fields, std::string_view name) {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(), [&](const HttpField& field) {
    return equal_ignoring_case(field.name, name);
  }));
}

std::string_view bearer_token(std::span<const HttpField> fields) {
  if (count_fields(fields, "Authorization") != 1) return {};
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view value = trim_blanks(*find_field(fields, "Authorization"));
  if (!equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) return {};
  const std::string_view token = trim_blanks(value.substr(kScheme.size()));
  return token.find_first_of(" \t,") == std::string_view::npos ? token : std::string_view();
}

bool list_has_token(std::span<const HttpField> fields, std::string_view name, std::string_view token) {
  for (const HttpField& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (true) {
      const size_t comma = rest.find(',');
      if (equal_ignoring_case(trim_blanks(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

std::optional<bool> is_request_for(std::string_view bytes, std::string_view path) {
  const std::string_view text = bytes.substr(skipped_before(bytes), kHeadBytesMax);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos && text.size() < kHeadBytesMax) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view rest = line.substr(space + 1);
  return has_path(origin_form(rest.substr(0, rest.find(' '))).target, path);
}

OriginForm origin_form(std::string_view target) {
  if (target.starts_with('/')) return {target, {}};
  const size_t scheme = target.starts_with("http://") ? 7 : target.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return {};
  const std::string_view rest = target.substr(scheme);
  const size_t slash = rest.find('/');
  if (slash == 0 || rest.substr(0, slash).find_first_of("?#@") != std::string_view::npos) return {};
  if (slash == std::string_view::npos) return {"/", rest};
  return {rest.substr(slash), rest.substr(0, slash)};
}

const char* target_fault(const RequestHead& head, const OriginForm& origin) {
  if (origin.target.empty()) return "the request target is malformed";
  const auto host = find_field(head.fields, "Host");
  if (!origin.authority.empty() && host && !equal_ignoring_case(*host, origin.authority))
    return "Host differs from the request target";
  return nullptr;
}

std::variant<BodyFraming, HeadError> body_framing(const RequestHead& head) {
  const size_t lengths = count_fields(head.fields, "Content-Length");
  const size_t encodings = count_fields(head.fields, "Transfer-Encoding");
  if (lengths + encodings == 0) return BodyFraming{};
  // RFC 9112 6.3, 3: a message with both is how requests are smuggled.
  if (lengths + encodings > 1) return HeadError{400, "the length of the body is given more than once"};
  if (encodings == 1) {
    if (head.version < 11) return HeadError{400, "Transfer-Encoding needs HTTP/1.1"};
    if (!equal_ignoring_case(*find_field(head.fields, "Transfer-Encoding"), "chunked")) {
      return HeadError{501, "the only Transfer-Encoding known is chunked"};
    }
    return BodyFraming{BodyFraming::Kind::chunked, 0};
  }
  const std::string_view text = *find_field(head.fields, "Content-Length");
  BodyFraming framing{BodyFraming::Kind::length, 0};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), framing.length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return HeadError{400, "Content-Length is invalid"};
  }
  return framing;
}

}  // namespace gw::http
