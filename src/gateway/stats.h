// What the gateway counts. Each shard counts for itself and reports copies; the control loop adds them up.
#pragma once

#include <cstdint>
#include <map>

#include "core/latency_histogram.h"
#include "net/tls_session.h"

namespace gw {

struct ShardStats {
  uint64_t connections_active = 0;
  uint64_t connections_total = 0;
  uint64_t handshakes_refused_total = 0;  // answered with an HTTP status
  uint64_t messages_received_total = 0;   // data messages from clients
  uint64_t messages_sent_total = 0;       // frames put into clients' outboxes
  uint64_t bytes_received_total = 0;
  uint64_t bytes_sent_total = 0;
  uint64_t errors_total = 0;  // error messages sent to clients
  uint64_t rate_pauses_total = 0;
  uint64_t accept_failures_total = 0;           // no file descriptor or memory left
  uint64_t sent_on_total = 0;                   // by a drain
  uint64_t tickets_issued_total = 0;            // to some of those
  std::map<uint16_t, uint64_t> closes_by_code;  // ended connections
  TlsStats tls;

  void add(const ShardStats& other);
};

struct GatewayStats {
  ShardStats shards;
  LatencyHistogram message_latency;  // from a message's arrival to the engine's answer
  uint64_t messages_published_total = 0;
  uint64_t messages_queued_total = 0;
  uint64_t messages_duplicate_total = 0;
  uint64_t messages_rejected_total = 0;  // overloaded or failed
  uint64_t publications_total = 0;
  uint64_t sends_total = 0;
  uint64_t tickets_accepted_total = 0;
  uint64_t tickets_refused_total = 0;  // whose sessions were asked for
  size_t mailbox_items = 0;            // on their way from shards to the control loop
};

}  // namespace gw
