#include "net/tls_session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <vector>

#include "net/tls_testing.h"

namespace gw {
namespace {

class TlsSessionTest : public ::testing::Test {
 protected:
  TlsSessionTest() {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own client writes without MSG_NOSIGNAL
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours_.reset(fds[0]);
    theirs_.reset(fds[1]);
  }

  // Both take turns until neither has anything to say. What ours read, and how its last read ended.
  void meet(TlsClient& client, TlsSession& session) {
    for (int turn = 0; turn < 8; ++turn) {
      client.handshake();
      take(session);
    }
  }
  void take(TlsSession& session) {
    last_ = session.read(ours_.get(), room_);
    if (last_.status == IoResult::Status::ok) got_.append(room_.data(), last_.bytes);
    if (session.has_unsent()) session.send_unsent(ours_.get());
  }
  TlsFailure failure_with(TlsClient& client) {
    TlsSession session(context_);
    meet(client, session);
    EXPECT_FALSE(session.is_established());
    EXPECT_TRUE(session.is_over());
    return session.failure();
  }

  const TlsContextPtr context_ = make_tls_context(
      {make_certificate("DNS:a.example"), make_certificate("DNS:b.example,DNS:*.c.example")});
  UniqueFd ours_;
  UniqueFd theirs_;
  std::vector<char> room_ = std::vector<char>(TlsSession::kReadBytes);
  std::string got_;
  IoResult last_;
};

TEST_F(TlsSessionTest, CarriesWhatBothSay) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  ASSERT_TRUE(session.is_established());
  EXPECT_EQ(SSL_version(client.get()), TLS1_3_VERSION);
  EXPECT_TRUE(client.write("ping"));
  take(session);
  EXPECT_EQ(got_, "ping");
  EXPECT_EQ(session.seal(std::string_view("pong")), 4u);
  session.send_unsent(ours_.get());
  EXPECT_EQ(client.read(), "pong");
  TlsStats stats;
  session.count_handshake(stats);
  EXPECT_EQ(stats.tls13_total, 1u);
  EXPECT_EQ(stats.resumed_total, 0u);
}

TEST_F(TlsSessionTest, ShowsTheCertificateOfTheNameThatIsAskedFor) {
  const std::pair<const char*, std::string> cases[] = {{nullptr, "a.example"},
                                                       {"a.example", "a.example"},
                                                       {"B.example", "b.example,*.c.example"},
                                                       {"x.c.example", "b.example,*.c.example"},
                                                       {"x.y.c.example", "a.example"},
                                                       {"unknown.example", "a.example"}};
  for (const auto& [host, names] : cases) {
    TlsClient client(theirs_.get(), host);
    TlsSession session(context_);
    meet(client, session);
    ASSERT_TRUE(session.is_established());
    EXPECT_EQ(client.names_seen(), names) << (host ? host : "no name");
    client.read();  // its ticket
  }
}

TEST_F(TlsSessionTest, RefusesOldVersions) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsClient client(theirs_.get());
    SSL_set_security_level(client.get(), 0);
    SSL_set_cipher_list(client.get(), "ALL:@SECLEVEL=0");
    SSL_set_min_proto_version(client.get(), version);
    SSL_set_max_proto_version(client.get(), version);
    EXPECT_EQ(failure_with(client), TlsFailure::version);
    EXPECT_EQ(client.why_refused(), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  }
}

