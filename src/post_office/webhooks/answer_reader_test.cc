// Answers of webhooks, whole and in pieces.
#include "post_office/webhooks/answer_reader.h"

#include <gtest/gtest.h>

#include <numeric>

namespace gw {
namespace {

struct Read {
  std::vector<std::string> pieces;
  std::string fault;  // empty: none
  std::string failure;
  std::string text() const { return std::accumulate(pieces.begin(), pieces.end(), std::string()); }
};

Read read(AnswerForm form, std::string_view body, size_t step, bool is_sure = true) {
  AnswerReader reader(form);
  Read read;
  const auto take = [&] {
    for (std::string& piece : reader.take()) read.pieces.push_back(std::move(piece));
  };
  const auto fault = [&](const Result<void>& result) {
    if (!result) read.fault = to_string(result.error().code);
    return !result;
  };
  for (; !body.empty(); body.remove_prefix(std::min(step, body.size()))) {
    if (fault(reader.put(body.substr(0, step)))) return read;
    take();
  }
  fault(reader.end(is_sure));
  take();
  read.failure = reader.failure().value_or("");
  return read;
}

constexpr size_t kSteps[] = {1, 2, 7, 100'000};

TEST(AnswerReader, KnowsAnAnswerByStatusAndType) {
  EXPECT_EQ(answer_form(200, "text/plain; charset=utf-8"), AnswerForm::text);
  EXPECT_EQ(answer_form(200, "Text/Event-Stream"), AnswerForm::events);
  EXPECT_EQ(answer_form(200, "application/json;x"), AnswerForm::json);
  EXPECT_EQ(answer_form(200, "text/html"), AnswerForm::none);
  EXPECT_EQ(answer_form(200, ""), AnswerForm::none);
  EXPECT_EQ(answer_form(202, "text/plain"), AnswerForm::none);
}

TEST(AnswerReader, TextComesInWholeCharacters) {
  const std::string text = "a€🙂\r\n é";
  for (const size_t step : kSteps) {
    const Read all = read(AnswerForm::text, text, step);
    EXPECT_EQ(all.text(), text);
    EXPECT_EQ(all.fault, "");
  }
  EXPECT_EQ(read(AnswerForm::text, "a\xE2\x82", 1).fault, "protocol_error");
  EXPECT_EQ(read(AnswerForm::text, "a\xFF", 1).fault, "protocol_error");
  EXPECT_EQ(read(AnswerForm::text, "\xED\xA0\x80", 1).fault, "protocol_error");
  EXPECT_EQ(read(AnswerForm::text, "a", 1, false).fault, "unavailable");
}

TEST(AnswerReader, EventsAreTheirData) {
  const std::string body =
      "\xEF\xBB\xBF: hello\nid: 1\ndata: Once\n\ndata:  upon\r\ndata:a\r\rdata\n\nevent: x\ndata: t\n\ndata: "
      "last";
  for (const size_t step : kSteps) {
    const Read all = read(AnswerForm::events, body, step);
    EXPECT_EQ(all.pieces, (std::vector<std::string>{"Once", " upon\na", "t", "last"})) << step;
  }
}

TEST(AnswerReader, AnEventMaySayTheEnd) {
  for (const size_t step : kSteps) {
    for (const char* end : {"data: [DONE]\n\n", "event: end\ndata: x\n\n", "event: end\n\n"}) {
      const Read all =
          read(AnswerForm::events, std::string("data: a\n\n") + end + "data: b\n\n", step, false);
      EXPECT_EQ(all.pieces, std::vector<std::string>{"a"}) << end;
      EXPECT_EQ(all.fault, "");
    }
    const Read failed = read(AnswerForm::events, "data: a\n\nevent: error\ndata: no model\n\n", step, false);
    EXPECT_EQ(failed.failure, "no model");
    EXPECT_EQ(failed.fault, "");
  }
  EXPECT_EQ(read(AnswerForm::events, "data: a\n\n", 1, false).fault, "unavailable");
}

TEST(AnswerReader, AnEventHasABound) {
  const std::string line = "data: " + std::string(1000, 'a') + "\n";
  std::string body;
  while (body.size() < AnswerReader::kEventBytesMax + 5000) body += line;
  EXPECT_EQ(read(AnswerForm::events, body, 4096).fault, "too_large");
  EXPECT_EQ(read(AnswerForm::events, std::string(AnswerReader::kEventBytesMax + 1, 'a'), 4096).fault,
            "too_large");
}

TEST(AnswerReader, JsonIsOneMessage) {
  EXPECT_EQ(read(AnswerForm::json, R"({"message": {"a" : 1e400}})", 3).pieces,
            std::vector<std::string>{R"({"a" : 1e400})"});
  EXPECT_EQ(read(AnswerForm::json, "{}", 1).pieces, std::vector<std::string>{});
  for (const char* body : {"", "[1]", "{", "{\"message\":\"\xFF\"}"})
    EXPECT_EQ(read(AnswerForm::json, body, 1).fault, "protocol_error") << body;
  EXPECT_EQ(read(AnswerForm::json, std::string(AnswerReader::kJsonBytesMax + 1, ' '), 4096).fault,
            "too_large");
}

}  // namespace
}  // namespace gw
