#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs COMMAND, in whose arguments @vmlinux and @modules stand for the files of the cached kernel.

usage: with_kernel.py COMMAND [ARGUMENT...]

Without a kernel these arguments are left out, which is said; the exit status is COMMAND's."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402

MODULES = ("/fs/xfs/xfs.ko", "/arch/x86/kvm/kvm.ko")


def files(word):
    if word == "@vmlinux":
        return [oracle.vmlinux()]
    return [module for module, _ in oracle.kernel_modules() if module.endswith(MODULES)]


def main():
    command = []
    for word in sys.argv[1:]:
        if word not in ("@vmlinux", "@modules"):
            command.append(word)
            continue
        try:
            command += files(word)
        except oracle.Unavailable as reason:
            print(f"skipped {word}: {reason}", flush=True)
    return subprocess.run(command, check=False).returncode


sys.exit(main())
