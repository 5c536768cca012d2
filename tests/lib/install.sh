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
sed -e 's|<stackdb/db.h>|<stackdb/indexer.h>|' -e '/^int main/,$d' $out/user.c >$out/maker.c
cat >>$out/maker.c <<'EOF'
int main(int argc, char **argv)
{
	struct sdb_index_options options = { .output = argv[2], .force = true };
	struct sdb_index_result result;
	struct sdb_error *error = argc < 3 ? NULL : sdb_index_file(argv[1], &options, &result);

	if (argc < 3 || error != NULL) {
		puts(error ? sdb_error_message(error) : "two arguments");
		sdb_error_free(error);
		return 1;
	}
	printf("%llu symbols\n", (unsigned long long)result.symbols);
	sdb_index_result_free(&result);
	return 0;
}
EOF
check 'a program compiles with the indexer' sh -c \
	"gcc -Wall -Werror $out/maker.c -o $out/maker \$(pkg-config --cflags --libs stackdb-indexer stackdb)"
check 'the compiled program indexes' env LD_LIBRARY_PATH="$libraries" $out/maker /bin/true $out/made.sdb
check 'what it made is read' env LD_LIBRARY_PATH="$libraries" $out/user $out/made.sdb
check 'the indexer exports its own functions only' sh -c \
	"! nm -D --defined-only $libraries/libstackdb-indexer.so | grep -v ' sdb_index_'"
for example in backtrace calls watch; do
	check "docs/examples/$example.c compiles with pkg-config and does what it says" env LD_LIBRARY_PATH="$libraries" \
		STACKDB_STORE=$PWD/$out/example-store python3 tests/lib/examples.py $out/examples $example
done
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
for header in "$prefix"/include/stackdb/*.h; do
	for language in c c++; do
		check "<stackdb/${header##*/}> compiles alone in $language" sh -c \
			"echo '#include <stackdb/${header##*/}>' |
			gcc -x $language -I$prefix/include -Wall -Wextra -Werror -fsyntax-only -"
	done
done
