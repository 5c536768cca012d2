# SPDX-License-Identifier: MIT
# Sourced by scripts that ask another release of Debian for packages. That goes through a source list,
# package lists and a cache of apt's that lie in our cache: the machine's own apt does not see them and
# nothing gets installed. The registry's address is the one in the machine's own source list.
#
# Wants: $cache (a directory), and dependencies.sh.

die() {
	echo "$0: $*" >&2
	exit 1
}

own_release() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

# foreign_apt RELEASE: from here on `apt` asks RELEASE and nothing else.
foreign_apt() {
	apt_root=$cache/apt-$1
	mkdir -p "$apt_root/lists/partial" "$apt_root/cache/archives/partial"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e $keyring ] && signed="[signed-by=$keyring] " || signed=
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sed -n "s,^\([^ ]*\) $(own_release)\(\|-updates\|-security\) main\$,deb $signed\1 $1\2 main,p" |
		sort -u >"$apt_root/sources.list"
	[ -s "$apt_root/sources.list" ] ||
		die "the machine's package sources name no archive of $(own_release): cannot ask it for $1"
	apt_options="-o Dir::Etc::sourcelist=$apt_root/sources.list -o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::Lists=$apt_root/lists -o Dir::Cache=$apt_root/cache
		-o APT::Sandbox::User=$(id -un) -o Acquire::Check-Valid-Until=false"
	own_lists=yes
}

apt_options='-o Acquire::Retries=3'
own_lists=
apt_get() { apt-get -q $apt_options "$@" >&2; }
update() {
	if [ "$own_lists" ]; then
		apt_get -o APT::Update::Error-Mode=any update
	else
		as_root apt-get -q update >&2
	fi || echo "the package lists could not be brought up to date" >&2
}
