#include "base/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/hex.h"
#include "base/time.h"

namespace gw::log {
namespace {

constexpr Duration kFlushMax = 1s;
constexpr Duration kFatalStepMax = 500ms;  // to drain what came before, then to write

Format format_in_use = Format::text;
std::atomic<Level> level_in_use = Level::info;
// Null before init(). Never destroyed: others log until the process has gone.
Writer* writer = nullptr;

constexpr const char* name_of(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
    case Level::off: break;
  }
  return "off";
}

// Control characters would let a value forge a line.
template <class Out>
void append_quoted(Out& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                     static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

thread_local const TraceScope* innermost_scope = nullptr;

bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || static_cast<unsigned char>(c) >= 0x7f) return false;
  }
  return true;
}

void append_field(std::string& line, const Field& field, bool json) {
  if (json) {
    line += fmt::format(",\"{}\":", field.key);
    append_quoted(line, field.value);
    return;
  }
  line += fmt::format(" {}=", field.key);
  if (is_plain(field.value)) {
    line += field.value;
  } else {
    append_quoted(line, field.value);
  }
}

void put(std::string_view line) {
  if (writer) return writer->put(line);
  // Before init(); a line that cannot be written has nowhere else to go.
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written <= 0) return;
    line.remove_prefix(static_cast<size_t>(written));
  }
}

// Room for the last line, there before memory ends. What does not fit is cut off.
class FixedLine {
 public:
  using value_type = char;
  static constexpr size_t kSizeMax = 1024;

  void push_back(char c) {
    if (size_ < kSizeMax) bytes_[size_++] = c;
  }
  void append(std::string_view text) {
    for (const char c : text) push_back(c);
  }
  // Its end always fits.
  void end(std::string_view text) {
    size_ = std::min(size_, kSizeMax - text.size());
    append(text);
  }
  std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kSizeMax> bytes_{};
  size_t size_ = 0;
};

void append_fatal(FixedLine& line, const char* event, const char* detail) {
  const bool json = format_in_use == Format::json;
  const std::array<char, 24> now = iso8601_characters(wall_now());
  if (json) line.append("{\"timestamp\":\"");
  line.append({now.data(), now.size()});
  line.append(json ? "\",\"level\":\"fatal\",\"event\":\"" : " fatal ");
  line.append(event);
  line.append(json ? "\",\"detail\":" : " detail=");
  constexpr size_t kDetailMax = 128;  // of which each character may become six
  append_quoted(line, std::string_view(detail).substr(0, kDetailMax));
  line.end(json ? "}\n" : "\n");
}

}  // namespace

TraceScope::TraceScope(std::span<const unsigned char, 16> trace_id, std::span<const unsigned char, 8> span_id)
    : fields_{Field("trace_id", to_hex(trace_id)), Field("span_id", to_hex(span_id))},
      outer_(innermost_scope) {
  innermost_scope = this;
}

TraceScope::~TraceScope() { innermost_scope = outer_; }

void init(const Options& options) {
  format_in_use = options.format;
  set_level(options.level);
  Writer::Options to_stderr;
  to_stderr.on_dropped = [](uint64_t lines) { log::warn("log_lines_dropped", {{"count", lines}}); };
  to_stderr.on_left_out = [](EventLimit::LeftOut left_out) {
    log::warn("log_lines_left_out", {{"of", left_out.event}, {"count", left_out.count}});
  };
  writer = new Writer(std::move(to_stderr));
}

void set_level(Level level) { level_in_use.store(level, std::memory_order_relaxed); }

void flush() {
  if (!writer) return;
  while (const std::optional<EventLimit::LeftOut> left_out = writer->take_left_out()) {
    log::warn("log_lines_left_out", {{"of", left_out->event}, {"count", left_out->count}});
  }
  writer->drain(kFlushMax);
}

Stats stats() { return writer ? writer->stats() : Stats{}; }

bool enabled(Level level) {
  return level >= level_in_use.load(std::memory_order_relaxed) && level != Level::off;
}

namespace {

void write_line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line;
  const bool json = format_in_use == Format::json;
  if (json) {
    line += "{\"timestamp\":\"";
    append_iso8601(line, wall_now());
    line += fmt::format("\",\"level\":\"{}\",\"event\":\"{}\"", name_of(level), event);
  } else {
    append_iso8601(line, wall_now());
    line += fmt::format(" {:<5} {}", name_of(level), event);
  }
  for (const Field& field : fields) append_field(line, field, json);
  if (innermost_scope) {
    for (const Field& field : innermost_scope->fields()) append_field(line, field, json);
  }
  if (json) line += '}';
  line += '\n';
  put(line);
}

}  // namespace

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  // Who asks for debug lines wants all of them.
  if (writer && level > Level::debug && !writer->admits(event, steady_now())) return;
  write_line(level, event, fields);
}

void audit(std::string_view event, std::initializer_list<Field> fields) {
  if (enabled(Level::info)) write_line(Level::info, event, fields);
}

void fatal(const char* event, const char* detail) noexcept {
  static std::atomic<bool> begun = false;
  static std::atomic<bool> said = false;
  if (begun.exchange(true)) {
    // Who returns from here ends the process: not before the line is out.
    for (const TimePoint end = steady_now() + 2 * kFatalStepMax; !said && steady_now() < end;) {
      ::poll(nullptr, 0, 1);
    }
    return;
  }
  if (writer) writer->drain(kFatalStepMax);
  static FixedLine line;
  append_fatal(line, event, detail);
  // A pipe that is writable takes a line of this size whole.
  pollfd writable{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&writable, 1, static_cast<int>(kFatalStepMax / 1ms)) == 1) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.text().data(), line.text().size());
  }
  said = true;
}

}  // namespace gw::log
