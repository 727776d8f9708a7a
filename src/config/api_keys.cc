#include "config/api_keys.h"

#include <algorithm>

#include "base/hex.h"
#include "base/ids.h"
#include "config/values.h"
#include "post_office/api_keys.h"

namespace gw {
namespace {

const std::vector<std::string> kEntryNames{"realm",    "key",    "key_sha256", "scopes",
                                           "channels", "tenant", "name"};

// What can stand in an Authorization header (RFC 9110, 5.5, without blanks).
bool is_key_text(std::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

template <class Container, class Item>
bool contains(const Container& items, const Item& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string_view> out;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (text.empty()) return out;
    out.push_back(text.substr(0, text.find_first_of(kBlanks)));
    text.remove_prefix(out.back().size());
  }
}

// One [[api_keys]] table, read entry by entry so that every mistake in it is found.
class TableReader {
 public:
  TableReader(const Config& config, std::vector<std::string>& problems)
      : config_(config), problems_(problems) {}

  // Empty when something was wrong with it.
  std::optional<ApiKeyConfig> read(const ApiKeyTable& table) {
    const size_t problems_before = problems_.size();
    for (const FileEntry& entry : table.entries) take(entry);
    if (keys_given_ != 1) problem(table.where, "[[api_keys]]: expected either key or key_sha256");
    if (!realm_given_) problem(table.where, "[[api_keys]]: expected a realm");
    if (!scopes_given_) problem(table.where, "[[api_keys]]: expected scopes, some of " + all_scopes());
    if (problems_.size() != problems_before) return std::nullopt;
    return std::move(key_);
  }

 private:
  void take(const FileEntry& entry) {
    if (entry.key == "realm") return take_realm(entry);
    if (entry.key == "key") return take_key(entry);
    if (entry.key == "key_sha256") return take_digest(entry);
    if (entry.key == "scopes") return take_scopes(entry);
    if (entry.key == "channels") return take_channels(entry);
    if (entry.key == "tenant") return take_name(entry, key_.tenant.emplace());
    if (entry.key == "name") return take_name(entry, key_.name);
    const std::optional<std::string> meant = nearest(entry.key, kEntryNames);
    problem(entry.where, meant ? "unknown; did you mean " + *meant + "?" : "unknown");
  }

  void take_realm(const FileEntry& entry) {
    realm_given_ = true;
    take_name(entry, key_.realm);
  }

  void take_name(const FileEntry& entry, std::string& out) {
    out = entry.is_list ? "" : entry.texts[0];
    if (!is_valid_name(out)) problem(entry.where, "expected 1 to 128 characters A-Z a-z 0-9 . _ @ + = -");
  }

  void take_key(const FileEntry& entry) {
    ++keys_given_;
    const std::string key = entry.is_list ? "" : entry.texts[0];
    if (key.size() < kFileKeyBytesMin || key.size() > kApiKeyBytesMax || !is_key_text(key)) {
      problem(entry.where, "expected 16 to 512 visible ASCII characters without a blank");
    }
    key_.key_sha256 = sha256(key);
  }

  void take_digest(const FileEntry& entry) {
    ++keys_given_;
    if (entry.is_list || !from_hex(entry.texts[0], key_.key_sha256)) {
      problem(entry.where, "expected the 64 hexadecimal digits of the key's SHA-256");
    }
  }

  void take_scopes(const FileEntry& entry) {
    scopes_given_ = true;
    key_.scopes = items(entry);
    if (key_.scopes.empty()) problem(entry.where, "expected some of " + all_scopes());
    for (const std::string& scope : key_.scopes) {
      if (!parse_scope(scope)) problem(entry.where, quote(scope) + ": expected some of " + all_scopes());
    }
  }

  void take_channels(const FileEntry& entry) {
    key_.channels = items(entry);
    if (key_.channels->empty()) problem(entry.where, "expected channels; leave it out for all of them");
    for (const std::string& channel : *key_.channels) {
      if (!contains(config_.channels, channel))
        problem(entry.where, quote(channel) + ": is no configured channel");
    }
  }

  static std::vector<std::string> items(const FileEntry& entry) {
    std::vector<std::string> out;
    for (const std::string& text : entry.texts) {
      for (std::string& item : split_list(text)) {
        if (!contains(out, item)) out.push_back(std::move(item));
      }
    }
    return out;
  }

  static std::string all_scopes() {
    std::string out;
    for (const std::string_view scope : scope_names()) out.append(out.empty() ? "" : ", ").append(scope);
    return out;
  }

  void problem(const std::string& where, const std::string& what) {
    problems_.push_back(where + ": " + what);
  }

  const Config& config_;
  std::vector<std::string>& problems_;
  ApiKeyConfig key_;
  int keys_given_ = 0;
  bool realm_given_ = false;
  bool scopes_given_ = false;
};

}  // namespace

void take_root_keys(std::string_view keys, const std::string& where, Config& config,
                    std::vector<std::string>& problems) {
  const auto is_good = [](std::string_view key) { return key.size() <= kApiKeyBytesMax && is_key_text(key); };
  const std::vector<std::string_view> given = words(keys);
  if (given.empty() || given.size() > kRootKeysMax || !std::all_of(given.begin(), given.end(), is_good)) {
    problems.push_back(
        where + ": expected a key of 1 to 512 visible ASCII characters, or two with a blank between them");
    return;
  }
  for (const std::string_view key : given) {
    config.root_keys.push_back(sha256(key));
    config.root_key_is_short = config.root_key_is_short || key.size() < kFileKeyBytesMin;
  }
}

void take_api_keys(const std::vector<ApiKeyTable>& tables, Config& config,
                   std::vector<std::string>& problems) {
  for (const ApiKeyTable& table : tables) {
    std::optional<ApiKeyConfig> key = TableReader(config, problems).read(table);
    if (!key) continue;
    const auto same = [&](const ApiKeyConfig& other) { return other.key_sha256 == key->key_sha256; };
    if (contains(config.root_keys, key->key_sha256)) {
      problems.push_back(table.where + ": [[api_keys]]: has the key that GATEWAY_API_KEY has");
    } else if (std::any_of(config.api_keys.begin(), config.api_keys.end(), same)) {
      problems.push_back(table.where + ": [[api_keys]]: has the key of an earlier one");
    } else {
      config.api_keys.push_back(std::move(*key));
    }
  }
}

}  // namespace gw
