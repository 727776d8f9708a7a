#include "sim/checker.h"

#include <algorithm>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

constexpr const char* kPrefix = "websocket:";
constexpr Duration kRedeliverAfter = 30s;

struct DeadLetter {
  std::string text;
  std::string group;  // empty: nobody in particular
  std::string inbox_id;
};

std::vector<DeadLetter> dead_letters(const Keyspace& redis, const std::string& channel) {
  std::vector<DeadLetter> dead;
  const auto it = redis.values().find(kPrefix + ("inbox:" + channel) + ":dead");
  if (it == redis.values().end()) return dead;
  for (const auto& [id, fields] : std::get<StreamData>(it->second->data).entries) {
    std::map<std::string, std::string> entry;
    for (size_t i = 0; i + 1 < fields.size(); i += 2) entry[fields[i]] = fields[i + 1];
    const std::string text = entry["envelope"].substr(0, entry["envelope"].find('|'));
    dead.push_back({text, entry["group"], entry["inbox_id"]});
  }
  return dead;
}

// Texts that were put aside, of this group or of nobody in particular.
std::set<std::string> given_up(const Keyspace& redis, const std::string& channel, const std::string& group) {
  std::set<std::string> texts;
  for (const DeadLetter& dead : dead_letters(redis, channel)) {
    if (dead.group.empty() || dead.group == group) texts.insert(dead.text);
  }
  return texts;
}

bool concerns(const AgentDiary& agent, const Sent& sent) {
  return agent.channel == sent.channel && (agent.tenant.empty() || agent.tenant == sent.tenant);
}

// All members of one group on one channel, as one.
struct Listener {
  std::string name;
  AgentDiary diary;
  bool is_group = false;
};

std::vector<Listener> listeners(const Journal& journal) {
  std::map<std::string, Listener> all;
  for (const auto& [name, agent] : journal.agents) {
    const std::string key =
        agent.group.empty() ? name : agent.channel + "/" + agent.tenant + "/" + agent.group;
    Listener& listener = all[key];
    listener.name = key;
    listener.is_group = !agent.group.empty();
    AgentDiary& diary = listener.diary;
    diary.channel = agent.channel;
    diary.group = agent.tenant.empty() ? agent.group : agent.tenant + "/" + agent.group;
    diary.tenant = agent.tenant;
    diary.listens_since = std::min(diary.listens_since, agent.listens_since);
    diary.over_pubsub = agent.over_pubsub;
    diary.gap_at = std::max(diary.gap_at, agent.gap_at);
    diary.anew_at = std::max(diary.anew_at, agent.anew_at);
    diary.losses += agent.losses;
    diary.received.insert(diary.received.end(), agent.received.begin(), agent.received.end());
    diary.acknowledged.insert(agent.acknowledged.begin(), agent.acknowledged.end());
  }
  std::vector<Listener> out;
  for (auto& [key, listener] : all) {
    std::stable_sort(listener.diary.received.begin(), listener.diary.received.end(),
                     [](const Received& a, const Received& b) { return a.at < b.at; });
    out.push_back(std::move(listener));
  }
  return out;
}

// What an event stream without a group need not have had: what came before it was told of a gap; and before
// it came back without having had an event, as if it were new, what somebody else has had.
bool is_excused(const Journal& journal, const Listener& listener, const std::string& text, const Sent& sent) {
  if (listener.is_group) return false;
  const AgentDiary& diary = listener.diary;
  if (sent.sent_at < diary.gap_at) return true;
  return sent.sent_at < diary.anew_at &&
         std::any_of(journal.agents.begin(), journal.agents.end(), [&](const auto& agent) {
           const auto& received = agent.second.received;
           return std::any_of(received.begin(), received.end(),
                              [&](const Received& one) { return one.text == text; });
         });
}

std::string check_nothing_lost(const Journal& journal, const Keyspace& redis, const Listener& listener) {
  std::set<std::string> had;
  for (const Received& received : listener.diary.received) had.insert(received.text);
  const std::set<std::string> dead = given_up(redis, listener.diary.channel, listener.diary.group);
  if (listener.diary.over_pubsub) return {};
  if (journal.memory && listener.diary.losses > 0) return {};
  for (const auto& [text, sent] : journal.sent) {
    if (!concerns(listener.diary, sent)) continue;
    if (sent.ack.empty()) return text + " never had an answer, though all is well again";
    if (sent.sent_at < listener.diary.listens_since || had.contains(text)) continue;
    if (is_excused(journal, listener, text, sent)) continue;
    const bool may_wait = journal.killed.contains(sent.acked_by) || journal.waiting.contains(sent.channel);
    if (sent.ack == "queued" && may_wait) continue;
    if (dead.contains(text)) continue;
    return text + " was acknowledged as " + sent.ack + ", but " + listener.name + " never had it";
  }
  return {};
}

