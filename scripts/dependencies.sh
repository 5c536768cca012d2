# SPDX-License-Identifier: MIT
# Sourced by the other scripts: installs what is missing, by apt name, and only that.
#
# An entry is WHAT=PACKAGE[|PACKAGE...]: WHAT is a program, a path (a pattern) or a pkg-config
# module; of several packages the first one that this release of Debian has is installed.

build_needs='
gcc=gcc /usr/include/stdio.h=libc6-dev meson=meson ninja=ninja-build
pkg-config=pkg-config|pkgconf
pc:sqlite3=libsqlite3-dev pc:liblz4=liblz4-dev /usr/include/dwarf.h=libdw-dev
/usr/include/Zydis/Zydis.h=libzydis-dev pc:libdeflate=libdeflate-dev pc:liblzma=liblzma-dev pc:zlib=zlib1g-dev
pc:libzstd=libzstd-dev'

try_needs='
/usr/lib/debug/.build-id=libc6-dbg python3=python3'

kernel_needs='
dpkg-deb=dpkg apt-get=apt'

test_needs='
python3=python3 g++=g++ clang=clang /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a=libclang-rt-dev|libclang-rt-14-dev
readelf=binutils doxygen=doxygen xz=xz-utils zstd=zstd sqlite3=sqlite3
gdb=gdb gdbserver=gdbserver strace=strace setpriv=util-linux /usr/include/*/libunwind-ptrace.h=libunwind-dev
/usr/bin/python3.*d=python3.13-dbg|python3.11-dbg|python3.9-dbg
eu-addr2line=elfutils pahole=pahole|dwarves dwz=dwz rustc=rustc
/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a=gcc-multilib /usr/lib/gcc/x86_64-linux-gnu/*/32/libstdc++.a=g++-multilib
/usr/lib/llvm-*/bin/llvm-dwp=llvm
/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6=libstdc++6-14-dbg|libstdc++6-12-dbg|libstdc++6-10-dbg'

# To boot a guest, and the programs that are asked about it.
guest_needs='
python3=python3 gcc=gcc qemu-system-x86_64=qemu-system-x86 /bin/busybox=busybox-static'

guest_peer_needs='
gdb=gdb crash=crash drgn=python3-drgn|drgn gdbserver=gdbserver qemu-img=qemu-utils
/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a=gcc-multilib'

libvirt_needs='
pc:libvirt=libvirt-dev libvirtd=libvirt-daemon-system virsh=libvirt-clients
/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so=libvirt-daemon-driver-qemu'

xen_needs='
/usr/include/xenctrl.h=libxen-dev'

bench_needs='
drgn=python3-drgn|drgn llvm-gsymutil-19=llvm-19|llvm'

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "neither root nor sudo: cannot run: $*" >&2
		return 1
	fi
}

have() {
	case $1 in
	pc:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pc:}" ;;
	*/*) ls -d $1 >/dev/null 2>&1 ;; # unquoted: a pattern
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

missing_entries() {
	set -f # the patterns are for have()
	for entry in $1; do
		set +f
		have "${entry%%=*}" || echo "$entry"
	done
	set +f
}

# require NEEDS [optional]: installs what is missing of NEEDS. What this release does not have is
# an error, or with `optional` said and passed over.
require() {
	missing=$(missing_entries "$1")
	[ -n "$missing" ] || return 0
	export DEBIAN_FRONTEND=noninteractive
	if ! as_root apt-get update -q >/dev/null; then
		[ "${2:-}" = optional ] || return 1
	fi
	packages=
	for entry in $missing; do
		chosen=
		for package in $(echo "${entry#*=}" | tr '|' ' '); do
			if [ -z "$chosen" ] && apt-cache show "$package" >/dev/null 2>&1; then
				chosen=$package
			fi
		done
		if [ -n "$chosen" ]; then
			packages="$packages $chosen"
		elif [ "${2:-}" = optional ]; then
			echo "not in this release of Debian: ${entry#*=}"
		else
			echo "no package for ${entry%%=*}: ${entry#*=}" >&2
			return 1
		fi
	done
	[ -n "$packages" ] || return 0
	echo "installing:$packages"
	as_root apt-get install -q -y --no-install-recommends $packages >/dev/null ||
		[ "${2:-}" = optional ]
}

# Where what was fetched is kept between runs: never inside the tree.
cache_directory() {
	for directory in ${STACKDB_CACHE:-/var/cache/stackdb-test "$HOME/.cache/stackdb-test"}; do
		if mkdir -p "$directory" 2>/dev/null && [ -w "$directory" ]; then
			echo "$directory"
			return 0
		fi
	done
	echo "no directory to cache in: set STACKDB_CACHE" >&2
	return 1
}

# configure DIRECTORY OPTION...: a meson build directory, made once.
configure() {
	directory=$1
	shift
	if [ -e "$directory/build.ninja" ]; then
		return 0
	fi
	rm -rf "$directory"
	meson setup "$directory" "$@" >"$directory.log" 2>&1 || {
		cat "$directory.log"
		return 1
	}
}
