// Random bytes. secure_* come from the operating system and may name things that must not be guessed;
// fast_* are for sampling and spreading load only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gw {

// Fills from getrandom(2), buffered per thread. Aborts if the kernel refuses: nothing safe is left then.
void secure_random(std::span<unsigned char> out);
// `bytes` random bytes as lower-case hex: 16 give the 128 bits that ids need.
std::string secure_random_hex(size_t bytes);

uint64_t fast_random();

}  // namespace gw
