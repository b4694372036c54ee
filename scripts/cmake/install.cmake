# What a host needs, into any prefix; DESTDIR is respected. systemd looks in <prefix>/lib for the prefixes /usr and /usr/local.
include(GNUInstallDirs)

install(TARGETS tracelinkd tracelink RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES systemd/tracelinkd.socket systemd/tracelinkd@.socket DESTINATION lib/systemd/system)
install(FILES systemd/sysusers.d/tracelink.conf DESTINATION lib/sysusers.d)
install(FILES systemd/tmpfiles.d/tracelink.conf DESTINATION lib/tmpfiles.d)
install(FILES README.md CHANGELOG.md LICENSE SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES config/tracelinkd.yaml packaging/alerts.yaml packaging/grafana-dashboard.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The units name the programs by their paths, which are known when they are installed.
install(CODE "set(source \"${PROJECT_SOURCE_DIR}/systemd\")\nset(bindir \"${CMAKE_INSTALL_BINDIR}\")")
install(CODE [[
  foreach(name IN ITEMS tracelinkd.service tracelinkd@.service)
    file(READ "${source}/${name}" unit)
    string(REPLACE "/usr/bin/tracelink" "${CMAKE_INSTALL_PREFIX}/${bindir}/tracelink" unit "${unit}")
    set(target "${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${name}")
    message(STATUS "Installing: $ENV{DESTDIR}${target}")
    file(WRITE "$ENV{DESTDIR}${target}" "${unit}")
  endforeach()
]])
