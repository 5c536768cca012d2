# SPDX-License-Identifier: MIT
# Sourced by scripts/test: builds the fuzz targets, runs what they found before and then each
# for a while, all at the same time.

seconds=${STACKDB_FUZZ_SECONDS:-60}
command -v clang >/dev/null || { skip 'fuzz targets: clang is not installed'; return; }
compile fuzz clang --buildtype=debugoptimized -Dfuzz=true -Dtests=false \
	-Db_sanitize=address,undefined -Db_lundef=false \
	'-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined' || return
python3 tests/fuzz/seeds.py $out/seeds "$STACKDB" || { fail 'seeds'; return; }

running=
for target in index db value expression rsp; do
	program=build/fuzz/tests/fuzz/fuzz_$target
	[ -e "$program" ] || { fail "$program was not built"; continue; }
	corpus=$out/corpus/$target
	mkdir -p "$corpus" $out/found/$target
	regressions=$(find tests/fuzz/regressions/$target -type f 2>/dev/null)
	if [ -n "$regressions" ]; then
		check "fuzz $target: what was found before" "$program" -timeout=20 $regressions
	fi
	"$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
		-artifact_prefix=$out/found/$target/ -print_final_stats=1 \
		"$corpus" $out/seeds/$target >$out/fuzz-$target.log 2>&1 &
	running="$running $target:$!"
done
for entry in $running; do
	target=${entry%%:*}
	if wait "${entry#*:}"; then
		pass "fuzz $target for $seconds s ($(grep -o 'number_of_executed_units: .*' \
			$out/fuzz-$target.log | tr -dc 0-9) inputs)"
	else
		fail "fuzz $target (see $out/fuzz-$target.log, $out/found/$target)"
		grep -E 'ERROR|SUMMARY|#[0-9] ' $out/fuzz-$target.log | head -20 | sed 's/^/  # /'
	fi
done
