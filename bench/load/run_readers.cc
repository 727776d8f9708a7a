#include "load/run_readers.h"

#include <algorithm>
#include <stdexcept>

#include "load/clock.h"
#include "load/run_text.h"

namespace gw::bench {

RunReaders::RunReaders(Loop& loop, const Target& target, const RunDialect& dialect, RunAgents& agents,
                       std::vector<std::string> tokens, std::vector<Place> places)
    : loop_(loop),
      dialect_(dialect),
      agents_(agents),
      places_(std::move(places)),
      fleet_(
          loop, target, places_.size(),
          [&target, tokens = std::move(tokens)](size_t i) { return target.subscriber_resource(tokens[i]); }),
      attached_(places_.size(), false) {
  fleet_.on_handshake([this](size_t i) {
    return dialect_.attach(agents_.runs()[i % agents_.runs().size()].name, places_[i].cursor);
  });
  fleet_.through_when([this](WsClient& client, std::string_view message) {
    if (dialect_.is_attached(message)) attached_[client.index()] = true;
    read(client.index(), message);
    return attached_[client.index()] && has_all(client.index());
  });
  fleet_.on_text([this](WsClient& client, std::string_view message) { read(client.index(), message); });
}

bool RunReaders::has_all(size_t reader) const {
  return places_[reader].pos == agents_.runs()[reader % agents_.runs().size()].pos;
}

void RunReaders::read(size_t reader, std::string_view message) {
  const size_t number = reader % agents_.runs().size();
  WrittenRun& run = agents_.runs()[number];
  Place& place = places_[reader];
  dialect_.read(message, [&](const RunPiece& piece) {
    if (piece.from != place.pos || piece.from + piece.text.size() > run.pos ||
        piece.text != run_text(number, piece.from, piece.text.size())) {
      throw std::runtime_error("reader " + std::to_string(reader) + " at " + std::to_string(place.pos) +
                               " was told: " + std::string(message.substr(0, 400)));
    }
    place.pos += piece.text.size();
    message_bytes_ = message.size();
    if (place.pos != run.pos) return;
    latencies_.add(now_ns() - run.said_ns);
    if (run.lacking > 0 && --run.lacking == 0 && on_caught_up_) on_caught_up_(number);
  });
}

void RunReaders::wait_caught_up() {
  loop_.wait_until("what was said at its readers", [this] {
    return std::ranges::all_of(agents_.runs(), [](const WrittenRun& run) { return run.lacking == 0; });
  });
}

}  // namespace gw::bench
