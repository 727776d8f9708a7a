// Consumer groups of streams.
#include <algorithm>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

struct Found {
  StreamData& stream;
  StreamData::Group& group;
};

Found find_group(Call& call, const std::string& key, const std::string& name, const char* where = "") {
  StreamData* const stream = call.find<StreamData>(key);
  const auto it = stream ? stream->groups.find(name) : std::map<std::string, StreamData::Group>::iterator();
  if (!stream || it == stream->groups.end()) {
    refuse("NOGROUP No such key '" + key + "' or consumer group '" + name + "'" + where);
  }
  return {*stream, it->second};
}

StreamId id_or_refuse(std::string_view text, uint64_t seq_if_missing = 0) {
  if (text == "-") return {};
  if (text == "+") return kLastId;
  const auto id = parse_stream_id(text, seq_if_missing);
  if (!id) refuse("ERR Invalid stream ID specified as stream command argument");
  return *id;
}

// XGROUP CREATE key group id|$ [MKSTREAM]
Answer create_group(Call& call) {
  StreamData* stream = call.find<StreamData>(call[2]);
  const bool may_make = call.is(5, "MKSTREAM");
  if (!stream && !may_make) {
    refuse(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
        "MKSTREAM option to create an empty stream automatically.");
  }
  const bool at_end = call[4] == "$";
  const StreamId given = at_end ? StreamId{} : id_or_refuse(call[4]);
  if (!stream) stream = &call.make<StreamData>(call[2]);
  if (stream->groups.contains(call[3])) refuse("BUSYGROUP Consumer Group name already exists");
  stream->groups[call[3]].last = at_end ? stream->last : given;
  return Answer::status("OK");
}

Answer xgroup(Call& call) {
  if (call.is(1, "CREATE") && call.size() >= 5) return create_group(call);
  StreamData* const stream = call.size() >= 4 ? call.find<StreamData>(call[2]) : nullptr;
  if (!stream) {
    refuse(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
        "MKSTREAM option to create an empty stream automatically.");
  }
  if (call.is(1, "DESTROY")) return stream->groups.erase(call[3]);
  const auto group = stream->groups.find(call[3]);
  if (group == stream->groups.end()) {
    refuse("NOGROUP No such consumer group '" + call[3] + "' for key name '" + call[2] + "'");
  }
  if (call.is(1, "CREATECONSUMER") && call.size() == 5) {
    return static_cast<int64_t>(group->second.consumers.emplace(call[4], call.now).second);
  }
  refuse("ERR the model does not know this subcommand of XGROUP");
}

// New entries for a consumer of a group.
Answers read_new(Call& call, Found found, const std::string& consumer, int64_t count) {
  Answers out;
  auto it = found.stream.entries.upper_bound(found.group.last);
  for (; it != found.stream.entries.end() && static_cast<int64_t>(out.size()) < count; ++it) {
    out.push_back(entry_answer(it->first, it->second));
    found.group.pending[it->first] = {consumer, call.now, 1};
    found.group.last = it->first;
  }
  return out;
}

// What a consumer has open behind `id`.
Answers read_again(Call& call, Found found, const std::string& consumer, const StreamId& id, int64_t count) {
  Answers out;
  for (auto& [entry, pending] : found.group.pending) {
    if (entry <= id || pending.consumer != consumer) continue;
    if (static_cast<int64_t>(out.size()) >= count) break;
    const auto it = found.stream.entries.find(entry);
    if (it == found.stream.entries.end()) {
      out.push_back(Answers{Answer(entry.text()), Answer()});
      continue;
    }
    pending.delivered_at = call.now;
    ++pending.deliveries;
    out.push_back(entry_answer(entry, it->second));
  }
  return out;
}

