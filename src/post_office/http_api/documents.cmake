# Included by post_office: the two descriptions of docs/ as one C++ header, made anew when one changes.
set(documents_data ${CMAKE_BINARY_DIR}/generated/post_office/http_api/documents_data.h)
set(documents_script ${CMAKE_CURRENT_SOURCE_DIR}/http_api/embed_documents.cmake)

add_custom_command(
  OUTPUT ${documents_data}
  COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${CMAKE_SOURCE_DIR}/docs -D OUTPUT=${documents_data} -P ${documents_script}
  DEPENDS ${CMAKE_SOURCE_DIR}/docs/openapi.json ${CMAKE_SOURCE_DIR}/docs/asyncapi.json ${documents_script}
  VERBATIM)
target_sources(gw_post_office PRIVATE ${documents_data})
