# `make install`: the stripped program, its man page and its completions, which it prints itself.
install(CODE "set(CMAKE_INSTALL_DO_STRIP ON)")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/sluice"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/examples" OPTIONAL
        DESTINATION "${CMAKE_INSTALL_DATADIR}/sluice")
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/NOTICE"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)
