// What framed runs of both protocols begin and end with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/json.h"

namespace gw::protocol {

enum class FramedProtocol : uint8_t { ai_sdk, ag_ui };

struct FramedHead {
  std::string_view run_id = {};
  // Of AG-UI: as its client knows them; empty: the run's id.
  std::string_view thread_id = {}, client_run_id = {};
  std::string_view messages = {};  // a JSON list: what the client had before; empty: it is not known
};

struct FramedEnd {
  enum class How : uint8_t { completed, failed, cancelled };
  How how = How::completed;
  std::string_view code = {}, message = {};  // why
  std::string_view result = {};              // JSON; empty: none
};

// What an attempt consists of so far.
enum class FramedSaid : uint8_t { nothing, text, items };

// One of an agent's items, or of the log's lines, with what both protocols know it by.
struct FramedItem {
  std::string_view line;  // with its line break
  std::string type;
  const json::Object& members;
};
// Of a member that is a string; empty: there is none.
std::string text_of(const json::Object& object, std::string_view member);

// {"type":...}, with members in their order, and a line break once it goes.
class FramedLine {
 public:
  FramedLine(std::string& out, std::string_view type) : out_(out), writer_(out) {
    writer_.begin_object().member("type", type);
  }
  FramedLine(const FramedLine&) = delete;
  FramedLine& operator=(const FramedLine&) = delete;
  ~FramedLine() {
    writer_.end_object();
    out_.push_back('\n');
  }
  FramedLine& text(std::string_view name, std::string_view value) {
    writer_.member(name, value);
    return *this;
  }
  // Left out when it is empty.
  FramedLine& text_if_any(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  FramedLine& raw(std::string_view name, std::string_view json) {
    writer_.key(name).raw(json);
    return *this;
  }

 private:
  std::string& out_;
  json::Writer writer_;
};

}  // namespace gw::protocol
