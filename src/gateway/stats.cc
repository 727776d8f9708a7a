#include "gateway/stats.h"

namespace gw {

void ShardStats::add(const ShardStats& other) {
  connections_active += other.connections_active;
  connections_total += other.connections_total;
  handshakes_refused_total += other.handshakes_refused_total;
  messages_received_total += other.messages_received_total;
  messages_sent_total += other.messages_sent_total;
  bytes_received_total += other.bytes_received_total;
  bytes_sent_total += other.bytes_sent_total;
  errors_total += other.errors_total;
  rate_pauses_total += other.rate_pauses_total;
  accept_failures_total += other.accept_failures_total;
  sent_on_total += other.sent_on_total;
  tickets_issued_total += other.tickets_issued_total;
  tls.add(other.tls);
  for (const auto& [code, count] : other.closes_by_code) closes_by_code[code] += count;
}

}  // namespace gw
