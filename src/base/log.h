// Structured lines on standard error: time, level, event, then key=value pairs (or JSON, one object a line).
// State changes are logged, messages are not; never a payload, never a token. Logging never waits
// (base/log_writer.h), and above level debug one event has a bound (base/log_limit.h).
#pragma once

#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/log_writer.h"

namespace gw::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

struct Options {
  Level level = Level::info;
  Format format = Format::text;
};

// Call once, before other threads start: from then on a thread writes what is logged. Before, each line is
// written at once.
void init(const Options& options);
// At any time, from any thread.
void set_level(Level level);
// Before an exit: tells what was left out, and waits until all is written, but no longer than a second.
void flush();
Stats stats();

bool enabled(Level level);

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  template <class T>
  requires std::is_arithmetic_v<T> Field(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

// While it lives, every line that this thread writes also has `trace_id` and `span_id`. They nest.
class [[nodiscard]] TraceScope {
 public:
  TraceScope(std::span<const unsigned char, 16> trace_id, std::span<const unsigned char, 8> span_id);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  const std::array<Field, 2>& fields() const { return fields_; }

 private:
  const std::array<Field, 2> fields_;
  const TraceScope* const outer_;
};

// `event` is a fixed snake_case word that people grep for: log::info("instance_ready", {{"url", url}}).
void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

// Who did what: level info, and never left out for the number of its lines.
void audit(std::string_view event, std::initializer_list<Field> fields);

// The last line before an abnormal end, whoever else logs after it. It waits for a bounded time, allocates
// nothing, and may be called in a signal handler.
void fatal(const char* event, const char* detail) noexcept;
// From now on an exception that nobody catches, and a signal that means a fault, are logged as fatal.
void log_faults();

}  // namespace gw::log