TEST_F(TlsSessionTest, TakesTls12WithoutTicketsAndNoRenegotiation) {
  TlsClient client(theirs_.get());
  SSL_set_max_proto_version(client.get(), TLS1_2_VERSION);
  TlsSession session(context_);
  meet(client, session);
  ASSERT_TRUE(session.is_established());
  TlsStats stats;
  session.count_handshake(stats);
  EXPECT_EQ(stats.tls12_total, 1u);
  EXPECT_FALSE(SSL_SESSION_has_ticket(SSL_get_session(client.get())));
  EXPECT_EQ(SSL_renegotiate(client.get()), 1);
  client.handshake();
  take(session);
  client.handshake();
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

TEST_F(TlsSessionTest, RefusesWhatItHasNoCipherFor) {
  TlsClient client(theirs_.get());
  SSL_set_max_proto_version(client.get(), TLS1_2_VERSION);
  SSL_set_cipher_list(client.get(), "ECDHE-ECDSA-AES128-SHA256");
  EXPECT_EQ(failure_with(client), TlsFailure::cipher);
}

TEST_F(TlsSessionTest, RefusesOtherProtocols) {
  TlsClient client(theirs_.get());
  const unsigned char offered[] = "\x02h2";
  SSL_set_alpn_protos(client.get(), offered, 3);
  EXPECT_EQ(failure_with(client), TlsFailure::protocol);
}

TEST_F(TlsSessionTest, ChoosesHttp11AmongOthers) {
  TlsClient client(theirs_.get());
  const unsigned char offered[] = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(client.get(), offered, 12);
  TlsSession session(context_);
  meet(client, session);
  EXPECT_TRUE(session.is_established());
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client.get(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

TEST_F(TlsSessionTest, KnowsThatAClientDidNotLikeTheCertificate) {
  TlsClient client(theirs_.get());
  SSL_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
  EXPECT_EQ(failure_with(client), TlsFailure::refused);
}

TEST_F(TlsSessionTest, ResumesByATicketOnAnyThread) {
  SSL_SESSION* kept = nullptr;
  {
    TlsClient client(theirs_.get());
    TlsSession session(context_);
    meet(client, session);
    client.read();
    SSL_shutdown(client.get());  // of one that was cut OpenSSL keeps nothing
    take(session);
    kept = SSL_get1_session(client.get());
  }
  TlsClient client(theirs_.get());
  SSL_set_session(client.get(), kept);
  SSL_SESSION_free(kept);
  TlsSession session(context_);
  meet(client, session);
  TlsStats stats;
  session.count_handshake(stats);
  EXPECT_EQ(stats.resumed_total, 1u);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get_session(client.get())), 0u);  // no 0-RTT
}

TEST_F(TlsSessionTest, TakesBytesThatCameBeforeIt) {
  TlsClient client(theirs_.get());
  client.handshake();
  const IoResult hello = read_some(ours_.get(), room_);
  ASSERT_EQ(hello.status, IoResult::Status::ok);
  EXPECT_TRUE(looks_like_tls({room_.data(), hello.bytes}));
  TlsSession session(context_, std::string(room_.data(), hello.bytes));
  take(session);
  EXPECT_EQ(last_.status, IoResult::Status::again);
  meet(client, session);
  EXPECT_TRUE(session.is_established());
}

// However records and reads are cut: nothing waits inside for a read that no event asks for.
TEST_F(TlsSessionTest, KeepsNothingBackThatIsWhole) {
  const int bytes = 1 << 20;
  for (const int fd : {ours_.get(), theirs_.get()})
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  std::string said;
  for (const size_t size : {1u, 16384u, 7u, 16384u, 16384u, 5000u, 1u, 1u, 16384u}) {
    said += std::string(size, static_cast<char>('a' + said.size() % 26));
    ASSERT_TRUE(client.write(std::string_view(said).substr(said.size() - size)));
  }
  while (true) {
    take(session);
    if (last_.status != IoResult::Status::ok) break;
  }
  EXPECT_EQ(last_.status, IoResult::Status::again);
  EXPECT_EQ(got_, said);
}

TEST_F(TlsSessionTest, TakesRecordsOfOneByteAndBytesOneByOne) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  for (const char c : std::string("one by one")) {
    client.write({&c, 1});
    take(session);
  }
  EXPECT_EQ(got_, "one by one");

  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  UniqueFd near(fds[0]), far(fds[1]);
  client.write("whole");
  SSL_set_fd(client.get(), near.get());
  client.write(" and cut");
  const IoResult record = read_some(far.get(), room_);
  const std::string cut(room_.data(), record.bytes);
  take(session);
  for (const char c : cut) {
    write_some(theirs_.get(), std::string_view(&c, 1));
    take(session);
  }
  EXPECT_EQ(got_, "one by onewhole and cut");
}

TEST_F(TlsSessionTest, SealsOneRecordAtATimeOfManyParts) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  client.read();
  std::string large(20'000, 'x');
  std::string small = "small";
  const std::vector<iovec> parts{{small.data(), small.size()}, {large.data(), large.size()}};
  EXPECT_EQ(session.seal(parts), TlsSession::kSealBytes);
  EXPECT_LE(session.unsent().size(), TlsSession::kSealBytes + 64);
  EXPECT_EQ(session.send_unsent(ours_.get()).status, IoResult::Status::ok);
  EXPECT_FALSE(session.has_unsent());
  const std::string seen = client.read();
  EXPECT_EQ(seen.substr(0, 7), "smallxx");
  EXPECT_EQ(seen.size(), TlsSession::kSealBytes);
}

