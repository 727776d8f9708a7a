# What `cpack -G DEB` packs: scripts/package runs it. Manual page, completions and settings file are made by the program.

set(package_files ${CMAKE_BINARY_DIR}/package)
set(debian ${CMAKE_SOURCE_DIR}/deploy/debian)
set(GW_MAINTAINER "The authors of websocket-gateway <websocket-gateway@localhost>" CACHE STRING "Who answers for the package")

# The unit of deploy/systemd with the package's paths, and the user that its postinst makes.
file(READ ${CMAKE_SOURCE_DIR}/deploy/systemd/websocket-gateway.service unit)
function(replace_once before after)
  string(REPLACE "${before}" "${after}" text "${unit}")
  if(text STREQUAL unit)
    message(FATAL_ERROR "deploy/systemd/websocket-gateway.service has no ${before}")
  endif()
  set(unit "${text}" PARENT_SCOPE)
endfunction()
string(REGEX REPLACE "^#[^[]*" "" unit "${unit}")
replace_once("[Unit]\n" "[Unit]\nDocumentation=man:websocket-gateway(1)\n")
replace_once("=/usr/local/bin/" "=/usr/bin/")
replace_once("EnvironmentFile=" "# The key, as GATEWAY_API_KEY=...: owner root, mode 0600. Without it only loopback may be listened on.\nEnvironmentFile=-")
# What a variable says, the settings file could not change.
replace_once("Environment=GATEWAY_LOG_FORMAT=json GATEWAY_DRAIN_TIMEOUT=20s\n" "")
# Its user may read the file itself, so that a reload finds what has changed there: a credential is a copy.
replace_once("--config \${CREDENTIALS_DIRECTORY}/settings\nLoadCredential=settings:/etc/websocket-gateway.toml\n"
  "--config /etc/websocket-gateway.toml\nExecReload=/bin/kill -HUP $MAINPID\n")
replace_once("DynamicUser=yes\n" "User=websocket-gateway\nGroup=websocket-gateway\n")
file(CONFIGURE OUTPUT ${package_files}/websocket-gateway.service CONTENT "${unit}" @ONLY)

add_custom_target(package_files VERBATIM
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/lib/package_files.sh $<TARGET_FILE:websocket-gateway> ${package_files}
    ${PROJECT_VERSION} ${GW_MAINTAINER}
  DEPENDS websocket-gateway)

execute_process(COMMAND dpkg-query -W -f \${source:Upstream-Version} opentelemetry-cpp
  OUTPUT_VARIABLE opentelemetry ERROR_QUIET RESULT_VARIABLE elsewhere)
if(elsewhere)
  return()  # not Debian, or not its OpenTelemetry: there is nothing that the package could depend on
endif()

install(TARGETS websocket-gateway RUNTIME DESTINATION usr/bin)
install(FILES ${package_files}/websocket-gateway.toml DESTINATION etc)
install(FILES ${package_files}/websocket-gateway.service DESTINATION lib/systemd/system)
install(FILES ${package_files}/websocket-gateway.1.gz DESTINATION usr/share/man/man1)
install(FILES ${package_files}/websocket-gateway DESTINATION usr/share/bash-completion/completions)
install(FILES ${package_files}/_websocket-gateway DESTINATION usr/share/zsh/vendor-completions)
install(FILES ${debian}/copyright ${package_files}/changelog.gz DESTINATION usr/share/doc/websocket-gateway)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME websocket-gateway)
set(CPACK_PACKAGE_CONTACT "${GW_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "WebSocket gateway between browsers and AI agents
Takes WebSocket connections of browsers, brings what they say to agents, and
what agents answer to them. Agents and back ends speak HTTP, MCP or Redis.
With Redis any number of gateways act as one.")
# Of OpenTelemetry's libraries dpkg-shlibdeps knows no package; their names have no version, so only the one will do.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "adduser, opentelemetry-cpp (>= ${opentelemetry}~), opentelemetry-cpp (<< ${opentelemetry}.1~)")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server | valkey-server")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
