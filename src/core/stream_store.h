// Interface: the plain streams of all instances (core/run/plain_stream.h). They share names, bounds, logs and
// readers with runs: who reads one asks the run store, with a reach that has streams. Control loop only;
// each `done` is called exactly once, by the memory engine before the call returns.
#pragma once

#include <string>

#include "core/run/plain_stream.h"
#include "core/run_store.h"

namespace gw {

class StreamStore {
 public:
  virtual ~StreamStore() = default;

  // One of the same name and configuration is no error: nothing is done then.
  // exists, resource_exhausted, too_large, unavailable (it may be there).
  virtual void put_stream(NewStream stream, StreamDone<StreamMade> done) = 0;
  // As plain_stream_machine.h says, and not_found, rate_limited, resource_exhausted, unavailable. `known`: as
  // the caller has just read it.
  virtual void append_stream(const RunTail& known, const RunReach& reach, StreamAppend append,
                             StreamDone<StreamAppended> done) = 0;
  virtual void remove_stream(const std::string& id, const RunReach& reach, StreamDone<void> done) = 0;
  // Somebody reads it: its TTL begins anew. Of one whose end is fixed, or that is none: nothing.
  virtual void touch_stream(const RunRecord& record) = 0;
};

}  // namespace gw
