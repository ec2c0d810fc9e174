"""bpf(2) in the few forms that the harness needs: no library, no compiler.

A program is a list of instructions made by the functions below; a jump names a
label, and `assemble` turns the names into distances.
"""

import ctypes
import os
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
MAP_CREATE, MAP_UPDATE, MAP_DELETE, MAP_LOOKUP_AND_DELETE = 0, 2, 3, 21
PROG_LOAD, RAW_TRACEPOINT_OPEN, LINK_CREATE = 5, 17, 28
MAP_TYPE_HASH, MAP_TYPE_QUEUE = 1, 22
PROG_TYPE_XDP, PROG_TYPE_RAW_TRACEPOINT = 6, 17
ATTACH_XDP = 37
HELPER_MAP_LOOKUP, HELPER_MAP_PUSH, HELPER_PROBE_READ_KERNEL = 1, 87, 113

_libc = ctypes.CDLL(None, use_errno=True)


def call(command, attributes):
    number = SYS_BPF.get(os.uname().machine)
    if number is None:
        raise OSError("bpf(2): unknown number on this machine")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _libc.syscall(number, command, buffer, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf({command}): {os.strerror(error)}")
    return result, buffer.raw


def _insn(code, dst=0, src=0, off=0, imm=0):
    return [code, dst, src, off, imm]


def load64(dst, src, off):
    return _insn(0x79, dst, src, off)


def load16(dst, src, off):
    return _insn(0x69, dst, src, off)


def store64(dst, off, src):
    return _insn(0x7B, dst, src, off)


def store32(dst, off, src):
    return _insn(0x63, dst, src, off)


def zero64(dst, off):
    return _insn(0x7A, dst, 0, off)


def move(dst, src):
    return _insn(0xBF, dst, src)


def set_to(dst, value):
    return _insn(0xB7, dst, 0, 0, value)


def add(dst, value):
    return _insn(0x07, dst, 0, 0, value)


def add_reg(dst, src):
    return _insn(0x0F, dst, src)


def jump_if(dst, value, label):
    return _insn(0x15, dst, 0, label, value)


def jump(label):
    return _insn(0x05, 0, 0, label)


def helper(number):
    return _insn(0x85, 0, 0, 0, number)


def leave():
    return _insn(0x95)


def assemble(items):
    """Instructions, labels (strings) and nested lists -> the bytes that bpf(2) takes."""
    flat = []

    def flatten(part):
        for item in part:
            if isinstance(item, list) and item and not isinstance(item[0], int):
                flatten(item)
            else:
                flat.append(item)

    flatten(items)
    place, code = {}, []
    for item in flat:
        if isinstance(item, str):
            place[item] = len(code)
        else:
            code.append(item)
    out = b""
    for at, (op, dst, src, off, imm) in enumerate(code):
        distance = place[off] - at - 1 if isinstance(off, str) else off
        out += struct.pack("<BBhi", op, src << 4 | dst, distance, imm)
    return out


def load_map(dst, fd):
    """The 16-byte instruction that puts the address of a map into a register."""
    return [_insn(0x18, dst, 1, 0, fd), _insn(0x00)]


def load_program(kind, code):
    text = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 16)
    attributes = struct.pack("<IIQQIIQ", kind, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence),
                             1, len(log), ctypes.addressof(log))
    try:
        return call(PROG_LOAD, attributes)[0]
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}\n{log.value.decode(errors='replace')}") from None


class Queue:
    """A BPF map that a program pushes records to and this process pops from."""

    def __init__(self, record_size, entries):
        self._size = record_size
        self.fd = call(MAP_CREATE, struct.pack("<IIIII", MAP_TYPE_QUEUE, 0, record_size, entries, 0))[0]

    def pop(self):
        value = ctypes.create_string_buffer(self._size)
        try:
            call(MAP_LOOKUP_AND_DELETE, struct.pack("<IIQQQ", self.fd, 0, 0, ctypes.addressof(value), 0))
        except FileNotFoundError:
            return None
        return value.raw

    def close(self):
        os.close(self.fd)


class Set:
    """A BPF map of 32-bit numbers that a program looks into."""

    def __init__(self, entries):
        self._members = set()
        self.fd = call(MAP_CREATE, struct.pack("<IIIII", MAP_TYPE_HASH, 4, 4, entries, 0))[0]

    def assign(self, members):
        for number in members - self._members:
            self._change(MAP_UPDATE, number)
        for number in self._members - members:
            self._change(MAP_DELETE, number)
        self._members = set(members)

    def _change(self, command, number):
        key = ctypes.create_string_buffer(struct.pack("<I", number), 4)
        at = ctypes.addressof(key)
        call(command, struct.pack("<IIQQQ", self.fd, 0, at, at if command == MAP_UPDATE else 0, 0))

    def close(self):
        os.close(self.fd)
