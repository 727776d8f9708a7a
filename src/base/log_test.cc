#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace gw::log {
namespace {

using testing::Each;

const TimePoint t0{};

TEST(EventLimit, AdmitsTheFirstOfEachWindowAndTellsTheRestOnce) {
  EventLimit limit;
  uint32_t admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += limit.admits("refused", t0);
  EXPECT_EQ(admitted, EventLimit::kLinesMax);
  EXPECT_TRUE(limit.admits("another", t0));
  EXPECT_FALSE(limit.take_left_out(t0));
  EXPECT_EQ(limit.next_look(), t0 + EventLimit::kWindow);
  const auto left_out = limit.take_left_out(t0 + EventLimit::kWindow);
  ASSERT_TRUE(left_out);
  EXPECT_EQ(left_out->event, "refused");
  EXPECT_EQ(left_out->count, 100 - EventLimit::kLinesMax);
  EXPECT_FALSE(limit.take_left_out(t0 + EventLimit::kWindow));
  EXPECT_FALSE(limit.next_look());
  EXPECT_TRUE(limit.admits("refused", t0 + EventLimit::kWindow));
  EXPECT_EQ(limit.left_out_total(), 100 - EventLimit::kLinesMax);
}

TEST(EventLimit, ANewWindowForgetsNothingThatIsNotTold) {
  EventLimit limit;
  for (uint32_t i = 0; i < EventLimit::kLinesMax + 3; ++i) (void)limit.admits("refused", t0);
  EXPECT_TRUE(limit.admits("refused", t0 + EventLimit::kWindow));
  EXPECT_FALSE(limit.take_left_out(t0 + EventLimit::kWindow));
  EXPECT_EQ(limit.take_left_out(t0 + 2 * EventLimit::kWindow)->count, 3u);
}

// A pipe of one page as the descriptor.
class Reader {
 public:
  Reader() {
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    fcntl(ends_[1], F_SETPIPE_SZ, 4096);
  }
  ~Reader() {
    close(ends_[0]);
    close(ends_[1]);
  }
  int fd() const { return ends_[1]; }
  // Until a line holds `last`.
  std::vector<std::string> lines_until(const std::string& last) {
    std::vector<std::string> lines(1);
    char c = 0;
    while (read(ends_[0], &c, 1) == 1) {
      if (c != '\n') {
        lines.back() += c;
      } else if (lines.back().find(last) != std::string::npos) {
        return lines;
      } else {
        lines.emplace_back();
      }
    }
    return lines;
  }

 private:
  int ends_[2];
};

Writer::Options to(const Reader& reader, size_t buffer_bytes) {
  Writer::Options options;
  options.fd = reader.fd();
  options.buffer_bytes = buffer_bytes;
  return options;
}

TEST(LogWriter, WritesEveryLineInOrder) {
  Reader reader;
  Writer writer(to(reader, 8192));
  for (int i = 0; i < 50; ++i) writer.put("line " + std::to_string(i) + "\n");
  EXPECT_TRUE(writer.drain(10s));
  const std::vector<std::string> lines = reader.lines_until("line 49");
  ASSERT_EQ(lines.size(), 50u);
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i], "line " + std::to_string(i));
}

TEST(LogWriter, NeverWaitsForAReaderAndTellsWhatItDropped) {
  Reader reader;
  Writer* writer = nullptr;
  Writer::Options options = to(reader, 8192);
  options.on_dropped = [&](uint64_t lines) { writer->put("dropped " + std::to_string(lines) + "\n"); };
  Writer made(std::move(options));
  writer = &made;
  const std::string line = std::string(99, 'x') + "\n";
  for (int i = 0; i < 1000; ++i) made.put(line);
  const uint64_t dropped = made.stats().lines_dropped;
  EXPECT_GE(dropped, 700u);
  EXPECT_FALSE(made.drain(1ms));
  // The writer may wake in the middle of it, and then tells it in parts.
  uint64_t told = 0;
  uint64_t written = 0;
  while (told < dropped) {
    const std::vector<std::string> lines = reader.lines_until("dropped");
    written += lines.size() - 1;
    ASSERT_THAT(lines.back(), testing::StartsWith("dropped "));
    told += std::stoull(lines.back().substr(8));
  }
  EXPECT_EQ(told, dropped);
  EXPECT_EQ(written, 1000 - dropped);
  made.put("again\n");
  EXPECT_EQ(reader.lines_until("again").size(), 1u);
}

TEST(LogWriter, TakesLinesOfManyThreads) {
  Reader reader;
  Writer writer(to(reader, 1 << 20));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        writer.put("a line of some length\n");
        (void)writer.admits("event", steady_now());
        (void)writer.stats();
      }
    });
  }
  std::vector<std::string> lines;
  std::thread reading([&] { lines = reader.lines_until("the end"); });
  for (std::thread& thread : threads) thread.join();
  writer.put("the end\n");
  reading.join();
  EXPECT_EQ(lines.size(), 801u);
  lines.pop_back();
  EXPECT_THAT(lines, Each("a line of some length"));
  EXPECT_EQ(writer.stats().lines_left_out, 800 - EventLimit::kLinesMax);
}

TEST(LogFatal, IsOneLineAndNoValueCanForgeAnother) {
  const auto say = [] {
    fatal("out_of_memory", "std::bad_alloc\n2026-01-01T00:00:00.000Z info  forged \"quoted\"");
    fatal("ended_by_signal", "ABRT");
    std::_Exit(1);
  };
  EXPECT_EXIT(say(), testing::ExitedWithCode(1),
              "^[0-9T:.-]+Z fatal out_of_memory detail=\"std::bad_alloc.u000a[^\n]*quoted..\"\n$");
}

TEST(LogFaults, AnExceptionThatNobodyCatchesIsLogged) {
  const auto run = [](auto thrown) {
    log_faults();
    std::thread([&] { throw thrown; }).join();
  };
  EXPECT_EXIT(run(std::bad_alloc()), testing::KilledBySignal(SIGABRT), "fatal out_of_memory");
  EXPECT_EXIT(run(std::runtime_error("so it was")), testing::KilledBySignal(SIGABRT),
              "fatal exception_not_caught detail=\"so it was\"");
  EXPECT_EXIT(run(7), testing::KilledBySignal(SIGABRT), "fatal exception_not_caught");
}

}  // namespace
}  // namespace gw::log
