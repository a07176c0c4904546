# What is installed, and the Debian packages made of it by `./dev package`: godwit (the program), godwit-lab
# (guest, suites and data to try and measure it with) and godwit-doc.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME godwit)
set(shared share/godwit)
find_program(GODWIT_GZIP gzip REQUIRED)

install(TARGETS godwit COMPONENT godwit)
install(TARGETS godwit-memory DESTINATION libexec/godwit COMPONENT godwit)
install(FILES ${PROJECT_BINARY_DIR}/godwit.1.gz DESTINATION share/man/man1 COMPONENT godwit)
install(FILES ${PROJECT_BINARY_DIR}/godwit.bash
  DESTINATION share/bash-completion/completions RENAME godwit COMPONENT godwit)
install(DIRECTORY hypervisors DESTINATION ${shared} COMPONENT godwit)
install(FILES package/godwit-exporter.service DESTINATION lib/systemd/system COMPONENT godwit)
install(DIRECTORY package/monitoring DESTINATION ${shared} COMPONENT godwit)
install(FILES ${PROJECT_BINARY_DIR}/web/report.html DESTINATION ${shared} COMPONENT godwit OPTIONAL)

foreach(file IN ITEMS vmlinux initrd.img cmdline)
  install(FILES ${GODWIT_GUEST_IMAGE}/${file} DESTINATION ${shared}/guest COMPONENT lab OPTIONAL)
endforeach()
install(DIRECTORY suites data DESTINATION ${shared} COMPONENT lab)
install(FILES package/lintian-overrides DESTINATION share/lintian/overrides RENAME godwit-lab COMPONENT lab)

install(FILES README.md SECURITY.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md
        DESTINATION share/doc/godwit-doc COMPONENT doc)
install(FILES guest/README.md DESTINATION share/doc/godwit-doc/guest COMPONENT doc)
install(DIRECTORY docs DESTINATION share/doc/godwit-doc COMPONENT doc)

# Each package has its licence and what changed, and the program what it is made of.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
install(FILES ${PROJECT_BINARY_DIR}/package/sbom.json DESTINATION share/doc/godwit COMPONENT godwit OPTIONAL)
set(GODWIT_CONTACT "Godwit maintainers <maintainers@godwit.example>")
set(built ${PROJECT_BINARY_DIR}/package)
execute_process(COMMAND ${GODWIT_GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md
                OUTPUT_FILE ${built}/NEWS.gz)
foreach(component IN ITEMS godwit lab doc)
  set(name godwit-${component})
  if(component STREQUAL godwit)
    set(name godwit)
  endif()
  configure_file(package/changelog ${built}/${name}.changelog)
  execute_process(COMMAND ${GODWIT_GZIP} -9nc ${built}/${name}.changelog
                  OUTPUT_FILE ${built}/${name}.changelog.gz)
  install(FILES package/copyright ${built}/NEWS.gz DESTINATION share/doc/${name} COMPONENT ${component})
  install(FILES ${built}/${name}.changelog.gz DESTINATION share/doc/${name} RENAME changelog.gz
          COMPONENT ${component})
  string(TOUPPER ${component} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION admin)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL godwit lab doc)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "${GODWIT_CONTACT}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_GODWIT_DESCRIPTION
  "predicts, runs and checks live migrations of QEMU/KVM machines\nGodwit tells beforehand how long a live migration will take, how long the\nguest will stand still and how much will be sent, for every technique; runs\nthe one that fits what is wanted; and checks the guest afterwards.")
set(CPACK_DEBIAN_GODWIT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_GODWIT_PACKAGE_DEPENDS "adduser, libcap2-bin")  # for its postinst
set(CPACK_DEBIAN_GODWIT_PACKAGE_RECOMMENDS "qemu-system-x86 (>= 1:8.2), libvirt0")
set(CPACK_DEBIAN_GODWIT_PACKAGE_SUGGESTS "godwit-lab, godwit-doc, libsvm3, libxgboost0")
set(CPACK_DEBIAN_GODWIT_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/package/postinst
    ${PROJECT_SOURCE_DIR}/package/postrm)
set(CPACK_COMPONENT_LAB_DESCRIPTION
  "guest, suites and data to try and measure godwit with\nA small guest with loads, suites of migrations to be measured, and the\nmigrations from which godwit's errors are reckoned.")
set(CPACK_DEBIAN_LAB_PACKAGE_DEPENDS "godwit (= ${PROJECT_VERSION}), qemu-system-x86, iproute2, procps")
set(CPACK_COMPONENT_DOC_DESCRIPTION
  "documentation of godwit\nHow godwit is built, what it promises and how good it is, with the figures\nand the commands that repeat them.")
set(CPACK_DEBIAN_DOC_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_DOC_PACKAGE_SECTION doc)
include(CPack)
