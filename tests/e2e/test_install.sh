#!/bin/bash
# make install, as a packager and a program that uses the library meet it: staged under DESTDIR, moved elsewhere, found by pkg-config.
# usage: test_install.sh build/foundry SOURCE_DIR
set -euo pipefail
build=$(cd "$(dirname "$1")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

DESTDIR=$dir/stage cmake --install "$build" --prefix /usr/local >"$dir/log"
mv "$dir/stage/usr/local" "$dir/moved"
for file in bin/foundry lib/libfoundry.a lib/pkgconfig/foundry.pc include/foundry/foundry.h share/doc/foundry/LICENSE; do
    [ -e "$dir/moved/$file" ] || { echo "not installed: $file"; exit 1; }
done
[ -z "$(find "$dir/stage" -type f)" ] || { echo "installed outside the prefix:"; find "$dir/stage" -type f; exit 1; }

cat >"$dir/app.c" <<'END'
#include <foundry/foundry.h>
#include <stdio.h>

int main(void)
{
    lf_error err = {0};
    lf_device *device = lf_device_open(NULL, &err);
    if (!device) return 1;
    printf("%s\n%s\n", lf_version(), lf_build_info());
    lf_device_close(&device);
    return device != NULL;
}
END
export PKG_CONFIG_PATH=$dir/moved/lib/pkgconfig
# shellcheck disable=SC2046
cc -std=c17 -Wall -Wextra -Werror -pedantic "$dir/app.c" $(pkg-config --cflags --libs foundry) -o "$dir/app"
"$dir/app" >"$dir/said"
[ "$(head -n 1 "$dir/said")" = "$(pkg-config --modversion foundry)" ] || { echo "version differs: $(cat "$dir/said")"; exit 1; }
grep -q 'commit .*, rungs: .*scalar' "$dir/said" || { echo "build info: $(cat "$dir/said")"; exit 1; }
echo "installed, moved, found, linked: foundry $(head -n 1 "$dir/said")"