// XREADGROUP GROUP group consumer [COUNT n] STREAMS key id: it never blocks here.
Answer xreadgroup(Call& call) {
  size_t i = 4;
  int64_t count = INT64_MAX;
  if (call.is(i, "COUNT")) {
    count = call.integer(i + 1);
    if (count <= 0) count = INT64_MAX;
    i += 2;
  }
  if (!call.is(1, "GROUP") || !call.is(i, "STREAMS") || call.size() != i + 3) refuse(kSyntax);
  const std::string &key = call[i + 1], &from = call[i + 2];
  const Found found = find_group(call, key, call[2], " in XREADGROUP with GROUP option");
  const bool is_new = from == ">";
  const StreamId id = is_new ? StreamId{} : id_or_refuse(from);
  const auto& entries_there = found.stream.entries;
  if (is_new && entries_there.upper_bound(found.group.last) == entries_there.end()) return {};
  found.group.consumers[call[3]] = call.now;
  Answers entries =
      is_new ? read_new(call, found, call[3], count) : read_again(call, found, call[3], id, count);
  // Not in braces: compilers differ on whether a list of one list is that list.
  Answers streams;
  streams.push_back(Answers{Answer(key), std::move(entries)});
  return streams;
}

Answer xack(Call& call) {
  std::vector<StreamId> ids;
  for (size_t i = 3; i < call.size(); ++i) ids.push_back(id_or_refuse(call[i]));
  StreamData* const stream = call.find<StreamData>(call[1]);
  const auto group =
      stream ? stream->groups.find(call[2]) : std::map<std::string, StreamData::Group>::iterator();
  if (!stream || group == stream->groups.end()) return int64_t{0};
  int64_t done = 0;
  for (const StreamId& id : ids) done += static_cast<int64_t>(group->second.pending.erase(id));
  return done;
}

Answer pending_summary(const StreamData::Group& group) {
  if (group.pending.empty()) return Answers{Answer(int64_t{0}), Answer(), Answer(), Answer()};
  std::map<std::string, int64_t> held;
  for (const auto& [id, pending] : group.pending) ++held[pending.consumer];
  Answers consumers;
  for (const auto& [name, count] : held) {
    consumers.push_back(Answers{Answer(name), Answer(std::to_string(count))});
  }
  return Answers{Answer(group.pending.size()), Answer(group.pending.begin()->first.text()),
                 Answer(group.pending.rbegin()->first.text()), std::move(consumers)};
}

// XPENDING key group [[IDLE ms] start end count]
Answer xpending(Call& call) {
  const StreamData::Group& group = find_group(call, call[1], call[2]).group;
  if (call.size() == 3) return pending_summary(group);
  size_t i = 3;
  int64_t idle_min = 0;
  if (call.is(i, "IDLE")) {
    idle_min = call.integer(i + 1);
    i += 2;
  }
  if (call.size() != i + 3) refuse(kSyntax);
  const StreamId first = id_or_refuse(call[i]), last = id_or_refuse(call[i + 1], UINT64_MAX);
  const int64_t count = call.integer(i + 2);
  Answers out;
  for (const auto& [id, pending] : group.pending) {
    if (id < first || id > last || static_cast<int64_t>(out.size()) >= count) continue;
    const int64_t idle = call.now - pending.delivered_at;
    if (idle < idle_min) continue;
    out.push_back(
        Answers{Answer(id.text()), Answer(pending.consumer), Answer(idle), Answer(pending.deliveries)});
  }
  return out;
}

// Whoever gets nothing is not seen.
void claim_for(const std::string& consumer, int64_t now, StreamData::Group& group,
               StreamData::Pending& pending, bool counts = true) {
  group.consumers[consumer] = now;
  pending = {consumer, now, pending.deliveries + (counts ? 1 : 0)};
}

// XCLAIM key group consumer min-idle id [id ...] [JUSTID]
Answer xclaim(Call& call) {
  const Found found = find_group(call, call[1], call[2]);
  const int64_t idle_min = call.integer(4, "ERR Invalid min-idle-time argument for XCLAIM");
  std::vector<StreamId> ids;
  const bool just_id = call.is(call.size() - 1, "JUSTID");
  const size_t end = call.size() - (just_id ? 1 : 0);
  for (size_t i = 5; i < end; ++i) ids.push_back(id_or_refuse(call[i]));
  Answers out;
  for (const StreamId& id : ids) {
    const auto it = found.group.pending.find(id);
    if (it == found.group.pending.end()) continue;
    const auto entry = found.stream.entries.find(id);
    if (entry == found.stream.entries.end()) {
      found.group.pending.erase(it);
      continue;
    }
    if (call.now - it->second.delivered_at < idle_min) continue;
    claim_for(call[3], call.now, found.group, it->second, !just_id);
    out.push_back(just_id ? Answer(id.text()) : entry_answer(id, entry->second));
  }
  return out;
}

