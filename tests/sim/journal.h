// What clients and agents wrote down themselves: all that the checker believes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"

namespace gw::sim {

// A client's message for agents, from the client's side.
struct Sent {
  std::string client;
  std::string connection;  // that it was first sent on
  uint64_t order = 0;      // on that connection
  std::string channel;
  std::string tenant;
  bool named = false;  // the client names itself: its ids outlive its connections
  int tries = 0;
  TimePoint sent_at;     // first
  std::string ack;       // "published", "queued", "duplicate"; empty: none came
  std::string acked_by;  // the gateway's process
  TimePoint acked_at;
};

// An envelope, from an agent's side.
struct Received {
  std::string text;
  std::string event_id;
  TimePoint at;
};

struct AgentDiary {
  std::string channel;
  std::string group;                           // empty: none
  std::string tenant;                          // empty: all
  TimePoint listens_since = TimePoint::max();  // confirmed, the first time
  std::vector<Received> received;
  std::set<std::string> acknowledged;  // event ids of which the answer said so
  bool over_pubsub = false;            // which keeps nothing
  TimePoint gap_at;                    // the last time that it was told that it may have missed some
  TimePoint anew_at;                   // the last time that it came with no id to go on from
  int losses = 0;                      // times that its connection went
};

// A publication to a channel's clients, from the publisher's side.
struct Published {
  std::string channel;
  TimePoint asked_at;
  TimePoint answered_at;
  std::set<std::string> missed;  // instances
};

struct ConnectionDiary {
  std::string client;
  std::string channel;
  std::string instance;
  TimePoint welcome_at;
  TimePoint closed_at = TimePoint::max();
  std::vector<TimePoint> gaps;
  std::multiset<std::string> heard;  // what came, by its text
};

struct Journal {
  bool memory = false;       // one gateway alone: a group without a member gets nothing
  bool rolled_back = false;  // what groups had read may be read again
  bool lossy = false;        // Redis went back to older data: what it had been told may be gone
  std::set<std::string>
      waiting;                   // channels of which some gateway still holds messages: the inbox has no room
  std::set<std::string> killed;  // gateways' processes that did not end well: what they had queued is lost
  std::map<std::string, Sent> sent;                    // by text
  std::map<std::string, AgentDiary> agents;            // by the agent's name
  std::map<std::string, Published> published;          // by text; those that were answered well
  std::map<std::string, ConnectionDiary> connections;  // by connection id
  std::map<std::string, std::string> answers;          // text -> connection; "sent" was the answer
};

}  // namespace gw::sim
