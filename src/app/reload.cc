#include "app/reload.h"

#include <filesystem>

#include "base/log.h"
#include "config/reload.h"
#include "post_office/http_api/audit.h"

namespace gw {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return out;
}

void write_list(json::Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name).begin_array();
  for (const std::string& text : texts) writer.value(text);
  writer.end_array();
}

http::Response answer_of(const ReloadOutcome& outcome) {
  std::string body;
  json::Writer writer(body);
  if (outcome.problems.empty()) {
    writer.begin_object().member("success", true);
    write_list(writer, "changed", outcome.changed);
    writer.end_object();
    return http::Response::json(200, std::move(body));
  }
  const Error error{Errc::failed_precondition, "nothing was changed: " + outcome.problems.front()};
  writer.begin_object().member("success", false).member("error", error.detail);
  writer.member("code", to_string(error.code));
  write_list(writer, "problems", outcome.problems);
  writer.end_object();
  http::Response response = http_api::refusal(error);
  response.body = std::move(body);
  return response;
}

}  // namespace

// A pipe has been read to its end, and one that nobody writes to would be waited for.
Reload::Reload(ConfigSources sources, const Config& running, Take take)
    : sources_(std::move(sources)), running_(running), take_(std::move(take)) {
  sources_.read_file = [read = sources_.read_file](const std::string& path) -> Result<std::string> {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
      return Error{Errc::invalid_argument, "is no regular file, and can't be read again"};
    return read(path);
  };
}

ReloadOutcome Reload::run() {
  ReloadOutcome outcome = attempt();
  for (const std::string& problem : outcome.problems) log::error("reload_problem", {{"detail", problem}});
  if (!outcome.problems.empty()) {
    log::error("reload_refused", {{"problems", outcome.problems.size()},
                                  {"hint", "nothing was changed; the gateway runs on as before"}});
  } else {
    log::info("reloaded", {{"changed", joined(outcome.changed)}});
    for (const std::string& warning : running_.warnings) log::warn("setting_warning", {{"detail", warning}});
  }
  return outcome;
}

ReloadOutcome Reload::attempt() {
  LoadedConfig loaded = load_config(sources_);
  if (auto* problems = std::get_if<ConfigProblems>(&loaded)) return {{}, std::move(problems->lines)};
  Config& next = std::get<Config>(loaded);  // whoever only prints does not run
  ConfigChange change = change_between(running_, next);
  if (!change.needs_restart.empty()) return {{}, std::move(change.needs_restart)};
  if (next.instance_id_is_made) next.instance_id = running_.instance_id;
  take_(next);
  return {std::move(change.changed), {}};
}

http_api::Handler serve_reload(std::function<ReloadOutcome()> reload) {
  return [reload = std::move(reload)](http_api::ApiRequest call) {
    const http_api::Audit audit(call, "reload", "instance");
    const ReloadOutcome outcome = reload();
    if (outcome.problems.empty()) {
      audit.done();
    } else {
      audit.failed(Error{Errc::failed_precondition, {}});
    }
    call.responder.send(answer_of(outcome));
  };
}

}  // namespace gw
