package release

import (
	"os"

	"golang.org/x/sys/unix"
)

// hasWriter reports whether somebody has the file open for writing: the kernel grants a read lease only on a file that nobody
// does. It says no where leases are not to be had: on a network's file system, or on a file of another user.
func hasWriter(file *os.File) bool {
	_, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err != nil {
		return err == unix.EAGAIN //nolint:errorlint // a bare errno
	}
	_, _ = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}
