// The bytes of a client, in clear or over TLS: the one place of a shard where that makes a difference.
#pragma once

#include <span>
#include <string_view>

#include "gateway/client_table.h"

namespace gw {

// One read of its socket.
IoResult receive(Client& client, std::span<char> into);

// Of a client that is connected.
bool has_output(Client& client);
// What to write next, into the parts of one send, and how many they are. Over TLS it has left the outbox
// then: one record at most waits beside it. 0: its TLS is of no use any more.
size_t gather_output(Client& client, std::span<iovec> parts);
void take_sent(Client& client, size_t bytes);
// The end of TLS is said before that of the connection, so that nobody takes what he has for cut. False: the
// socket is full.
bool end_tls(Client& client);
// A last answer, with what ends it.
void say_last(Client& client, std::string_view bytes);

// Of a client in its handshake.
bool is_securing(const Client& client);
// The bytes that have come are the beginning.
void begin_tls(Client& client, const TlsContextPtr& context);
// After a read before which its TLS was not established. False: it never will be.
bool advance_tls(Client& client, const IoResult& result, TlsStats& stats);
void count_tls_failure(const Client& client, TlsFailure why, TlsStats& stats);

}  // namespace gw
