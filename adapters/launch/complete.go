package launch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrCutOff says that the end of the file is missing.
var ErrCutOff = errors.New("the file is cut off")

// CheckComplete refuses an ELF program, Linux's format, of which a part is missing that its own tables tell of: most often an interrupted
// copy. Such a file may start and serve all the same, when no more than the debugger's data is lost, and is not what was built. The error
// wraps ErrCutOff, or is that of reading. Files of other formats are not looked into.
func CheckComplete(file io.ReaderAt, size int64) error {
	end, err := elfEnd(file)
	switch cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); {
	case err != nil && !cut:
		return err
	case cut || end > uint64(max(size, 0)):
		return fmt.Errorf("%w: %d of %d bytes; copy it again", ErrCutOff, size, end)
	}
	return nil
}

// elfEnd is where the last byte ends that the tables of an ELF file tell of; 0 of another file. When the tables themselves are cut off the
// error is the end of the file, and the result where they end.
func elfEnd(file io.ReaderAt) (end uint64, err error) {
	var ident [elf.EI_NIDENT]byte
	switch n, err := file.ReadAt(ident[:], 0); {
	case err != nil && !errors.Is(err, io.EOF):
		return 0, err
	case n < len(ident) || !bytes.HasPrefix(ident[:], []byte(elf.ELFMAG)):
		return 0, nil
	}
	t := elfTables{file: file, order: binary.LittleEndian, wide: elf.Class(ident[elf.EI_CLASS]) == elf.ELFCLASS64}
	if elf.Data(ident[elf.EI_DATA]) == elf.ELFDATA2MSB {
		t.order = binary.BigEndian
	}
	h, err := t.header()
	if err != nil {
		return uint64(binary.Size(h)), err
	}
	segments, sections := uint64(h.Phentsize)*uint64(h.Phnum), uint64(h.Shentsize)*uint64(h.Shnum)
	end = max(past(h.Phoff, segments), past(h.Shoff, sections))
	for i := range uint64(h.Phnum) {
		last, err := t.segment(h.Phoff + i*uint64(h.Phentsize))
		if err != nil {
			return end, err
		}
		end = max(end, last)
	}
	for i := range uint64(h.Shnum) {
		last, err := t.section(h.Shoff + i*uint64(h.Shentsize))
		if err != nil {
			return end, err
		}
		end = max(end, last)
	}
	return end, nil
}

// past is where something ends that begins at an offset.
func past(offset, size uint64) uint64 {
	if size == 0 {
		return 0
	}
	return offset + min(size, math.MaxUint64-offset)
}

// elfTables reads the tables of an ELF file, whose fields are wider in files for machines of 64 bits.
type elfTables struct {
	file  io.ReaderAt
	order binary.ByteOrder
	wide  bool
}

// read fills in a structure that lies at an offset.
func (t elfTables) read(offset uint64, into any) error {
	if offset > math.MaxInt64/2 {
		return io.ErrUnexpectedEOF
	}
	return binary.Read(io.NewSectionReader(t.file, int64(offset), math.MaxInt64/2), t.order, into)
}

// header is the file's header.
func (t elfTables) header() (h elf.Header64, err error) {
	if t.wide {
		return h, t.read(0, &h)
	}
	var narrow elf.Header32
	err = t.read(0, &narrow)
	h.Phoff, h.Phentsize, h.Phnum = uint64(narrow.Phoff), narrow.Phentsize, narrow.Phnum
	h.Shoff, h.Shentsize, h.Shnum = uint64(narrow.Shoff), narrow.Shentsize, narrow.Shnum
	return h, err
}

// segment is where the content of a segment ends, whose description lies at an offset.
func (t elfTables) segment(offset uint64) (end uint64, err error) {
	if t.wide {
		var p elf.Prog64
		err = t.read(offset, &p)
		return past(p.Off, p.Filesz), err
	}
	var p elf.Prog32
	err = t.read(offset, &p)
	return past(uint64(p.Off), uint64(p.Filesz)), err
}

// section is the same of a section. One of zeros has none in the file.
func (t elfTables) section(offset uint64) (end uint64, err error) {
	var s elf.Section64
	if t.wide {
		err = t.read(offset, &s)
	} else {
		var narrow elf.Section32
		err = t.read(offset, &narrow)
		s.Type, s.Off, s.Size = narrow.Type, uint64(narrow.Off), uint64(narrow.Size)
	}
	if kind := elf.SectionType(s.Type); kind == elf.SHT_NOBITS || kind == elf.SHT_NULL {
		return 0, err
	}
	return past(s.Off, s.Size), err
}
