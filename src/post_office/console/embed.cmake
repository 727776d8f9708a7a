# Makes the console one page and the page one C++ header: run as
#   cmake -D SOURCE_DIR=... -D OUTPUT=... -D SCRIPTS=a.js,b.js -P embed.cmake
# The style and the script are the page's only inline blocks; their SHA-256 goes into its policy.

# A Content-Security-Policy wants the hash in base64 (RFC 4648, section 4); CMake gives hexadecimal.
function(hex_to_base64 hex out)
  set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  string(APPEND hex 00)   # 32 octets and one of filling are eleven groups of three
  set(text "")
  foreach(at RANGE 0 60 6)
    string(SUBSTRING ${hex} ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING ${alphabet} ${index} 1 letter)
      string(APPEND text ${letter})
    endforeach()
  endforeach()
  string(SUBSTRING ${text} 0 43 text)
  set(${out} "${text}=" PARENT_SCOPE)
endfunction()

# An HTML parser ends the block at its closing tag, wherever that stands, and turns CRLF into LF
# before hashing.
function(check_block name text)
  string(TOLOWER "${text}" lower)
  if(lower MATCHES "</(script|style)" OR lower MATCHES "<!--" OR lower MATCHES "\r")
    message(FATAL_ERROR "console ${name}: holds a closing tag, a comment mark of HTML or a carriage return")
  endif()
endfunction()

file(READ ${SOURCE_DIR}/index.html page)
file(READ ${SOURCE_DIR}/style.css style)
set(script "")
string(REPLACE "," ";" SCRIPTS "${SCRIPTS}")
foreach(file ${SCRIPTS})
  file(READ ${SOURCE_DIR}/${file} part)
  string(APPEND script "\n// ${file}\n${part}")
endforeach()
check_block(style "${style}")
check_block(script "${script}")

string(SHA256 style_hash "${style}")
string(SHA256 script_hash "${script}")
hex_to_base64(${style_hash} style_hash)
hex_to_base64(${script_hash} script_hash)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")

# Octets and not a string literal: compilers bound the length of those.
file(WRITE ${OUTPUT}.html "${page}")
file(READ ${OUTPUT}.html octets HEX)
file(REMOVE ${OUTPUT}.html)
string(REGEX REPLACE "(................................)" "\\1\n" octets "${octets}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," octets "${octets}")
file(WRITE ${OUTPUT} "// Made by embed.cmake from the console's sources.\n#pragma once\n\n"
  "namespace gw::console_data {\n\n"
  "inline constexpr char kStyleHash[] = \"sha256-${style_hash}\";\n"
  "inline constexpr char kScriptHash[] = \"sha256-${script_hash}\";\n"
  "inline constexpr char kPage[] = {\n${octets}\n};\n\n"
  "}  // namespace gw::console_data\n")
