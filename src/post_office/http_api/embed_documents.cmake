# cmake -D SOURCE_DIR=docs -D OUTPUT=documents_data.h -P embed_documents.cmake
# Octets and not a string literal: compilers bound the length of those.
function(octets file out)
  file(READ ${file} text HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" text "${text}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

octets(${SOURCE_DIR}/openapi.json openapi)
octets(${SOURCE_DIR}/asyncapi.json asyncapi)
file(WRITE ${OUTPUT} "// Made by embed_documents.cmake from docs/.\n#pragma once\n\n"
  "namespace gw::http_api::documents_data {\n\n"
  "inline constexpr char kOpenapi[] = {\n${openapi}\n};\n\n"
  "inline constexpr char kAsyncapi[] = {\n${asyncapi}\n};\n\n"
  "}  // namespace gw::http_api::documents_data\n")
