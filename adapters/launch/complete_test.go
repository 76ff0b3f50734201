package launch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// TestCheckComplete cuts files off at places that matter. Those of 32 bits, and of machines that write numbers the other way round, are
// made of tables only.
func TestCheckComplete(t *testing.T) {
	t.Parallel()
	self, err := os.ReadFile(program(t, handshake.FilePrefix+"good"))
	if err != nil {
		t.Fatal(err)
	}
	narrow, wide := elf32(binary.BigEndian), elf64(binary.LittleEndian)
	for _, tt := range []struct {
		name string
		file []byte
		size int    // that it is cut to
		says string // empty when it is whole
	}{
		{"a Go program", self, len(self), ""},
		{"a Go program with something behind it", append(bytes.Clone(self), "label"...), len(self) + 5, ""},
		{"a Go program without its last byte", self, len(self) - 1, "copy it again"},
		{"a Go program without its debugger's data", self, len(self) / 3 * 2, "copy it again"},
		{"a Go program's first block", self, 4096, "copy it again"},
		{"64 bits", wide, 1000, ""},
		{"64 bits, a segment cut", wide, 999, "999 of 1000 bytes"},
		{"64 bits, the table of sections cut", wide, 239, "239 of 1000 bytes"},
		{"64 bits, the header cut", wide, 40, "40 of 64 bytes"},
		{"32 bits, big-endian", narrow, 800, ""},
		{"32 bits, a section cut", narrow, 799, "799 of 800 bytes"},
		{"32 bits, the table of segments cut", narrow, 80, "80 of 164 bytes"},
		{"a script", []byte("#!/bin/sh\n"), 10, ""},
		{"nothing", nil, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := launch.CheckComplete(bytes.NewReader(tt.file[:tt.size]), int64(tt.size))
			switch {
			case tt.says == "" && err != nil:
				t.Errorf("CheckComplete = %v of a whole file", err)
			case tt.says != "" && (!errors.Is(err, launch.ErrCutOff) || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("CheckComplete = %v, want ErrCutOff that says %q", err, tt.says)
			}
		})
	}
}

// TestCheckCompleteReadsNoNonsense: numbers that no file has must not be reached for.
func TestCheckCompleteReadsNoNonsense(t *testing.T) {
	t.Parallel()
	file := elf64(binary.LittleEndian)
	binary.LittleEndian.PutUint64(file[40:], 1<<63) // where the table of sections begins
	if err := launch.CheckComplete(bytes.NewReader(file), int64(len(file))); !errors.Is(err, launch.ErrCutOff) {
		t.Errorf("CheckComplete = %v, want ErrCutOff", err)
	}
}

// elf64 is a file whose one segment ends at byte 1000, with one section, of zeros, that has nothing in the file.
func elf64(order binary.ByteOrder) []byte {
	file := make([]byte, 1000)
	copy(file, "\x7fELF\x02\x01")
	order.PutUint64(file[32:], 64)  // segments
	order.PutUint64(file[40:], 184) // sections
	order.PutUint16(file[54:], 56)
	order.PutUint16(file[56:], 1)
	order.PutUint16(file[58:], 64)
	order.PutUint16(file[60:], 1)
	order.PutUint64(file[64+8:], 500) // the segment
	order.PutUint64(file[64+32:], 500)
	order.PutUint32(file[184+4:], 8) // the section: NOBITS
	order.PutUint64(file[184+24:], 900)
	order.PutUint64(file[184+32:], 9000)
	return file
}

// elf32 is a file with one segment, which ends at byte 300, and one section, which ends at byte 800.
func elf32(order binary.ByteOrder) []byte {
	file := make([]byte, 800)
	copy(file, "\x7fELF\x01\x02")
	order.PutUint32(file[28:], 52)  // segments
	order.PutUint32(file[32:], 124) // sections
	order.PutUint16(file[42:], 32)
	order.PutUint16(file[44:], 1)
	order.PutUint16(file[46:], 40)
	order.PutUint16(file[48:], 1)
	order.PutUint32(file[52+4:], 100) // the segment
	order.PutUint32(file[52+16:], 200)
	order.PutUint32(file[124+4:], 1) // the section: PROGBITS
	order.PutUint32(file[124+16:], 700)
	order.PutUint32(file[124+20:], 100)
	return file
}
