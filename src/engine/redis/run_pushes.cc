#include "engine/redis/run_pushes.h"

#include <memory>

#include "base/log.h"
#include "engine/redis/run_record.h"
#include "engine/redis/run_refusals.h"
#include "json/json.h"

namespace gw::redis {
namespace {

// Of one audience: those that are over stay among them until somebody looks, so more than are ever told.
constexpr size_t kKept = 4 * RunStore::kPushedMost;
constexpr std::string_view kUser = "user", kSession = "session", kConnection = "connection";

std::string_view kind_of(const RunAudience& audience) {
  using Kind = RunAudience::Kind;
  return audience.kind == Kind::user ? kUser : audience.kind == Kind::session ? kSession : kConnection;
}

std::optional<RunPushed> parse_notice(std::string_view payload) {
  using Kind = RunAudience::Kind;
  const auto object = json::parse_object(payload);
  if (!object) return {};
  const auto text = [&](const char* name) {
    const json::Value* const value = object->find(name);
    return value ? json::as_string(*value).value_or("") : std::string();
  };
  const std::string kind = text("kind");
  RunPushed pushed{text("run_id"), {Kind::user, text("who"), text("tenant_id")}};
  if (kind == kSession) pushed.audience.kind = Kind::session;
  if (kind == kConnection) pushed.audience.kind = Kind::connection;
  const bool is_known = kind == kUser || kind == kSession || kind == kConnection;
  if (!is_known || !is_valid_run_id(pushed.run_id) || pushed.audience.who.empty()) return {};
  return pushed;
}

}  // namespace

RunPushes::RunPushes(const Parts& parts) : parts_(parts) {
  for (const RunPlace& place : parts_.places) {
    place.subscriptions.keep(
        place.keys.run_pushed(),
        [this](std::string_view payload) {
          on_notice(payload);
          return true;
        },
        [this] { on_pushed_({}); });
  }
}

void RunPushes::on_notice(std::string_view payload) {
  if (const auto pushed = parse_notice(payload)) return on_pushed_(*pushed);
  log::warn("redis_message_invalid", {{"channel", parts_.places[0].keys.run_pushed()},
                                      {"reason", "expected a run_id and whose it is"}});
}

void RunPushes::push(const RunPushed& pushed, Done<void> done) {
  const std::string whom = person_digest(pushed.audience);
  const RunPlace& place = parts_.places.of(whom);
  std::string notice;
  json::Writer(notice)
      .begin_object()
      .member("run_id", pushed.run_id)
      .member("kind", kind_of(pushed.audience))
      .member("who", pushed.audience.who.view())
      .member("tenant_id", pushed.audience.tenant_id.view())
      .end_object();
  run_script(place.messages, scripts::push_run,
             {{"list", place.keys.runs_pushed(whom)},
              {"id", pushed.run_id},
              {"most", std::to_string(kKept)},
              {"kept_ms", parts_.index.kept_ms()},
              {"channel", place.keys.run_pushed()},
              {"notice", notice}},
             [done = std::move(done)](const Result<Reply>& told) {
               if (!told) return done(told.error());
               done({});
             });
}

// --- Finding them -----------------------------------------------------------------------------------------

struct RunPushes::Finding {
  const RunPlace& place;  // of the list
  std::string list;
  RunDone<std::vector<std::string>> done;
  std::vector<std::string> run_ids;
  std::vector<bool> is_open;
  size_t waits = 0;
  std::optional<RunRefusal> refusal;
};

void RunPushes::find(const RunAudience& audience, RunDone<std::vector<std::string>> done) {
  const std::string whom = person_digest(audience);
  const RunPlace& place = parts_.places.of(whom);
  const auto finding =
      std::make_shared<Finding>(Finding{place, place.keys.runs_pushed(whom), std::move(done), {}, {}, 0, {}});
  place.messages.command({"ZREVRANGE", finding->list, "0", "-1"}, [this, finding](const Result<Reply>& ids) {
    if (!ids) return finding->done(unavailable(ids.error()));
    look_at(finding, *ids);
  });
}

void RunPushes::look_at(const std::shared_ptr<Finding>& finding, const Reply& ids) {
  for (size_t i = 0; i < ids.size(); ++i) finding->run_ids.emplace_back(ids[i].text());
  finding->waits = finding->run_ids.size();
  finding->is_open.resize(finding->waits);
  if (finding->waits == 0) return finding->done(std::vector<std::string>());
  for (size_t i = 0; i < finding->run_ids.size(); ++i) {
    const RunPlace& place = parts_.places.of(finding->run_ids[i]);
    place.messages.command(
        {"HGET", place.keys.run(finding->run_ids[i]), "state"},
        [this, finding, i](const Result<Reply>& reply) {
          // Where its partition is away it is offered when that is back.
          if (!reply) {
            if (parts_.places.size() == 1) finding->refusal = unavailable(reply.error());
          } else if (const auto status = parse_stored_status(reply->text()); status && !is_over(*status)) {
            finding->is_open[i] = true;
          } else {
            finding->place.messages.command({"ZREM", finding->list, finding->run_ids[i]}, {});
          }
          if (--finding->waits > 0) return;
          if (finding->refusal) return finding->done(*finding->refusal);
          std::vector<std::string> open;
          for (size_t at = 0; at < finding->run_ids.size() && open.size() < RunStore::kPushedMost; ++at)
            if (finding->is_open[at]) open.push_back(finding->run_ids[at]);
          finding->done(std::move(open));
        });
  }
}

}  // namespace gw::redis
