#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/hex.h"
#include "base/time.h"

namespace gw::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger;
  Options options;
};

State make_state() {
  State s{std::make_shared<spdlog::logger>("gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>()), {}};
  s.logger->set_pattern("%v");
  s.logger->set_level(spdlog::level::trace);
  s.logger->flush_on(spdlog::level::trace);
  return s;
}

State& state() {
  static State s = make_state();
  return s;
}

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
void append_quoted(std::string& out, std::string_view value) {
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

}  // namespace

TraceScope::TraceScope(std::span<const unsigned char, 16> trace_id, std::span<const unsigned char, 8> span_id)
    : fields_{Field("trace_id", to_hex(trace_id)), Field("span_id", to_hex(span_id))},
      outer_(innermost_scope) {
  innermost_scope = this;
}

TraceScope::~TraceScope() { innermost_scope = outer_; }

void init(const Options& options) { state().options = options; }

void flush() { state().logger->flush(); }

bool enabled(Level level) { return level >= state().options.level && level != Level::off; }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  std::string line;
  const bool json = state().options.format == Format::json;
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
  state().logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

}  // namespace gw::log
