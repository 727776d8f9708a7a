#include "core/ticket.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/seal.h"
#include "core/channel_names.h"

namespace gw {
namespace {

constexpr char kVersion = 1;
constexpr size_t kHeadBytes = 5;  // version and period, in clear
constexpr std::string_view kAllChannels = "*";

// Numbers have their high byte first, texts their length in two bytes before them.
class Writer {
 public:
  void number(uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift));
  }
  void text(std::string_view text) {
    number(text.size(), 2);
    out += text;
  }
  void time(WallTime time) { number(static_cast<uint64_t>(time.time_since_epoch().count()), 8); }

  std::string out;
};

// What is not there reads as zero, and is_whole() is false from then on.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(size_t count) {
    if (count > rest_.size()) has_missed_ = true;
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    for (const char byte : take(bytes)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::string_view text() { return take(number(2)); }
  WallTime time() { return WallTime(std::chrono::milliseconds(static_cast<int64_t>(number(8)))); }
  // Nothing was missing, and nothing is left.
  bool is_whole() const { return !has_missed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool has_missed_ = false;
};

std::string names_of(const ChannelTable& table, ChannelSet channels) {
  if (channels == ChannelSet::all()) return std::string(kAllChannels);
  return join_channel_names(table, channels);
}

ChannelSet channels_of(const ChannelTable& table, std::string_view names) {
  if (names == kAllChannels) return ChannelSet::all();
  return parse_channel_names(table, names);
}

}  // namespace

std::string encode_ticket(const ChannelTable& channels, const Ticket& ticket) {
  const Session& session = ticket.session;
  Writer writer;
  writer.out.append(session.key.begin(), session.key.end());
  for (const std::string_view text :
       {std::string_view(session.ref), std::string_view(session.user_id), std::string_view(session.type),
        std::string_view(session.tenant_id), std::string_view(ticket.client_id)})
    writer.text(text);
  writer.text(names_of(channels, session.channels));
  for (const WallTime time : {session.created_at, session.expires_at, ticket.issued_at}) writer.time(time);
  return std::move(writer.out);
}

std::optional<Ticket> decode_ticket(const ChannelTable& channels, std::string_view bytes) {
  Reader reader(bytes);
  Ticket ticket;
  Session& session = ticket.session;
  const std::string_view key = reader.take(session.key.size());
  std::copy(key.begin(), key.end(), session.key.begin());
  session.ref = reader.text();
  session.user_id = reader.text();
  session.type = reader.text();
  session.tenant_id = reader.text();
  ticket.client_id = reader.text();
  session.channels = channels_of(channels, reader.text());
  for (WallTime* const time : {&session.created_at, &session.expires_at, &ticket.issued_at})
    *time = reader.time();
  session.context_json = "{}";
  if (!reader.is_whole()) return std::nullopt;
  return ticket;
}

std::string seal_ticket(const TicketKey& key, const ChannelTable& channels, const Ticket& ticket) {
  Writer head;
  head.out.push_back(kVersion);
  head.number(key.period, 4);
  std::string text = base64url_encode(head.out + seal(key.secret, encode_ticket(channels, ticket), head.out));
  if (text.size() > kTicketBytesMax) text.clear();
  return text;
}

std::optional<uint32_t> period_of_ticket(std::string_view text) {
  if (text.size() > kTicketBytesMax) return std::nullopt;
  const auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() <= kHeadBytes || bytes->front() != kVersion) return std::nullopt;
  return static_cast<uint32_t>(Reader(std::string_view(*bytes).substr(1)).number(4));
}

std::optional<Ticket> open_ticket(const TicketKey& key, const ChannelTable& channels, std::string_view text) {
  if (period_of_ticket(text) != key.period) return std::nullopt;
  const std::string bytes = base64url_decode(text).value_or("");
  const std::string_view head = std::string_view(bytes).substr(0, kHeadBytes);
  const auto plain = unseal(key.secret, std::string_view(bytes).substr(kHeadBytes), head);
  return plain ? decode_ticket(channels, *plain) : std::nullopt;
}

}  // namespace gw
