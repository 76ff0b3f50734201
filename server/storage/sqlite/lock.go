package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// fileLock is an exclusive advisory lock on a file beside the database. SQLite would let two processes share the
// database, but two servers would both work on the same shipments. The system releases it when the process dies; adapter
// processes do not inherit it.
type fileLock struct {
	file *os.File
}

// lockFile takes the lock or says who has it.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 100)) // for the message only
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("in use by another relais (%s); stop it first or name another database",
				strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	l := &fileLock{file: f}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), l.release())
	}
	return l, nil
}

// sign leaves the process id for whoever finds the lock taken.
func (l *fileLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "pid %d\n", os.Getpid()), 0)
	return err
}

// release gives the lock back. The file stays: removing it would let two processes lock two files of the same name.
//
// It is unlocked before it is closed: a process that is being forked at this moment holds the file open until it has
// executed its own program, and the lock with it.
func (l *fileLock) release() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	if errors.Is(err, syscall.EBADF) { // released before
		return nil
	}
	if closeErr := l.file.Close(); closeErr != nil && !errors.Is(closeErr, os.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}
