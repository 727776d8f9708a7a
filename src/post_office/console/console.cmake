# Included by post_office: a changed source of the console makes the page anew.
set(console_dir ${CMAKE_CURRENT_SOURCE_DIR}/console)
# In this order: a constant is written before what uses it while the script is read.
set(console_scripts
  client.js words.js dom.js api.js link.js instances.js log.js run_view.js runs.js meters.js confirm.js rows.js people.js operate.js
  app.js connection.js talk.js start.js)
set(console_page ${CMAKE_BINARY_DIR}/generated/post_office/console/page_data.h)
list(TRANSFORM console_scripts PREPEND ${console_dir}/ OUTPUT_VARIABLE console_sources)
list(JOIN console_scripts "," console_script_list)

add_custom_command(
  OUTPUT ${console_page}
  COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${console_dir} -D OUTPUT=${console_page}
          -D SCRIPTS=${console_script_list} -P ${console_dir}/embed.cmake
  DEPENDS ${console_dir}/index.html ${console_dir}/style.css ${console_sources} ${console_dir}/embed.cmake
  VERBATIM)
target_sources(gw_post_office PRIVATE ${console_page})
