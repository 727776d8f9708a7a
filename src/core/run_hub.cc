#include "core/run_hub.h"

#include <algorithm>

namespace gw {

bool RunHub::attach(uint32_t slot, const RunScopePtr& run, const RunCursor& place, State state,
                    uint16_t coalesce_ms, bool is_slow) {
  Seat* seat = find_seat(slot, run->run_id);
  const bool again = seat != nullptr;
  if (!again) {
    Audience& audience = audiences_.try_emplace(run->run_id, Audience{run, {}}).first->second;
    seat = &clients_[slot].seats.emplace_back(Seat{&audience, audience.readers.size()});
    audience.readers.emplace_back();
  }
  Reader& reader = seat->audience->readers[seat->index];
  reader.slot = slot;
  reader.coalesce_ms = coalesce_ms & 0xfff;
  reader.is_slow = is_slow ? 1 : 0;
  reader.place(place);
  reader.state(state);
  return again;
}

RunScopePtr RunHub::detach(uint32_t slot, std::string_view run_id) {
  const Seat* const seat = find_seat(slot, run_id);
  if (!seat) return nullptr;
  RunScopePtr run = seat->audience->run;
  leave(slot, static_cast<size_t>(seat - clients_.at(slot).seats.data()));
  return run;
}

std::vector<RunScopePtr> RunHub::detach_all(uint32_t slot) {
  std::vector<RunScopePtr> runs = runs_of(slot);
  for (const RunScopePtr& run : runs) detach(slot, run->run_id);
  return runs;
}

bool RunHub::reads(uint32_t slot, std::string_view run_id) const {
  return const_cast<RunHub*>(this)->find_seat(slot, run_id) != nullptr;
}

std::vector<RunScopePtr> RunHub::runs_of(uint32_t slot) const {
  std::vector<RunScopePtr> runs;
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return runs;
  for (const Seat& seat : found->second.seats) runs.push_back(seat.audience->run);
  return runs;
}

size_t RunHub::count(uint32_t slot) const {
  const auto found = clients_.find(slot);
  return found == clients_.end() ? 0 : found->second.seats.size();
}

RunHub::Reader* RunHub::find_asked(uint32_t slot, std::string_view run_id, const RunCursor& from) {
  const Seat* const seat = find_seat(slot, run_id);
  if (!seat) return nullptr;
  Reader& reader = seat->audience->readers[seat->index];
  return reader.state() == State::asked && reader.place() == from ? &reader : nullptr;
}

RunHub::Heard RunHub::heard(const Reader& reader, const RunStep& step) {
  if (reader.state() != State::following) return Heard::later;
  const RunCursor& after = step.after;
  switch (step.kind) {
    case RunStep::Kind::delta:
      if (reader.epoch == after.epoch && reader.pos >= after.pos) return Heard::already;
      return reader.epoch == after.epoch && reader.pos == step.from ? Heard::now : Heard::later;
    case RunStep::Kind::reset: return reader.epoch < after.epoch ? Heard::now : Heard::already;
    case RunStep::Kind::end:
      return reader.epoch == after.epoch && reader.pos == after.pos ? Heard::now : Heard::later;
    case RunStep::Kind::moved: return Heard::later;
    case RunStep::Kind::top:
    case RunStep::Kind::gone: break;
  }
  return Heard::now;
}

RunHub::Seat* RunHub::find_seat(uint32_t slot, std::string_view run_id) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return nullptr;
  std::vector<Seat>& seats = found->second.seats;
  const auto seat = std::find_if(seats.begin(), seats.end(),
                                 [&](const Seat& s) { return s.audience->run->run_id == run_id; });
  return seat == seats.end() ? nullptr : &*seat;
}

void RunHub::leave(uint32_t slot, size_t at) {
  Client& client = clients_.at(slot);
  const Seat seat = client.seats[at];
  client.seats.erase(client.seats.begin() + static_cast<ptrdiff_t>(at));
  client.next = 0;
  if (client.seats.empty()) clients_.erase(slot);
  drop_reader(*seat.audience, seat.index);
}

// The last one takes its place: neither search nor shift, however many readers there are.
void RunHub::drop_reader(Audience& audience, size_t index) {
  const size_t last = audience.readers.size() - 1;
  if (index != last) {
    audience.readers[index] = audience.readers[last];
    Seat* const moved = find_seat(audience.readers[index].slot, audience.run->run_id);
    ASSERT(moved && moved->index == last);
    moved->index = index;
  }
  audience.readers.pop_back();
  if (!audience.readers.empty()) return;
  const RunScopePtr run = audience.run;
  audiences_.erase(run->run_id);
}

}  // namespace gw
