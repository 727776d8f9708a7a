// What webhooks may do, and for how long.
#pragma once

#include <string>

#include "base/time.h"
#include "core/circuit_breaker.h"
#include "post_office/webhooks/allowed_host.h"

namespace gw {

struct WebhookOptions {
  AllowedHosts hosts;   // empty: there are no webhooks
  std::string ca_file;  // whose certificates https:// callbacks must have; empty: the system's
  // From the request to its answer's head, and of silence within the answer.
  Duration timeout = 30s;
  size_t attempts = 10;                         // then an envelope is a dead letter
  Duration retry_from = 1s, retry_to = 5min;    // twice as long each time, less up to half of it
  CircuitBreaker::Options circuit = {};         // of each webhook
  size_t calls_max = 256;                       // at a time, of this instance
  Duration answer_max = 1h;                     // from the request to the end of its answer
  Duration old_secret_kept = 24h;               // after another was made
  size_t waiting_max = 64;                      // envelopes that one webhook takes before their turn
  size_t waiting_bytes_max = size_t{16} << 20;  // their bytes
  Duration ack_wait = 30s;                      // after so long an envelope goes to another instance
  std::string version;                          // of this program
};

}  // namespace gw
