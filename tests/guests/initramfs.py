# SPDX-License-Identifier: MIT
"""Makes what a guest boots from: an archive of busybox, our programs, the libraries they need and
modules of the kernel. It is kept in the cache under the hash of everything that goes into it, with the
same files as a directory beside it (what `-R` of stackdb wants)."""

import contextlib
import glob
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = f"{HERE}/programs"
TARGET = f"{HERE}/../programs/target.c"
# Those that a kernel has built in are passed over; what they depend on comes along.
MODULES = ("qemu_fw_cfg", "crc7", "configfs", "dummy", "overlay", "loop", "veth", "virtio_console", "x_tables")
DYNAMIC = ["-g", "-O2", "-pthread", "-Wl,--build-id"]
STATIC = [*DYNAMIC, "-static"]
KEPT_SECONDS = 7 * 86400  # what was not booted for so long is made again
CC = os.environ.get("CC", "gcc")


def module_files(kernel):
    """The kernel package's modules: name -> path."""
    found = {}
    for root in (f"{kernel}/lib/modules", f"{kernel}/usr/lib/modules"):
        for path in glob.glob(f"{root}/**/*.ko*", recursive=True):
            found[os.path.basename(path).split(".ko")[0].replace("-", "_")] = path
    return found


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def modules_in_order(kernel, wanted=MODULES):
    """(name, content) of WANTED and what they need, each after what it needs."""
    files, done = module_files(kernel), {}

    def add(name):
        if name in done or name not in files:
            return
        content = module_bytes(files[name])
        done[name] = None  # a dependency that comes back here is not followed again
        for depends in re.findall(rb"\0depends=([^\0]*)", content):
            for other in filter(None, depends.decode().split(",")):
                add(other.replace("-", "_"))
        del done[name]
        done[name] = content

    for name in wanted:
        add(name)
    return list(done.items())


def libraries(program):
    """The files that the dynamic PROGRAM loads, under the names it loads them by."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def compile_programs(into):
    """name in the guest -> path; a 32-bit one where the compiler can make it."""
    made = {}
    for name, source, options in (
            ("bin/actor", f"{PROGRAMS}/actor.c", DYNAMIC), ("bin/actor-static", f"{PROGRAMS}/actor.c", STATIC),
            ("bin/target", TARGET, DYNAMIC), ("sbin/witness", f"{PROGRAMS}/witness.c", STATIC),
            ("bin/actor-32", f"{PROGRAMS}/actor.c", [*STATIC, "-m32"])):
        path = f"{into}/{os.path.basename(name)}"
        # The same bytes wherever this tree lies.
        folder = os.path.realpath(os.path.dirname(source))
        done = subprocess.run([CC, *options, f"-ffile-prefix-map={folder}=.", os.path.basename(source), "-o", path],
                              cwd=folder, capture_output=True, text=True)
        if done.returncode == 0:
            made[name] = path
        elif "-m32" not in options:
            raise RuntimeError(f"{CC} cannot compile {source}: {done.stderr[-500:]}")
    return made


class Tree:
    """Files of the guest: path -> (mode, content); content is bytes, a link's target, or a device."""

    def __init__(self):
        self.entries = {}

    def directory(self, path):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            self.entries.setdefault("/".join(parts[:count]), (0o040755, b""))

    def file(self, path, content, mode=0o755):
        if "/" in path:
            self.directory(os.path.dirname(path))
        self.entries[path] = (0o100000 | mode, content)

    def copy(self, path, source):
        with open(source, "rb") as file:
            self.file(path, file.read())

    def archive(self):
        """In the format that Documentation/driver-api/early-userspace/buffer-format.rst describes."""
        out = []

        def entry(number, path, mode, data, device=(0, 0)):
            name = path.encode() + b"\0"
            out.append(b"070701" + "".join(f"{value:08x}" for value in (
                number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)).encode() + name)
            out.append(b"\0" * (-len(out[-1]) % 4) + data + b"\0" * (-len(data) % 4))

        for number, (path, (mode, data)) in enumerate(sorted(self.entries.items()), 1):
            entry(number, path, mode, data)
        entry(len(self.entries) + 1, "dev/console", 0o020600, b"", (5, 1))
        entry(0, "TRAILER!!!", 0, b"")
        return b"".join(out)

    def unpack(self, root):
        for path, (mode, content) in sorted(self.entries.items()):
            if mode & 0o170000 == 0o040000:
                os.makedirs(f"{root}/{path}", exist_ok=True)
            elif mode & 0o170000 == 0o120000:
                os.symlink(content, f"{root}/{path}")
            else:
                with open(f"{root}/{path}", "wb") as file:
                    file.write(content)
                os.chmod(f"{root}/{path}", mode & 0o777)


def known_file():
    """A file of 64 KiB whose every page says where it lies."""
    return b"".join(struct.pack("<IQ", 0x6e776f6b, at) + bytes([at >> 12 & 255]) * 4084 for at in range(0, 65536, 4096))


def tree(kernel, scratch, files):
    made = Tree()
    for path in ("dev", "proc", "sys", "tmp", "run", "root", "etc", "lib/modules"):
        made.directory(path)
    with open(f"{HERE}/init", "rb") as file:
        made.file("init", file.read())
    made.copy("bin/busybox", "/bin/busybox")
    for applet in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if f"bin/{applet}" not in made.entries:
            made.entries[f"bin/{applet}"] = (0o120777, b"busybox")
    programs = compile_programs(scratch)
    if shutil.which("gdbserver"):
        programs["bin/gdbserver"] = shutil.which("gdbserver")
    for name, path in programs.items():
        made.copy(name, path)
        if not name.endswith(("-static", "-32", "witness")):
            for library in libraries(path):
                made.copy(library.lstrip("/"), library)
    modules = modules_in_order(kernel)
    for name, content in modules:
        made.file(f"lib/modules/{name}.ko", content, 0o644)
    made.file("lib/modules/order", "".join(f"{name}.ko\n" for name, _ in modules).encode(), 0o644)
    made.file("usr/share/known", known_file(), 0o644)
    made.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
    for path, source in files.items():
        made.copy(path.lstrip("/"), source)
    return made


def build(kernel, cache, files=None):
    """(archive, directory) for the kernel package unpacked at KERNEL, with FILES (path in the guest ->
    path here) added."""
    with tempfile.TemporaryDirectory(prefix="stackdb-initramfs-") as scratch:
        made = tree(kernel, scratch, files or {})
    archive = made.archive()
    place = f"{cache}/guests/{hashlib.sha256(archive).hexdigest()[:24]}"
    for other in glob.glob(f"{cache}/guests/*"):
        with contextlib.suppress(OSError):
            if time.time() - os.stat(other).st_mtime > KEPT_SECONDS:
                shutil.rmtree(other)
    with contextlib.suppress(OSError):
        os.utime(place)
    if not os.path.exists(f"{place}/initramfs.cpio"):
        os.makedirs(f"{cache}/guests", exist_ok=True)
        new = tempfile.mkdtemp(dir=f"{cache}/guests", prefix="new-")
        made.unpack(f"{new}/root")
        with open(f"{new}/initramfs.cpio", "wb") as file:
            file.write(archive)
        os.chmod(new, 0o755)
        with contextlib.suppress(OSError):  # somebody else made the same meanwhile
            os.rename(new, place)
        shutil.rmtree(new, ignore_errors=True)
    return f"{place}/initramfs.cpio", f"{place}/root"