std::string check_not_doubled(const Journal& journal, const Listener& listener) {
  std::map<std::string, std::string> entry_of;  // text -> event id
  std::map<std::string, TimePoint> delivered;   // event id -> the last time
  for (const Received& received : listener.diary.received) {
    if (received.text.starts_with('{')) continue;  // a realm's publication
    const auto sent = journal.sent.find(received.text);
    if (sent == journal.sent.end())
      return received.text + " was never sent, but " + listener.name + " had it";
    const auto [known, first] = entry_of.emplace(received.text, received.event_id);
    if (!first && known->second != received.event_id && sent->second.named && !journal.rolled_back) {
      return received.text + " is in the inbox twice, as " + known->second + " and " + received.event_id +
             ", though its client named itself";
    }
    const auto [last, new_entry] = delivered.emplace(received.event_id, received.at);
    if (new_entry) continue;
    if (listener.is_group && !journal.rolled_back && received.at - last->second < kRedeliverAfter - 1s) {
      return received.event_id + " (" + received.text + ") came to " + listener.name + " again after " +
             format_duration(
                 std::chrono::duration_cast<std::chrono::milliseconds>(received.at - last->second));
    }
    last->second = received.at;
  }
  return {};
}

// Where each text that was sent once stands in the inbox. It may be there twice, and one listener alone may
// have had only the second: what was put aside meanwhile comes to nobody any more. So all that is known
// counts.
std::map<std::string, StreamId> first_entries(const Journal& journal, const Keyspace& redis) {
  std::map<std::string, StreamId> first_entry;
  std::set<std::string> channels;
  const auto add = [&](const std::string& text, const std::string& event_id) {
    const auto id = parse_stream_id(event_id, 0);
    const auto sent = journal.sent.find(text);
    if (!id || sent == journal.sent.end() || sent->second.tries != 1) return;
    const auto [entry, first] = first_entry.emplace(text, *id);
    if (!first) entry->second = std::min(entry->second, *id);
  };
  for (const auto& [name, agent] : journal.agents) {
    channels.insert(agent.channel);
    for (const Received& received : agent.received) add(received.text, received.event_id);
  }
  for (const std::string& channel : channels) {
    for (const DeadLetter& dead : dead_letters(redis, channel)) add(dead.text, dead.inbox_id);
  }
  return first_entry;
}

// What one connection sent, each once, stands in the inbox in that order.
std::string check_order(const Journal& journal, const Keyspace& redis) {
  const std::map<std::string, StreamId> first_entry = first_entries(journal, redis);
  std::map<std::string, std::map<uint64_t, std::string>> by_connection;
  for (const auto& [text, id] : first_entry) {
    const Sent& sent = journal.sent.at(text);
    by_connection[sent.connection][sent.order] = text;
  }
  for (const auto& [connection, texts] : by_connection) {
    const std::string* before = nullptr;
    for (const auto& [order, text] : texts) {
      if (before && first_entry.at(text) < first_entry.at(*before)) {
        return text + " was sent after " + *before + " and stands before it";
      }
      before = &text;
    }
  }
  return {};
}

using Sets = std::map<std::string, std::set<std::string>>;

// Its index, and who is on it.
void add_channel(Sets& sets, const Hash& record, const std::string& channel, const auto& add) {
  add("channel", channel);
  const std::string user = record.at("user_id"), tenant = record.at("tenant_id");
  const std::string instance = record.at("gateway_instance_id");
  if (user.empty()) return;
  sets[std::string(kPrefix).append("tenant:" + tenant).append(":presence:" + channel)].insert(user + " " +
                                                                                              instance);
  sets[std::string(kPrefix).append("gateway:" + instance).append(":presence")].insert(
      std::string(channel).append(" " + tenant).append(" " + user));
}

void add_expected(Sets& sets, const std::string& id, const Hash& record) {
  const auto field = [&](const char* name) { return record.at(name); };
  const auto add = [&](const std::string& kind, const std::string& name) {
    sets[kPrefix + kind + ":" + name + ":connections"].insert(id);
  };
  add("gateway", field("gateway_instance_id"));
  if (!field("session_ref").empty()) add("session", field("session_ref"));
  if (!field("tenant_id").empty()) add("tenant", field("tenant_id"));
  if (!field("user_id").empty()) {
    add("user", field("user_id"));
    add("tenant", field("tenant_id") + ":user:" + field("user_id"));
    sets[std::string(kPrefix) + "users"].insert(field("user_id"));
  }
  const std::string channels = field("channels");
  for (size_t at = 0; at < channels.size();) {
    const size_t end = std::min(channels.find(' ', at), channels.size());
    if (end > at) add_channel(sets, record, channels.substr(at, end - at), add);
    at = end + 1;
  }
}

std::string shown(const std::set<std::string>& set) {
  std::string out;
  for (const std::string& member : set) out += " " + member;
  return out.empty() ? " nothing" : out;
}

}  // namespace

