// The Redis protocol, RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/): commands are
// written here, replies are read by hiredis. Pure: bytes in, replies out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct redisReader;
struct redisReply;

namespace gw::redis {

// An array of bulk strings: binary safe, so no text can become a command.
void append_command(std::string& out, std::span<const std::string_view> words);

// A reply, lent for the time of a callback.
class Reply {
 public:
  explicit Reply(const redisReply* reply) : reply_(reply) {}

  bool is_nil() const;
  bool is_error() const;
  bool is_array() const;
  bool is_integer() const;
  bool is_text() const;  // a bulk or a simple string
  // Of another kind: 0, "", no elements. What Redis answers is not ours to trust.
  int64_t integer() const;
  std::string_view text() const;  // of an error as well
  size_t size() const;
  Reply operator[](size_t i) const;  // nil past the end

 private:
  const redisReply* reply_;
};

// Splits what arrives into replies.
class ReplyReader {
 public:
  ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // False: out of memory.
  bool feed(std::string_view bytes);
  // Lent until next() is called again.
  using Next = const redisReply*;
  // Null: the next reply has not come whole. protocol_error: not RESP2; nothing more can be read.
  Result<Next> next();

 private:
  struct Freed {
    void operator()(redisReader* reader) const;
  };

  // Of one reply: all its elements and texts, which go together.
  static constexpr size_t kFirstBytes = 4096;
  alignas(std::max_align_t) std::byte first_[kFirstBytes];
  std::pmr::monotonic_buffer_resource memory_{first_, kFirstBytes};
  const std::unique_ptr<redisReader, Freed> reader_;
  bool lent_ = false;  // the last call gave one
};

// A line of what INFO answers; empty: it is not there.
std::string_view info_field(std::string_view info, std::string_view name);

// What an error reply means to a caller; the detail says what to do about it.
Error to_error(std::string_view redis_error);
// A node of a cluster sends who asks elsewhere: another one has the slot.
bool has_moved(const Error& error);
// The slot is on its way to another node, and not all that was asked for is here.
bool is_migrating(const Error& error);
// Redis has answered with an error: it has not done what it was asked.
bool is_refusal(const Error& error);
// The server as a whole fails, not this command on this key: a probe that works says that it is over.
bool is_of_the_server(const Error& error);

}  // namespace gw::redis