TEST_F(TlsSessionTest, SaysItsEndOnceAndStillReads) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  session.end();
  const size_t bytes = session.unsent().size();
  session.end();
  EXPECT_EQ(session.unsent().size(), bytes);
  session.send_unsent(ours_.get());
  client.write("last words");
  EXPECT_EQ(client.read(), "closed");
  SSL_shutdown(client.get());
  take(session);
  EXPECT_EQ(got_, "last words");
  EXPECT_TRUE(session.is_over());
}

TEST_F(TlsSessionTest, IsOfNoUseAfterAForgedRecord) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  write_some(theirs_.get(), std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  take(session);
  EXPECT_EQ(last_.status, IoResult::Status::failed);
  EXPECT_TRUE(session.is_over());
  EXPECT_EQ(session.seal(std::string_view("more")), 0u);
}

// Each asks for an answer, which nobody reads.
TEST_F(TlsSessionTest, EndsWhoMakesItAnswerWithoutReading) {
  TlsClient client(theirs_.get());
  TlsSession session(context_);
  meet(client, session);
  int asked = 0;
  for (; asked < 100'000 && !session.is_over(); ++asked) {
    SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED);
    client.handshake();
    session.read(ours_.get(), room_);
  }
  EXPECT_TRUE(session.is_over());
  EXPECT_LE(session.unsent().size(), 128u * 1024);
}

TEST_F(TlsSessionTest, TakesNoHelloWithoutEnd) {
  std::string hello("\x16\x03\x01\x40\x00\x01\x7f\xff\xff", 9);
  hello.resize(5 + 0x4000);
  TlsSession session(context_);
  size_t written = 0;
  while (!session.is_over() && written < (1u << 20)) {
    written += write_some(theirs_.get(), hello).bytes;
    take(session);
    hello.replace(5, 4, std::string(4, '\0'));
  }
  EXPECT_TRUE(session.is_over());
  EXPECT_LT(written, 256u * 1024);
}

TEST(TlsCertificateTest, SaysWhatIsWrongWithItsFiles) {
  const PemPair one = make_certificate("DNS:a.example");
  const PemPair other = make_certificate("DNS:a.example");
  const auto why = [](const std::string& certificate, const std::string& key) {
    const Result<TlsCertificate> made = TlsCertificate::parse(certificate, key);
    return made ? "" : made.error().detail;
  };
  EXPECT_EQ(why(one.certificate, one.key), "");
  EXPECT_EQ(why(one.certificate + other.certificate, one.key), "");
  EXPECT_EQ(why("", one.key), "no certificate in PEM stands in the file of the certificate");
  EXPECT_EQ(why(one.key, one.key), "no certificate in PEM stands in the file of the certificate");
  EXPECT_EQ(why(one.certificate, one.certificate), "no private key in PEM stands in the file of the key");
  EXPECT_EQ(why(one.certificate, other.key), "the key belongs to another certificate");
  BIO* const of_rsa = BIO_new(BIO_s_mem());
  EVP_PKEY* const rsa = EVP_RSA_gen(2048);
  PEM_write_bio_PrivateKey(of_rsa, rsa, nullptr, nullptr, 0, nullptr, nullptr);
  EVP_PKEY_free(rsa);
  EXPECT_EQ(why(one.certificate, pem_text(of_rsa)), "the key belongs to another certificate");
  EXPECT_EQ(why(one.certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", one.key),
            "a certificate behind the first is malformed");
}

TEST(TlsCertificateTest, AsksNobodyForAPassphrase) {
  const PemPair made = make_certificate("DNS:a.example");
  BIO* const plain = BIO_new_mem_buf(made.key.data(), static_cast<int>(made.key.size()));
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(plain, nullptr, nullptr, nullptr);
  BIO* const locked = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(locked, key, EVP_aes_128_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
  EVP_PKEY_free(key);
  BIO_free(plain);
  const auto parsed = TlsCertificate::parse(made.certificate, pem_text(locked));
  EXPECT_EQ(parsed.error().detail, "the key has a passphrase; expected one without");
}

TEST(TlsCertificateTest, KnowsUntilWhenItIsValid) {
  const PemPair over = make_certificate("DNS:a.example", -1);
  const Result<TlsCertificate> made = TlsCertificate::parse(over.certificate, over.key);
  ASSERT_TRUE(made);
  EXPECT_LT(made->valid_until(), wall_now());
  EXPECT_GT(made->valid_until(), wall_now() - std::chrono::hours(25));
  EXPECT_LT(made->valid_from(), made->valid_until());
  EXPECT_EQ(made->fingerprint().size(), 64u);
}

}  // namespace
}  // namespace gw
