# A toolchain file: builds for 64-bit ARM with Debian's cross compiler; ctest runs the programs under qemu-user.
# FOUNDRY_SYSROOT holds the libraries for that CPU (tools/test-arm64 fills it).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FOUNDRY_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${FOUNDRY_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${FOUNDRY_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${FOUNDRY_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
# The emulator keeps a table of every page: -R bounds the address space that a measuring arena (src/base/arena.c) finds to reserve.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-R;4G;-L;/usr/aarch64-linux-gnu)