std::string check_messages(const Journal& journal, const Keyspace& redis) {
  if (journal.lossy) return {};
  for (const Listener& listener : listeners(journal)) {
    for (const std::string& wrong :
         {check_not_doubled(journal, listener), check_nothing_lost(journal, redis, listener)}) {
      if (!wrong.empty()) return wrong;
    }
  }
  return check_order(journal, redis);
}

std::string check_answers(const Journal& journal) {
  for (const auto& [text, id] : journal.answers) {
    const auto it = journal.connections.find(id);
    if (it == journal.connections.end()) continue;
    if (it->second.closed_at != TimePoint::max()) continue;  // it has just gone
    if (it->second.heard.count(text) > 1) return text + " came twice to " + id;
  }
  return {};
}

// Whom it did not reach is named in its answer, or told of a gap; else it came, once.
std::string check_publications(const Journal& journal) {
  constexpr Duration kKnown = 1s;     // a subscription has reached the registry
  constexpr Duration kNoticed = 30s;  // a client that has gone was noticed
  for (const auto& [text, published] : journal.published) {
    for (const auto& [id, connection] : journal.connections) {
      const size_t heard = connection.heard.count(text);
      if (heard > 1) return text + " came twice to " + id;
      const bool concerns = connection.channel == published.channel || published.channel == "guide";
      const bool was_there = connection.welcome_at + kKnown < published.asked_at &&
                             connection.closed_at > published.answered_at + kNoticed;
      if (heard == 1 || !concerns || !was_there || published.missed.contains(connection.instance)) continue;
      const bool told =
          std::any_of(connection.gaps.begin(), connection.gaps.end(),
                      [asked_at = published.asked_at](TimePoint gap) { return gap > asked_at; });
      if (!told)
        return text + " was published, did not come to " + id + " of " + connection.instance +
               ", and nobody said so";
    }
  }
  return {};
}

std::string check_registry(const Keyspace& redis, const std::set<std::string>& live,
                           const std::set<std::string>& gateways) {
  const std::string records = std::string(kPrefix) + "connection:";
  Sets expected, found;
  std::set<std::string> known, listed;
  for (const auto& [key, value] : redis.values()) {
    if (key == std::string(kPrefix) + "connections") {
      for (const auto& [member, score] : std::get<SortedSet>(value->data).scores) listed.insert(member);
    } else if (key.starts_with(records)) {
      const std::string id = key.substr(records.size());
      known.insert(id);
      add_expected(expected, id, std::get<Hash>(value->data));
    } else if (key.find(":presence:") != key.npos) {
      for (const auto& [member, score] : std::get<SortedSet>(value->data).scores) found[key].insert(member);
    } else if (key.ends_with(":connections") || key.ends_with(":presence") ||
               key == std::string(kPrefix) + "users") {
      found[key] = std::get<Set>(value->data);
    } else if (key == std::string(kPrefix) + "gateways") {
      const auto& named = std::get<Set>(value->data);
      if (named != gateways) return "gateways are" + shown(gateways) + ", the registry says" + shown(named);
    }
  }
  if (listed != known) return "connections are" + shown(known) + ", listed are" + shown(listed);
  if (known != live) return "connections are" + shown(live) + ", the registry has" + shown(known);
  for (const auto& [key, members] : expected) {
    if (found[key] != members)
      return key + " should hold" + shown(members) + ", and holds" + shown(found[key]);
  }
  for (const auto& [key, members] : found) {
    if (!members.empty() && !expected.contains(key))
      return key + " should not be there, and holds" + shown(members);
  }
  return {};
}

std::string check_nothing_left(const Keyspace& redis, const Journal& journal) {
  // What nobody listens to may stay.
  for (const auto& [name, agent] : journal.agents) {
    const std::string parked = kPrefix + ("channel:" + agent.channel) + ":parked";
    if (agent.tenant.empty() && redis.values().contains(parked))
      return parked + " is left, and " + name + " was there";
  }
  for (const auto& [key, value] : redis.values()) {
    for (const char* const gone : {":lease", ":connections", ":evicted", ":presence", "reaper"}) {
      if (key.ends_with(gone)) return key + " is left after everybody has gone";
    }
    if (key.find(":presence:") != key.npos) return key + " is left after everybody has gone";
    if (key.starts_with(std::string(kPrefix) + "connection:") || key == std::string(kPrefix) + "gateways") {
      return key + " is left after everybody has gone";
    }
    if (const auto* const stream = std::get_if<StreamData>(&value->data)) {
      for (const auto& [name, group] : stream->groups) {
        if (group.pending.empty()) continue;
        const auto& [id, open] = *group.pending.begin();
        return "group " + name + " of " + key + " has open entries at the end: " + id.text() + " of " +
               open.consumer;
      }
    }
  }
  return {};
}

}  // namespace gw::sim
