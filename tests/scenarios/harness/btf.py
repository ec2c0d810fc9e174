"""The running kernel's own type information (/sys/kernel/btf/vmlinux).

Only what the drop watch needs: the byte offset of a structure's member, and the
names of an enumeration.  Nothing is compiled in, so the watch fits whatever
kernel it runs on.
"""

import struct

INT, PTR, ARRAY, STRUCT, UNION, ENUM = 1, 2, 3, 4, 5, 6
FUNC_PROTO, VAR, DATASEC, DECL_TAG, ENUM64 = 13, 14, 15, 17, 19


class Btf:
    def __init__(self, path="/sys/kernel/btf/vmlinux"):
        with open(path, "rb") as file:
            self._data = file.read()
        _, _, _, header, type_off, type_len, str_off, _ = struct.unpack_from("<HBBIIIII", self._data)
        self._strings = header + str_off
        self._types = [None]  # by type id: (kind, vlen, offset of what follows the fixed part)
        self._by_name = {}
        self._index(header + type_off, header + type_off + type_len)

    def _index(self, at, end):
        after = {INT: lambda n: 4, ARRAY: lambda n: 12, STRUCT: lambda n: 12 * n, UNION: lambda n: 12 * n,
                 ENUM: lambda n: 8 * n, FUNC_PROTO: lambda n: 8 * n, VAR: lambda n: 4,
                 DATASEC: lambda n: 12 * n, DECL_TAG: lambda n: 4, ENUM64: lambda n: 12 * n}
        while at < end:
            name, info, _ = struct.unpack_from("<III", self._data, at)
            kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
            if kind in (STRUCT, UNION, ENUM) and name:
                self._by_name.setdefault((kind, self._text(name)), len(self._types))
            self._types.append((kind, vlen, info >> 31, at + 12))
            at += 12 + after.get(kind, lambda n: 0)(vlen)

    def _text(self, offset):
        start = self._strings + offset
        return self._data[start:self._data.index(b"\0", start)].decode()

    def offset(self, structure, member):
        """Byte offset of `member`, also when it sits in an anonymous struct or union."""
        found = self._find(self._by_name[STRUCT, structure], member)
        if found is None:
            raise KeyError(f"struct {structure} has no member {member}")
        return found // 8

    def _find(self, type_id, wanted):
        kind, vlen, bitfields, at = self._types[type_id]
        if kind not in (STRUCT, UNION):
            return None
        for i in range(vlen):
            name, member_type, bits = struct.unpack_from("<III", self._data, at + 12 * i)
            bits = bits & 0xFFFFFF if bitfields else bits
            if name and self._text(name) == wanted:
                return bits
            inner = None if name else self._find(member_type, wanted)
            if inner is not None:
                return bits + inner
        return None

    def enum(self, name):
        """Value -> enumerator name."""
        _, vlen, _, at = self._types[self._by_name[ENUM, name]]
        pairs = (struct.unpack_from("<Ii", self._data, at + 8 * i) for i in range(vlen))
        return {value: self._text(text) for text, value in pairs}
