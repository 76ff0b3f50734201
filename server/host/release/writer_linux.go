package release

import (
	"os"

	"golang.org/x/sys/unix"
)

// hasWriter reports whether somebody has the file open for writing: the kernel grants a read lease only on a file that nobody
// does. Only the file's owner may ask, or a process with CAP_LEASE, and only on a file system of this machine. It says no where it
// cannot tell: Take then notices a writer only by a size or time that changes while it copies, and not one that pauses for longer.
// Renaming a complete file into place is the way that is sure everywhere.
func hasWriter(file *os.File) bool {
	_, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err != nil {
		return err == unix.EAGAIN //nolint:errorlint // a bare errno
	}
	_, _ = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}
