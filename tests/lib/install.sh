# SPDX-License-Identifier: MIT
# Sourced by scripts/test: installs into a directory and uses what is there as a user would.

destination=$PWD/$out/destination
rm -rf "$destination"
DESTDIR=$destination check 'meson install' meson install -C build/gcc --no-rebuild --quiet || return
prefix=$destination$(meson introspect build/gcc --buildoptions |
	python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
libraries=$(dirname "$(find "$destination" -name 'libstackdb.so' | head -1)")
configuration=$(find "$destination" -name stackdb.pc | head -1)
[ -n "$configuration" ] || { fail 'stackdb.pc is installed'; return; }

# pkg-config puts the directory in front of the installed paths itself.
export PKG_CONFIG_PATH=${configuration%/*} PKG_CONFIG_SYSROOT_DIR=$destination
cat >$out/user.c <<'EOF'
#include <stackdb/db.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct sdb_db *db;
	struct sdb_error *error = sdb_db_open(argc > 1 ? argv[1] : "/nonexistent", NULL, &db);

	if (error != NULL) {
		puts(sdb_error_message(error));
		sdb_error_free(error);
		return 1;
	}
	printf("%s: %llu types\n", sdb_db_info(db)->module_name,
	       (unsigned long long)sdb_db_info(db)->types);
	sdb_db_close(db);
	return 0;
}
EOF
check 'a program compiles with pkg-config' sh -c \
	"gcc -Wall -Werror $out/user.c -o $out/user \$(pkg-config --cflags --libs stackdb)"
check 'the installed program indexes' env LD_LIBRARY_PATH="$libraries" \
	"$prefix/bin/stackdb" index --force -o $out/installed.sdb /bin/true
check 'the compiled program reads' env LD_LIBRARY_PATH="$libraries" $out/user $out/installed.sdb
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
for header in "$prefix"/include/stackdb/*.h; do
	for language in c c++; do
		check "<stackdb/${header##*/}> compiles alone in $language" sh -c \
			"echo '#include <stackdb/${header##*/}>' |
			gcc -x $language -I$prefix/include -Wall -Wextra -Werror -fsyntax-only -"
	done
done