// XAUTOCLAIM key group consumer min-idle start [COUNT n]
Answer xautoclaim(Call& call) {
  const Found found = find_group(call, call[1], call[2]);
  const int64_t idle_min = call.integer(4, "ERR Invalid min-idle-time argument for XAUTOCLAIM");
  const StreamId start = id_or_refuse(call[5]);
  const int64_t count = call.size() > 7 ? call.integer(7) : 100;
  Answers entries, gone;
  auto it = found.group.pending.lower_bound(start);
  for (int64_t looks = count * 10, left = count; it != found.group.pending.end() && looks > 0 && left > 0;
       --looks) {
    const auto entry = found.stream.entries.find(it->first);
    if (entry == found.stream.entries.end()) {
      gone.emplace_back(it->first.text());
      it = found.group.pending.erase(it);
      --left;
      continue;
    }
    if (call.now - it->second.delivered_at >= idle_min) {
      claim_for(call[3], call.now, found.group, it->second);
      entries.push_back(entry_answer(it->first, entry->second));
      --left;
    }
    ++it;
  }
  const StreamId next = it == found.group.pending.end() ? StreamId{} : it->first;
  return Answers{Answer(next.text()), std::move(entries), std::move(gone)};
}

// Name and value, as XINFO has them.
void add(Answers& out, std::string name, Answer value) {
  out.emplace_back(std::move(name));
  out.push_back(std::move(value));
}

Answer describe(const StreamData& stream) {
  const auto entry = [](const auto& it) { return entry_answer(it->first, it->second); };
  const bool empty = stream.entries.empty();
  Answers out;
  add(out, "length", stream.entries.size());
  add(out, "last-generated-id", stream.last.text());
  add(out, "max-deleted-entry-id", stream.last_deleted.text());
  add(out, "entries-added", static_cast<int64_t>(stream.added));
  add(out, "recorded-first-entry-id", (empty ? StreamId{} : stream.entries.begin()->first).text());
  add(out, "groups", stream.groups.size());
  add(out, "first-entry", empty ? Answer() : entry(stream.entries.begin()));
  add(out, "last-entry", empty ? Answer() : entry(stream.entries.rbegin()));
  return out;
}

Answer xinfo(Call& call) {
  const StreamData* const stream = call.size() > 2 ? call.find<StreamData>(call[2]) : nullptr;
  if (!stream) refuse("ERR no such key");
  if (call.is(1, "STREAM")) return describe(*stream);
  Answers out;
  if (call.is(1, "GROUPS")) {
    for (const auto& [name, group] : stream->groups) {
      Answers one;
      add(one, "name", name);
      add(one, "consumers", group.consumers.size());
      add(one, "pending", group.pending.size());
      add(one, "last-delivered-id", group.last.text());
      out.push_back(std::move(one));
    }
    return out;
  }
  if (!call.is(1, "CONSUMERS") || call.size() != 4) refuse(kSyntax);
  const auto group = stream->groups.find(call[3]);
  if (group == stream->groups.end()) {
    refuse("NOGROUP No such consumer group '" + call[3] + "' for key name '" + call[2] + "'");
  }
  for (const auto& [name, seen_at] : group->second.consumers) {
    Answers one;
    add(one, "name", name);
    add(one, "pending",
        std::count_if(group->second.pending.begin(), group->second.pending.end(),
                      [&name = name](const auto& pending) { return pending.second.consumer == name; }));
    add(one, "idle", call.now - seen_at);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::span<const Command> group_commands() {
  static constexpr Command kCommands[] = {
      {"xgroup", xgroup, -2, true}, {"xreadgroup", xreadgroup, -7, true},
      {"xack", xack, -4, true},     {"xpending", xpending, -3},
      {"xclaim", xclaim, -6, true}, {"xautoclaim", xautoclaim, -6, true},
      {"xinfo", xinfo, -2},
  };
  return kCommands;
}

}  // namespace gw::sim
