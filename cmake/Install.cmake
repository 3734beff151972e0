# `make install`: the stripped program, what a connector needs, and the man page and completions,
# which the program prints itself.
install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/sluice"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/examples" DESTINATION "${CMAKE_INSTALL_DATADIR}/sluice")
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/NOTICE"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")

set(printed "${CMAKE_BINARY_DIR}/printed")
install(CODE "
  file(MAKE_DIRECTORY \"${printed}\")
  function(sluice_prints file)
    execute_process(COMMAND \"${CMAKE_BINARY_DIR}/sluice\" \${ARGN}
                    OUTPUT_FILE \"${printed}/\${file}\" COMMAND_ERROR_IS_FATAL ANY)
  endfunction()
  sluice_prints(sluice.1 docs man)
  sluice_prints(sluice.bash completion bash)
  sluice_prints(_sluice completion zsh)")
install(FILES "${printed}/sluice.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${printed}/sluice.bash" RENAME sluice
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${printed}/_sluice" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
