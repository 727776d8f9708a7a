// The commit that this program was built from. cmake/Commit.cmake writes it at each build.
#pragma once

namespace gw {

// Twelve digits, with "-dirty" where files differed from it; empty where the source came without its history.
extern const char* const kCommit;

}  // namespace gw
