// The audit log: calls by which somebody with a key changes something for others, each as one line `api_call`
// (docs/operations/logs.md). A session's id is its token, and never stands in one.
#pragma once

#include <string>
#include <string_view>

#include "core/run_store.h"
#include "core/session.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

class Audit {
 public:
  // `what` is a fixed word; `whom` names what it is about, as far as that is known before the answer.
  Audit(const ApiRequest& call, std::string_view what, std::string whom)
      : key_(*call.key), address_(call.request.remote_address.text()), what_(what), whom_(std::move(whom)) {}

  void done() const { tell("ok"); }
  // What the answer says of it.
  void done(std::string whom) {
    whom_ = std::move(whom);
    done();
  }
  // What has no form has asked for nothing.
  void failed(const Error& error) const {
    if (error.code != Errc::invalid_argument) tell(to_string(error.code));
  }
  void failed(const RunRefusal& refusal) const { tell(to_string(refusal.code)); }

 private:
  void tell(std::string_view result) const;

  const ApiKey& key_;
  const std::string address_;
  const std::string_view what_;
  std::string whom_;
};

inline std::string session_name(const Session& session) { return "session:" + session.ref.str(); }
// What may be told of the session that a path names: its public reference, or nothing.
std::string session_name(std::string_view path_parameter);

}  // namespace gw::http_api
