#include "engine/redis/resp.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.h"

namespace gw::redis {
namespace {

constexpr std::string_view kErrorReply = "Redis: ";

void append_header(std::string& out, char kind, size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.push_back(kind);
  out.append(digits, end);
  out.append("\r\n");
}

// The first word of an error reply; empty: it is none.
std::string_view code_of(const Error& error) {
  const std::string_view detail = error.detail;
  if (!detail.starts_with(kErrorReply)) return {};
  const std::string_view text = detail.substr(kErrorReply.size());
  return text.substr(0, text.find(' '));
}

}  // namespace

void append_command(std::string& out, std::span<const std::string_view> words) {
  append_header(out, '*', words.size());
  for (const std::string_view word : words) {
    append_header(out, '$', word.size());
    out.append(word).append("\r\n");
  }
}

bool Reply::is_nil() const { return !reply_ || reply_->type == REDIS_REPLY_NIL; }
bool Reply::is_error() const { return reply_ && reply_->type == REDIS_REPLY_ERROR; }
bool Reply::is_array() const { return reply_ && reply_->type == REDIS_REPLY_ARRAY; }
bool Reply::is_integer() const { return reply_ && reply_->type == REDIS_REPLY_INTEGER; }
bool Reply::is_text() const {
  return reply_ && (reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS);
}

int64_t Reply::integer() const { return is_integer() ? reply_->integer : 0; }

std::string_view Reply::text() const {
  return is_text() || is_error() ? std::string_view(reply_->str, static_cast<size_t>(reply_->len))
                                 : std::string_view();
}

size_t Reply::size() const { return is_array() ? reply_->elements : 0; }

Reply Reply::operator[](size_t i) const { return Reply(i < size() ? reply_->element[i] : nullptr); }

ReplyReader::ReplyReader() : reader_(redisReaderCreate()) { ASSERT(reader_ != nullptr); }
ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

bool ReplyReader::feed(std::string_view bytes) {
  return redisReaderFeed(reader_, bytes.data(), bytes.size()) == REDIS_OK;
}

void ReplyReader::Owned::operator()(redisReply* reply) const { freeReplyObject(reply); }

Result<ReplyReader::Next> ReplyReader::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_, &reply) != REDIS_OK) {
    return Error{Errc::protocol_error, std::string("not the Redis protocol: ") + reader_->errstr};
  }
  return Next(static_cast<redisReply*>(reply));
}

std::string_view info_field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const size_t end = info.find("\r\n");
    const std::string_view line = info.substr(0, end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
    info = end == std::string_view::npos ? std::string_view() : info.substr(end + 2);
  }
  return {};
}

Error to_error(std::string_view redis_error) {
  const std::string_view code = redis_error.substr(0, redis_error.find(' '));
  std::string detail(kErrorReply);
  detail += redis_error.substr(0, 200);
  if (code == "NOAUTH" || code == "WRONGPASS") detail += " (check user and password in redis-url)";
  if (code == "NOPERM") detail += " (the Redis user of redis-url lacks a permission)";
  if (code == "OOM") detail += " (Redis is at its maxmemory)";
  if (redis_error.find("max number of clients") != std::string_view::npos) {
    detail += " (raise its maxclients, or see with CLIENT LIST who holds connections)";
  }
  if (code == "CLUSTERDOWN") detail += " (see CLUSTER INFO and CLUSTER NODES on this node)";
  return {Errc::unavailable, std::move(detail)};
}

bool is_refusal(const Error& error) {
  return error.code == Errc::unavailable && error.detail.starts_with(kErrorReply);
}

bool has_moved(const Error& error) { return code_of(error) == "MOVED"; }

bool is_migrating(const Error& error) {
  const std::string_view code = code_of(error);
  return code == "ASK" || code == "TRYAGAIN";
}

bool is_of_the_server(const Error& error) {
  if (!error.detail.starts_with(kErrorReply)) return true;  // no answer at all
  constexpr std::array<std::string_view, 13> kCodes{
      "OOM",         "NOREPLICAS", "MISCONF", "READONLY", "LOADING", "BUSY",    "MASTERDOWN",
      "CLUSTERDOWN", "NOSCRIPT",   "NOAUTH",  "MOVED",    "ASK",     "TRYAGAIN"};
  return std::find(kCodes.begin(), kCodes.end(), code_of(error)) != kCodes.end();
}

}  // namespace gw::redis
