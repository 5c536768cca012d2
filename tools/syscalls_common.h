/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SYSCALLS_COMMON_H
#define TOOLS_SYSCALLS_COMMON_H

/* System calls that have the same number on every machine, since v5.1; entries of a table of struct syscall_info. */
#define SYSCALLS_COMMON \
	[424] = { "pidfd_send_signal", "ddpx" }, \
	[425] = { "io_uring_setup", NULL }, \
	[426] = { "io_uring_enter", NULL }, \
	[427] = { "io_uring_register", NULL }, \
	[428] = { "open_tree", NULL }, \
	[429] = { "move_mount", NULL }, \
	[430] = { "fsopen", NULL }, \
	[431] = { "fsconfig", NULL }, \
	[432] = { "fsmount", NULL }, \
	[433] = { "fspick", NULL }, \
	[434] = { "pidfd_open", "dx" }, \
	[435] = { "clone3", "pu" }, \
	[436] = { "close_range", "ddx" }, \
	[437] = { "openat2", "Dspu" }, \
	[438] = { "pidfd_getfd", NULL }, \
	[439] = { "faccessat2", "Dsox" }, \
	[440] = { "process_madvise", NULL }, \
	[441] = { "epoll_pwait2", "dpdpp" }, \
	[442] = { "mount_setattr", NULL }, \
	[443] = { "quotactl_fd", NULL }, \
	[444] = { "landlock_create_ruleset", NULL }, \
	[445] = { "landlock_add_rule", NULL }, \
	[446] = { "landlock_restrict_self", NULL }, \
	[447] = { "memfd_secret", NULL }, \
	[448] = { "process_mrelease", NULL }, \
	[449] = { "futex_waitv", NULL }, \
	[450] = { "set_mempolicy_home_node", NULL }, \
	[451] = { "cachestat", NULL }, \
	[452] = { "fchmodat2", NULL }, \
	[453] = { "map_shadow_stack", NULL }, \
	[454] = { "futex_wake", NULL }, \
	[455] = { "futex_wait", NULL }, \
	[456] = { "futex_requeue", NULL }, \
	[457] = { "statmount", NULL }, \
	[458] = { "listmount", NULL }, \
	[459] = { "lsm_get_self_attr", NULL }, \
	[460] = { "lsm_set_self_attr", NULL }, \
	[461] = { "lsm_list_modules", NULL }, \
	[462] = { "mseal", NULL },

#endif
