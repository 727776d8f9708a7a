#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "base/log.h"

namespace gw::log {
namespace {

void say_what_ended_it() {
  if (!std::current_exception()) return log::fatal("terminated", "no exception");
  try {
    throw;
  } catch (const std::bad_alloc& e) {
    log::fatal("out_of_memory", e.what());
  } catch (const std::exception& e) {
    log::fatal("exception_not_caught", e.what());
  } catch (...) {
    log::fatal("exception_not_caught", "of an unknown type");
  }
}

[[noreturn]] void on_terminate() {
  say_what_ended_it();
  std::abort();
}

void on_fault(int signal) {
  char name[16] = "SIG";
  if (const char* rest = sigabbrev_np(signal)) std::strncat(name, rest, sizeof(name) - sizeof("SIG"));
  log::fatal("ended_by_signal", name);
  // Its default stands again: this ends the process, with a core where that is wanted.
  raise(signal);
}

}  // namespace

void log_faults() {
  std::set_terminate(on_terminate);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP}) {
    struct sigaction now {};
    // A sanitizer has more to say.
    if (sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_handler = on_fault;
    ours.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal, &ours, nullptr);
  }
}

}  // namespace gw::log
