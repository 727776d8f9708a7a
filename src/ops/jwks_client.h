// The keys of an issuer of JWTs, as it publishes them: a JWK Set (RFC 7517 5) at a URL. They are fetched at
// start, then every few minutes, and when a token names a key that is not among them. While the issuer is
// away the last ones stay good. Redirects are not followed. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/http/client.h"

namespace gw {

struct JwksClientOptions {
  http::ClientOptions client;
  std::string target;                        // path and query
  Duration every = 5min;                     // at most
  Duration least = 10s;                      // between two that tokens have asked for
  size_t waiting_max = 10'000;               // for an answer; who comes then is not waited for
  Duration retry_from = 1s, retry_to = 60s;  // after one that failed, twice as long each time
};

class JwksClient {
 public:
  // Takes a JWK Set, or says what is wrong with it.
  using Take = std::function<Result<void>(std::string_view jwk_set)>;

  JwksClient(EventLoop& loop, JwksClientOptions options, Take take);

  void start();
  // Whether or not it is time for it.
  void fetch_now() {
    if (!is_fetching_) fetch();
  }
  // No known key has signed a token. `done` runs when they were fetched, or at once where that may not be or
  // can't: the issuer is not to be asked as often as anybody likes.
  void refresh(std::function<void(bool is_done)> done);

 private:
  TimePoint may_ask_at() const;
  void fetch_at(TimePoint when);
  void fetch();
  void on_answer(Result<http::ClientResponse> answer);
  Result<void> take(const Result<http::ClientResponse>& answer) const;
  void settle(const Result<void>& taken);

  EventLoop& loop_;
  const JwksClientOptions options_;
  const Take take_;
  http::Client client_;
  EventLoop::Registration timer_;  // of the next fetch
  TimePoint fetch_at_{};
  std::vector<std::function<void(bool)>> waiting_;  // of the fetch that is on its way
  bool is_fetching_ = false;
  bool is_known_bad_ = false;  // and logged
  TimePoint asked_at_{};       // the last time that a token did
  TimePoint away_until_{};     // the last one failed: nobody asks before
  Duration retry_;
};

}  // namespace gw
