#include "sim/redis/answer.h"

namespace gw::sim {

void Answer::append_to(std::string& out) const {
  switch (kind) {
    case Kind::nil: out += "$-1\r\n"; break;
    case Kind::integer: out += ":" + std::to_string(number) + "\r\n"; break;
    case Kind::bulk: out += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; break;
    case Kind::status: out += "+" + text + "\r\n"; break;
    case Kind::error: out += "-" + text + "\r\n"; break;
    case Kind::array:
      out += "*" + std::to_string(items.size()) + "\r\n";
      for (const Answer& item : items) item.append_to(out);
      break;
  }
}

std::string Answer::shown() const {
  switch (kind) {
    case Kind::nil: return "nil";
    case Kind::integer: return std::to_string(number);
    case Kind::bulk: return "\"" + text + "\"";
    case Kind::status: return "+" + text;
    case Kind::error: return "-" + text;
    case Kind::array: break;
  }
  std::string out = "[";
  for (const Answer& item : items) out += (out.size() == 1 ? "" : ", ") + item.shown();
  return out + "]";
}

}  // namespace gw::sim
