// A webhook as Redis keeps it: its realm on a line of its own, for the script that counts, then all of it as
// a JSON object.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/webhook_store.h"

namespace gw::redis {

std::string webhook_record(const Webhook& webhook);
// Empty: it is none that this version wrote.
std::optional<Webhook> parse_webhook_record(std::string_view record);

}  // namespace gw::redis
