// What one reader of a run is given, in the words of its protocol. A feed (run_feed.h) says when.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/run/run.h"
#include "net/http/server.h"
#include "post_office/http_api/run_events.h"

namespace gw::http_api {

class RunOutlet {
 public:
  virtual ~RunOutlet() = default;

  // Its head. False: nobody waits for it any more, or it has no room for that; it is dropped then.
  virtual bool begin(const Run& run) = 0;
  // Instead of a head.
  virtual void refuse(http::Response response) = 0;

  // --- What the next flush() takes along, in order ---
  // What it has beyond `to` is not in the log, or (`start.loses` is false) only the epoch is another. False:
  // its protocol has no word for that, and it has to come anew.
  virtual bool add_reset(const RunCursor& to, const RunStart& start) = 0;
  // Bytes of the log, whole items where it has lines, and the places around them. `up_to_date`: there is
  // nothing more yet.
  virtual void add_bytes(const RunCursor& from, const RunCursor& after, const RunRecord& run,
                         std::string_view bytes, bool up_to_date) = 0;
  // It has just come, and there is nothing for it.
  virtual void add_nothing(const RunCursor& at, bool up_to_date) = 0;
  virtual void add_end(const Run& run) = 0;

  // False: there is no room for it, or it has gone.
  virtual bool flush() = 0;
  // Of what flush() took and what it has not taken yet.
  virtual size_t unsent_bytes() const = 0;
  virtual void keep_alive() = 0;
  // A clean end.
  virtual void close() = 0;
  // And none: a client takes a clean one for the end of the answer.
  virtual void drop() = 0;
  // Runs once when the reader has gone by itself.
  virtual void on_close(std::function<void()> function) = 0;
};

// As Server-Sent Events.
class SseOutlet : public RunOutlet {
 public:
  explicit SseOutlet(http::Responder responder) : responder_(std::move(responder)) {}
  // Without close() it is no clean end, whoever lets go of it.
  ~SseOutlet() override { stream_.drop(); }

  bool begin(const Run& run) override;
  void refuse(http::Response response) override { responder_.send(std::move(response)); }
  bool flush() override;
  size_t unsent_bytes() const override { return stream_.buffered_bytes() + out_.size(); }
  void keep_alive() override;
  void close() override { stream_.close(); }
  void drop() override { stream_.drop(); }
  void on_close(std::function<void()> function) override { stream_.on_close(std::move(function)); }

 protected:
  // Lines of the head beside those that every stream of events has.
  virtual void add_head(http::Response& head, const Run& run) const = 0;

  std::string out_;

 private:
  http::Responder responder_;
  http::Stream stream_;
};

// In the words of Durable Streams (run_events.h). `stream_cursor`: of its caches, now.
class DurableOutlet final : public SseOutlet {
 public:
  DurableOutlet(http::Responder responder, std::function<uint64_t()> stream_cursor)
      : SseOutlet(std::move(responder)), stream_cursor_(std::move(stream_cursor)) {}

  bool add_reset(const RunCursor& to, const RunStart& start) override;
  void add_bytes(const RunCursor& from, const RunCursor& after, const RunRecord& run, std::string_view bytes,
                 bool up_to_date) override;
  void add_nothing(const RunCursor& at, bool up_to_date) override;
  void add_end(const Run& run) override { append_end_event(out_, run); }

 private:
  void add_head(http::Response& head, const Run& run) const override;

  const std::function<uint64_t()> stream_cursor_;
};

}  // namespace gw::http_api
