#include "engine/redis/resp.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <new>

#include "base/assert.h"

namespace gw::redis {
namespace {

constexpr std::string_view kErrorReply = "Redis: ";

void append_header(std::string& out, char kind, size_t number) {
  char header[24];
  header[0] = kind;
  char* end = std::to_chars(header + 1, header + sizeof(header) - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(header, end);
}

// The first word of an error reply; empty: it is none.
std::string_view code_of(const Error& error) {
  const std::string_view detail = error.detail;
  if (!detail.starts_with(kErrorReply)) return {};
  const std::string_view text = detail.substr(kErrorReply.size());
  return text.substr(0, text.find(' '));
}

// --- How hiredis makes its objects: in the memory of a reader, since each for itself was a tenth of a
// message ---

// Null: there is no memory. hiredis is C, and no exception can go through it.
template <class T>
T* take(std::pmr::memory_resource& memory, size_t count) {
  try {
    return static_cast<T*>(memory.allocate(std::max<size_t>(count, 1) * sizeof(T), alignof(T)));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::pmr::memory_resource& memory_of(const redisReadTask* task) {
  return *static_cast<std::pmr::memory_resource*>(task->privdata);
}

redisReply* make_reply(const redisReadTask* task, int type) {
  auto* const reply = take<redisReply>(memory_of(task), 1);
  if (reply == nullptr) return nullptr;
  *reply = redisReply{};
  reply->type = type;
  if (task->parent != nullptr) static_cast<redisReply*>(task->parent->obj)->element[task->idx] = reply;
  return reply;
}

void* make_text(const redisReadTask* task, char* text, size_t size) {
  auto* const copy = take<char>(memory_of(task), size);
  redisReply* const reply = copy != nullptr ? make_reply(task, task->type) : nullptr;
  if (reply == nullptr) return nullptr;
  std::memcpy(copy, text, size);
  reply->str = copy;
  reply->len = size;
  return reply;
}

void* make_array(const redisReadTask* task, int size) {
  const auto count = static_cast<size_t>(size);
  auto* const elements = take<redisReply*>(memory_of(task), count);
  redisReply* const reply = elements != nullptr ? make_reply(task, REDIS_REPLY_ARRAY) : nullptr;
  if (reply == nullptr) return nullptr;
  reply->element = elements;  // each is written before the whole is lent
  reply->elements = count;
  return reply;
}

void* make_integer(const redisReadTask* task, long long value) {
  redisReply* const reply = make_reply(task, REDIS_REPLY_INTEGER);
  if (reply != nullptr) reply->integer = value;
  return reply;
}

void* make_nil(const redisReadTask* task) { return make_reply(task, REDIS_REPLY_NIL); }

redisReplyObjectFunctions& object_functions() {
  static redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, [](void*) {}};
  return functions;
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

ReplyReader::ReplyReader() : reader_(redisReaderCreateWithFunctions(&object_functions())) {
  ASSERT(reader_ != nullptr);
  reader_->privdata = static_cast<std::pmr::memory_resource*>(&memory_);
}

void ReplyReader::Freed::operator()(redisReader* reader) const { redisReaderFree(reader); }

bool ReplyReader::feed(std::string_view bytes) {
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

Result<ReplyReader::Next> ReplyReader::next() {
  if (std::exchange(lent_, false)) memory_.release();
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return Error{Errc::protocol_error, std::string("not the Redis protocol: ") + reader_->errstr};
  }
  lent_ = reply != nullptr;
  return static_cast<Next>(reply);
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
