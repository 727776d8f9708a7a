#include "config/redis_settings.h"

#include <fmt/format.h>

#include "config/kinds.h"
#include "engine/redis/partitioning.h"
#include "engine/redis/url.h"

namespace gw {
namespace {

// Several stand between blanks: an address has commas of its own.
SettingValue redis_urls() {
  SettingValue value;
  value.form = SettingValue::Form::list;
  value.placeholder = "URL";
  value.expected =
      "redis://[user:password@]host[:port][/database], rediss://, redis+unix:///path[?db=N], "
      "redis+sentinel://host[:port][,...]/master[/database][?sentinel_password=P], or "
      "redis+cluster://host[:port][,...]";
  value.secret = true;
  value.take = [](Config& config, std::span<const std::string> texts) {
    std::vector<Refusal> refusals;
    std::vector<std::string> urls;
    for (const std::string& text : texts) {
      std::vector<std::string> some = split_at_blanks(text);
      urls.insert(urls.end(), some.begin(), some.end());
    }
    for (const std::string& url : urls) {
      if (!is_redis_url(url)) refusals.push_back({url, ""});
    }
    if (urls.size() > redis::kPartitionsMax)
      refusals.push_back({"", "expected at most " + std::to_string(redis::kPartitionsMax)});
    if (refusals.empty()) config.redis_urls = std::move(urls);
    return refusals;
  };
  value.show = [](const Config& config) { return config.redis_urls; };
  return value;
}

}  // namespace

void add_redis_settings(std::vector<Setting>& out) {
  const SettingGroup group = SettingGroup::agents;
  out.push_back(
      {"redis-url", group,
       "The server of the redis engine; given several times, or with several addresses between blanks, they "
       "divide everything among them, and all instances need the same ones in the same order; better given "
       "as a variable than as a flag, for its password",
       "", redis_urls()});
  out.push_back({"redis-partitions", group,
                 "Among how many partitions everything is divided on a Redis Cluster; the same on all "
                 "instances",
                 "", kinds::count(&Config::redis_partitions, size_t{1}, redis::kPartitionsMax)});
  out.push_back({"redis-ca-file", group, "Whose certificates a rediss:// server must have", "the system's",
                 kinds::file(&Config::redis_ca_file)});
  out.push_back({"key-prefix", group, "Begins every key and Pub/Sub name in Redis", "",
                 kinds::text(&Config::key_prefix, "PREFIX", "1 to 64 characters A-Z a-z 0-9 . _ : - { }",
                             [](std::string_view text) {
                               return is_key_prefix(text) ? std::optional<std::string>(text) : std::nullopt;
                             })});
}

std::string redis_names(const Config& config) {
  std::string out;
  if (config.redis_urls.empty()) return out;
  const bool is_cluster = redis::Url::parse(config.redis_urls[0])->is_cluster;
  const size_t count = is_cluster ? config.redis_partitions : config.redis_urls.size();
  for (const std::string& channel : config.channels) {
    const size_t partition = redis::partition_of(channel, count);
    const std::string server = redis::Url::parse(config.redis_urls[is_cluster ? 0 : partition])->text();
    const std::string prefix =
        config.key_prefix + (is_cluster ? redis::partition_prefix(partition, count) : std::string());
    out += fmt::format("{} {} {} {}\n", channel, partition, server, prefix);
  }
  return out;
}

}  // namespace gw
