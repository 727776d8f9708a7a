// The tools at work: arguments in, the JSON object of the answer out.
#pragma once

#include <string>
#include <string_view>

#include "net/http/server.h"
#include "post_office/authorized_post_office.h"
#include "post_office/mcp/polls.h"
#include "post_office/mcp/tools.h"

namespace gw::mcp {

struct ToolCall {
  const Tool& tool;
  const ApiKey& key;             // grants the tool's scope
  const http::Request& request;  // used before call() returns
  std::string_view arguments;    // a JSON object, validated
};

class ToolCalls {
 public:
  // Both outlive it.
  ToolCalls(AuthorizedPostOffice& calls, Polls& polls) : calls_(calls), polls_(polls) {}

  // An error is one that the caller can mend: its detail is for a model to read.
  void call(const ToolCall& call, const http::Responder& asker, Done<std::string> done);

 private:
  void get_endpoint(const ToolCall& call, BodyFields& arguments, Done<std::string> done);
  void publish(const ToolCall& call, BodyFields& arguments, Done<std::string> done);
  void send(const ToolCall& call, BodyFields& arguments, Done<std::string> done);
  void subscribe(const ToolCall& call, BodyFields& arguments, const http::Responder& asker,
                 Done<std::string> done);

  AuthorizedPostOffice& calls_;
  Polls& polls_;
};

}  // namespace gw::mcp
