// A reader that mistook what it reads would find every server right.
#include "load/run_dialect.h"

#include <gtest/gtest.h>

#include "load/run_text.h"

namespace gw::bench {
namespace {

using Pieces = std::vector<std::pair<uint64_t, std::string>>;

Pieces read(const RunDialect& dialect, std::string_view message) {
  Pieces pieces;
  dialect.read(message, [&](const RunPiece& piece) { pieces.emplace_back(piece.from, piece.text); });
  return pieces;
}

TEST(RunText, DiffersFromPlaceToPlaceAndFromRunToRun) {
  const std::string text(run_text(3, 1000, 64));
  EXPECT_EQ(text.size(), 64U);
  EXPECT_EQ(std::string(run_text(3, 1000, 32)) + std::string(run_text(3, 1032, 32)), text);
  EXPECT_NE(run_text(3, 1001, 64), text);
  EXPECT_NE(run_text(3, 1064, 64), text);
  EXPECT_NE(run_text(4, 1000, 64), text);
  EXPECT_EQ(run_text(10'000, 1'048'572, kRunTextMax).size(), kRunTextMax);
}

TEST(GatewayRuns, ReadsWhatStandsWhere) {
  const Target target{.addresses = {}, .dialect = Dialect::gateway, .api_key = "k"};
  const auto runs = make_run_dialect(target, 4);
  EXPECT_EQ(
      read(
          *runs,
          R"({"type":"run","event":"delta","run_id":"r","epoch":1,"from":4,"pos":8,"hash":"h","text":"abcd"})"),
      (Pieces{{4, "abcd"}}));
  EXPECT_EQ(
      read(*runs, R"({"type":"run","event":"snapshot","run_id":"r","epoch":1,"pos":8,"text":"abcdefgh"})"),
      (Pieces{{0, "abcdefgh"}}));
  EXPECT_TRUE(read(*runs, R"({"type":"run","event":"top","run_id":"r","pos":8})").empty());
  for (const char* wrong :
       {R"({"type":"run","event":"delta","from":4,"pos":9,"text":"abcd"})",
        R"({"type":"run","event":"end","pos":9})", R"({"type":"error","code":"unknown_run"})",
        R"({"type":"run","event":"reset","pos":0})"}) {
    EXPECT_THROW(read(*runs, wrong), std::runtime_error) << wrong;
  }
}

TEST(GatewayRuns, TakesTheCursorFromTheAnswer) {
  const Target target{.addresses = {}, .dialect = Dialect::gateway, .api_key = "k"};
  const auto runs = make_run_dialect(target, 4);
  const std::string answer = R"({"success":true,"status":"appended","seq":0,"pos":8,"hash":"00ab"})";
  EXPECT_EQ(runs->attach({.id = "r", .user = {}}, runs->cursor_after(200, answer, 8)),
            R"({"type":"attach","run_id":"r","cursor":"1.8.00ab"})");
  EXPECT_THROW(runs->cursor_after(200, answer, 12), std::runtime_error);
  EXPECT_THROW(runs->cursor_after(429, R"({"code":"rate_limited"})", 8), std::runtime_error);
}

TEST(CentrifugoChannels, ReadsPushesAndWhatWasRecovered) {
  const Target target{.addresses = {}, .dialect = Dialect::centrifugo, .api_key = "k"};
  const auto channels = make_run_dialect(target, 4);
  EXPECT_EQ(read(*channels, R"({"push":{"channel":"runs:r","pub":{"data":"abcd","offset":3}}})"
                            "\n"
                            R"({"push":{"channel":"runs:r","pub":{"data":"efgh","offset":4}}})"),
            (Pieces{{8, "abcd"}, {12, "efgh"}}));
  const std::string recovered =
      R"({"id":2,"subscribe":{"recoverable":true,"epoch":"e","publications":[{"data":"abcd","offset":2}],"recovered":true,"offset":2}})";
  EXPECT_TRUE(channels->is_attached(recovered));
  EXPECT_EQ(read(*channels, recovered), (Pieces{{4, "abcd"}}));
  EXPECT_THROW(read(*channels, R"({"id":2,"error":{"code":103,"message":"permission denied"}})"),
               std::runtime_error);
  EXPECT_EQ(channels->attach({.id = "r", .user = {}},
                             channels->cursor_after(200, R"({"result":{"offset":2,"epoch":"e"}})", 8)),
            R"({"id":2,"subscribe":{"channel":"runs:r","recover":true,"epoch":"e","offset":2}})");
  EXPECT_THROW(channels->cursor_after(200, R"({"error":{"code":100,"message":"internal server error"}})", 8),
               std::runtime_error);
}

}  // namespace
}  // namespace gw::bench
