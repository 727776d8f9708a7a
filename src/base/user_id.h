// What identity providers call their users: "auth0|5f7c", "did:web:a.example", "o'brien@example.org".
#pragma once

#include <string>
#include <string_view>

namespace gw {

inline constexpr std::string_view kUserIdForm = "1 to 256 bytes of visible UTF-8 without blanks";

// kUserIdForm: no control, blank or invisible character, whatever its script.
bool is_valid_user_id(std::string_view text);

// As a part of a name: what is outside [A-Za-z0-9._@+=-] becomes %XX, byte by byte. Different users stay
// different.
std::string encode_user_id(std::string_view text);

}  // namespace gw
